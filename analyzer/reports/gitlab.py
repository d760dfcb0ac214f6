"""The report as GitLab's code quality artifact: a JSON array of issues.

An issue stands at the line of the configuration that is to blame, else at the first line of the log. GitLab takes paths
relative to the repository only, without ``./``, and drops the second issue of a fingerprint
(docs.gitlab.com, "Code Quality", the report format).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TextIO

from analyzer.reports.escaping import dump_json, escape_terminal
from analyzer.reports.model import UNREDACTED, identify, statement, worst_first
from analyzer.reports.places import blamed, in_repository

if TYPE_CHECKING:
    from analyzer.checks import Finding
    from analyzer.reports.model import ReportLike

_SEVERITIES = {"error": "critical", "warning": "minor", "info": "info"}


def write(report: ReportLike, stream: TextIO) -> None:
    """Write an issue for each finding that failed or is unknown; an unknown weighs at most ``minor``."""
    findings = worst_first(report)
    named = zip(findings, identify(findings, report), strict=True)
    stream.write(dump_json([_describe(finding, name, report) for finding, name in named], indent=2) + "\n")


def _describe(finding: Finding, name: str, report: ReportLike) -> dict[str, Any]:
    severity = _SEVERITIES.get(finding.severity, "minor")
    words = statement(finding)
    if finding.verdict == "unknown":
        words = f"unknown: {words}"
        severity = "minor" if severity == "critical" else severity
    if not report.redacted:
        # the format has no other place for it
        words += f" ({UNREDACTED})"
    place = blamed(finding, report)
    return {
        "description": escape_terminal(words),
        "check_name": finding.rule,
        "fingerprint": name,
        "severity": severity,
        "location": {
            "path": escape_terminal(in_repository(place.file).lstrip("/")),
            "lines": {"begin": place.line},
        },
    }
