"""The report as workflow commands of GitHub Actions: an annotation a failure or unknown, and a sum."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from analyzer.reports.escaping import escape_workflow
from analyzer.reports.model import exit_meaning, one_line

if TYPE_CHECKING:
    from analyzer.checks import Finding
    from analyzer.reports.model import ReportLike

_COMMANDS = {"error": "error", "warning": "warning", "info": "notice"}


def write(report: ReportLike, stream: TextIO) -> None:
    """Write an annotation for each finding that failed or is unknown."""
    for verdict in ("fail", "unknown"):
        for result in report.results:
            for finding in result.findings:
                if finding.verdict == verdict:
                    stream.write(_annotate(finding))
    stream.write(f"buildkit-analyzer: exit {report.exit_code}: {exit_meaning(report)}\n")


def _annotate(finding: Finding) -> str:
    command = _COMMANDS.get(finding.severity, "warning")
    if finding.verdict == "unknown" and command == "error":
        command = "warning"
    title = f"{finding.rule}: {one_line(finding.subject)}" if finding.subject else finding.rule
    arguments = [f"title={escape_workflow(title, argument=True)}"]
    if finding.source:
        arguments.append(f"file={escape_workflow(finding.source, argument=True)}")
        if finding.lines:
            arguments.append(f"line={finding.lines[0]}")
    message = one_line(finding.message)
    if finding.verdict == "unknown":
        message = f"unknown: {message}"
    elif finding.fix:
        message = f"{message} Fix: {one_line(finding.fix)}"
    return f"::{command} {','.join(arguments)}::{escape_workflow(message)}\n"
