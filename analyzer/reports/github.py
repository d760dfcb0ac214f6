"""The report for GitHub Actions: annotations by workflow commands, and the job summary.

GitHub shows ten annotations of a step, so there are never more: the worst come first, and where some are left out the
last one says so. Where a step has a summary (``GITHUB_STEP_SUMMARY``), the report is appended to it in Markdown; GitHub
refuses one of more than 1 MiB, so what does not fit is left out, whole findings at a time.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from analyzer.reports import markdown
from analyzer.reports.escaping import escape_workflow
from analyzer.reports.files import translate_errors
from analyzer.reports.model import (
    UNREDACTED,
    count,
    exit_meaning,
    format_lines,
    mentions,
    one_line,
    worst_first,
)
from analyzer.reports.places import blamed, in_repository, shown_by

if TYPE_CHECKING:
    from analyzer.checks import Finding
    from analyzer.reports.model import ReportLike

MOST_ANNOTATIONS = 10
SUMMARY_BYTES = 1 << 20

_COMMANDS = {
    ("fail", "error"): "error",
    ("fail", "warning"): "warning",
    ("unknown", "error"): "warning",
}


def write(report: ReportLike, stream: TextIO) -> None:
    """Write an annotation for each finding that failed or is unknown, and the job summary.

    Raises:
        OutputError: The job summary cannot be written.
    """
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    findings = worst_first(report)
    shown = len(findings) if len(findings) <= MOST_ANNOTATIONS else MOST_ANNOTATIONS - 1
    for finding in findings[:shown]:
        stream.write(_annotate(finding, report))
    if findings[shown:]:
        where = "the job summary has them" if summary else "a report to a file has them: --output FORMAT=FILE"
        stream.write(
            f"::notice title=buildkit-analyzer::{count(len(findings) - shown, 'finding')} more; {where}\n"
        )
    if not report.redacted:
        stream.write(f"buildkit-analyzer: {UNREDACTED}\n")
    stream.write(f"buildkit-analyzer: exit {report.exit_code}: {exit_meaning(report)}\n")
    if summary:
        append_summary(report, Path(summary))


def append_summary(report: ReportLike, path: Path) -> None:
    """Append the report to a job summary, as far as that has room.

    Raises:
        OutputError: It cannot be written.
    """
    with translate_errors(path), path.open("a", encoding="utf-8", newline="\n") as stream:
        stream.write(markdown.render(report, room=SUMMARY_BYTES - stream.tell()))


def _annotate(finding: Finding, report: ReportLike) -> str:
    command = _COMMANDS.get((finding.verdict, finding.severity), "notice")
    place = blamed(finding, report)
    subject, message = one_line(finding.subject), one_line(finding.message)
    title = f"{finding.rule}: {subject}" if subject and not mentions(message, subject) else finding.rule
    arguments = {"title": title, "file": in_repository(place.file), "line": str(place.line)}
    if shown_by(finding, report):
        message += f". Seen in {finding.source}:{format_lines(finding.lines)}"
    if finding.verdict == "unknown":
        message = f"unknown: {message}"
    elif finding.fix:
        message += f". Fix: {one_line(finding.fix)}"
    told = ",".join(f"{key}={escape_workflow(value, argument=True)}" for key, value in arguments.items())
    return f"::{command} {told}::{escape_workflow(message)}\n"
