"""The report as GitLab's code quality artifact: a JSON array of issues."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from analyzer.checks.findings import fingerprint
from analyzer.reports.escaping import dump_json, escape_terminal
from analyzer.reports.model import one_line

if TYPE_CHECKING:
    from analyzer.checks import Finding
    from analyzer.reports.model import ReportLike

_SEVERITIES = {"error": "critical", "warning": "minor", "info": "info"}


def write(report: ReportLike, stream: TextIO) -> None:
    """Write an issue for each finding that failed or is unknown; an unknown weighs at most ``minor``."""
    issues = [
        _describe(finding, report)
        for result in report.results
        for finding in result.findings
        if finding.verdict in ("fail", "unknown")
    ]
    stream.write(dump_json(issues, indent=2) + "\n")


def _describe(finding: Finding, report: ReportLike) -> dict[str, Any]:
    severity = _SEVERITIES.get(finding.severity, "minor")
    words = one_line(f"{finding.subject}: {finding.message}" if finding.subject else finding.message)
    if finding.verdict == "unknown":
        words = f"unknown: {words}"
        severity = "minor" if severity == "critical" else severity
    name = finding.source or next((source.name for source in report.sources), "buildkitd.log")
    return {
        "description": escape_terminal(words),
        "check_name": finding.rule,
        "fingerprint": fingerprint(finding),
        "severity": severity,
        "location": {
            "path": escape_terminal(name),
            "lines": {"begin": finding.lines[0] if finding.lines else 1},
        },
    }
