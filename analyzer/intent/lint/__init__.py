"""What is wrong or doubtful in a configuration, told before anything runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from analyzer.intent.lint.catalogue import KINDS
from analyzer.intent.lint.certificates import check_certificates
from analyzer.intent.lint.daemon import check_daemon
from analyzer.intent.lint.dockerd import check_dockerd
from analyzer.intent.lint.finding import LintFinding
from analyzer.intent.lint.keys import check_keys
from analyzer.intent.lint.mirrors import check_mirrors
from analyzer.intent.lint.registries import check_registries
from analyzer.intent.lint.workers import check_workers

if TYPE_CHECKING:
    from analyzer.intent.config import Config

__all__ = ["KINDS", "LintFinding", "lint_config"]

_CHECKS = (check_keys, check_registries, check_mirrors, check_certificates, check_workers, check_daemon)


def lint_config(config: Config, version: str | None = None) -> tuple[LintFinding, ...]:
    """Look a configuration over.

    Args:
        config: The configuration, with the daemon's flags where they are known.
        version: BuildKit's version; without one, what is wrong in the newest version counts, and keys are not
            measured against versions.

    Returns:
        Findings in the order of the lines; those on flags last.
    """
    checks = (check_dockerd,) if config.kind == "dockerd" else _CHECKS
    findings = [finding for check in checks for finding in check(config, version)]
    return tuple(sorted(findings, key=lambda finding: finding.order))
