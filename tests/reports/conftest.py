"""A finished check made by hand, so that the formats are tested without a log."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from analyzer.checks.findings import Finding, RuleResult, conclude
from analyzer.checks.rule import Rule
from tests.reports.rendering import HOSTILE


@dataclass
class FakeSource:
    name: str = "buildkitd.log"
    records: int = 1234
    lines: int = 1500
    buildkit_version: str | None = "v0.17.3"
    coverage: dict[str, Any] = field(
        default_factory=lambda: {
            "startup": True,
            "debug": True,
            "trace_ids": True,
            "complete": True,
            "lines_not_understood": 0,
        }
    )


@dataclass
class FakeReport:
    results: list[RuleResult]
    sources: list[FakeSource] = field(default_factory=lambda: [FakeSource()])
    exit_code: int = 0
    fail_on: str = "error"
    exhibits: tuple[Any, ...] = ()
    project: str | None = None
    redacted: bool = True

    @property
    def summary(self) -> dict[str, int]:
        return dict(Counter(result.verdict for result in self.results))


def make_rule(rule_id: str, **parts: Any) -> Rule:
    standard = {
        "title": f"Title of {rule_id}",
        "family": "mirrors",
        "severity": "error",
        "subjects": "SELECT 1",
        "rows": "SELECT 1",
        "expect": "true",
        "message": "",
    }
    return Rule(id=rule_id, **{**standard, **parts})


def make_result(rule: Rule, *findings: dict[str, Any]) -> RuleResult:
    made = []
    for parts in findings:
        standard = {
            "subject": "docker.io",
            "evidence": "proof",
            "message": "as expected",
            "source": "buildkitd.log",
        }
        made.append(
            Finding(rule=rule.id, family=rule.family, severity=rule.severity, **{**standard, **parts})
        )
    return conclude(rule, made)


@pytest.fixture
def report() -> FakeReport:
    """One rule a verdict, and two failures of different weight."""
    return FakeReport(
        [
            make_result(
                make_rule("mirror-healthy", severity="warning", title="Mirrors answer without errors"),
                {
                    "verdict": "fail",
                    "subject": "mirror.example.com",
                    "message": "answered 500",
                    "lines": (7,),
                },
            ),
            make_result(
                make_rule("mirror-served", title="Pulls of a mirrored registry are served by its mirrors"),
                {
                    "verdict": "fail",
                    "message": "layer of docker.io/library/alpine:3.20 came from registry-1.docker.io "
                    "(mirror.example.com: 404, registry-1.docker.io: 200)",
                    "lines": (214, 220, 221, 222),
                    "records": (200, 206),
                    "fix": "Give the mirror what it lacks, or see why it refused.",
                    "references": ("https://docs.docker.com/build/buildkit/configure/#registry-mirror",),
                },
                {"verdict": "unknown", "subject": "ghcr.io", "message": "nothing tells who answered"},
            ),
            make_result(
                make_rule("tls-trusted", family="certificates"),
                {"verdict": "unknown", "subject": "mirror.example.com", "message": "no debug lines"},
            ),
            make_result(
                make_rule("network-mode", family="network"),
                {"verdict": "pass", "subject": "oci", "message": "host as intended", "evidence": "inference"},
            ),
            make_result(
                make_rule("network-setup", family="network"),
                {"verdict": "skipped", "subject": "", "message": "the log shows no network event"},
            ),
            make_result(
                make_rule("keypair-valid", family="certificates"),
                {"verdict": "skipped", "subject": "", "message": "the configuration names no key pair"},
            ),
            make_result(make_rule("debug-enabled", family="configuration"), {"verdict": "waived"}),
        ],
        exit_code=1,
    )


@pytest.fixture
def rule_maker() -> Any:
    return make_rule


@pytest.fixture
def result_maker() -> Any:
    return make_result


@pytest.fixture
def report_maker() -> Any:
    return FakeReport


@pytest.fixture
def source_maker() -> Any:
    return FakeSource


@pytest.fixture
def hostile() -> FakeReport:
    """A report whose every word was written by somebody who means harm."""
    rule = make_rule("r", title=HOSTILE, why=HOSTILE, fix=HOSTILE, references=(HOSTILE,))
    parts = {
        "subject": HOSTILE,
        "message": HOSTILE,
        "source": HOSTILE,
        "lines": (3,),
        "fix": HOSTILE,
        "references": (HOSTILE,),
        "config_file": HOSTILE,
        "config_line": 1,
        "waiver": HOSTILE,
    }
    findings = [{"verdict": verdict, **parts} for verdict in ("fail", "unknown", "pass", "skipped", "waived")]
    return FakeReport([make_result(rule, *findings)], [FakeSource(name=HOSTILE)], exit_code=1)


@pytest.fixture(autouse=True)
def no_pipeline(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that run in a pipeline are not about that pipeline."""
    for name in ("GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
