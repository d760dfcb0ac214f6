"""Verdicts with evidence: did BuildKit do what its configuration says.

    import analyzer as bk

    log = bk.read("buildkitd.log")
    config = bk.load_config("buildkitd.toml")
    seen = bk.attribute(log, config)
    report = bk.check(log, config)
    report.verdict("mirror-served")

Names are loaded when they are first used, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from analyzer.api import Log, Report, Seen, attribute, check, load_effective, read
    from analyzer.checks import Finding, Rule, load_rules
    from analyzer.collecting import collect
    from analyzer.errors import AnalyzerError
    from analyzer.intent import Config, load_config, parse_config
    from analyzer.project import Project, load_project
    from analyzer.tracing import Traces, load_traces

__version__ = "0.1.0"

_HOMES = {
    "AnalyzerError": "analyzer.errors",
    "Config": "analyzer.intent",
    "Finding": "analyzer.checks",
    "Log": "analyzer.api",
    "Project": "analyzer.project",
    "Report": "analyzer.conclusion",
    "Rule": "analyzer.checks",
    "Seen": "analyzer.api",
    "Traces": "analyzer.tracing",
    "attribute": "analyzer.api",
    "check": "analyzer.api",
    "collect": "analyzer.collecting",
    "load_config": "analyzer.intent",
    "load_effective": "analyzer.api",
    "load_project": "analyzer.project",
    "load_rules": "analyzer.checks",
    "load_traces": "analyzer.tracing",
    "parse_config": "analyzer.intent",
    "read": "analyzer.api",
}

__all__ = [
    "AnalyzerError",
    "Config",
    "Finding",
    "Log",
    "Project",
    "Report",
    "Rule",
    "Seen",
    "Traces",
    "__version__",
    "attribute",
    "check",
    "collect",
    "load_config",
    "load_effective",
    "load_project",
    "load_rules",
    "load_traces",
    "parse_config",
    "read",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
