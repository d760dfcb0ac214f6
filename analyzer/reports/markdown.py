"""The report for a merge request or a job summary, in Markdown. Whatever a log says stands in code spans."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from analyzer.reports.escaping import escape_markdown
from analyzer.reports.model import VERDICTS, count, exit_meaning, format_lines, one_line

if TYPE_CHECKING:
    from analyzer.checks import Finding
    from analyzer.reports.model import ReportLike, SourceLike

_ANSWERS = (("startup", "start-up"), ("debug", "debug"), ("trace_ids", "trace IDs"), ("complete", "complete"))


def write(report: ReportLike, stream: TextIO) -> None:
    """Write the sum, what the logs can be asked, a table of the rules, and what failed or is unknown."""
    numbers = ", ".join(f"{report.summary[v]} {v}" for v in VERDICTS if report.summary.get(v))
    stream.write(f"## BuildKit check: {numbers or 'no rule was run'}\n\n")
    stream.write(f"Exit {report.exit_code}: {exit_meaning(report)}.\n\n")
    for source in report.sources:
        stream.write(_describe_source(source))
    if report.results:
        stream.write("\n| rule | severity | verdict | evidence |\n|---|---|---|---|\n")
    for result in report.results:
        rule = result.rule
        shown = f"**{result.verdict}**" if result.verdict in ("fail", "unknown") else result.verdict
        stream.write(f"| {escape_markdown(rule.id)} | {rule.severity} | {shown} | {result.evidence} |\n")
    for verdict in ("fail", "unknown"):
        findings = [f for result in report.results for f in result.findings if f.verdict == verdict]
        if findings:
            stream.write(f"\n### {verdict}\n\n")
        for finding in findings:
            stream.write(_describe_finding(finding))


def _describe_source(source: SourceLike) -> str:
    answers = ", ".join(f"{name}: {'yes' if source.coverage.get(key) else 'no'}" for key, name in _ANSWERS)
    version = escape_markdown(source.buildkit_version or "version unknown")
    return (
        f"- {escape_markdown(source.name)}: {count(source.records, 'record')}, "
        f"{count(source.lines, 'line')}, BuildKit {version}; {answers}\n"
        + "".join(
            f"  - not read: {escape_markdown(one_line(text))}\n"
            for text in source.coverage.get("not_read") or ()
        )
    )


def _describe_finding(finding: Finding) -> str:
    subject = f" {escape_markdown(one_line(finding.subject))}" if finding.subject else ""
    lines = [f"- {escape_markdown(finding.rule)}{subject}: {escape_markdown(one_line(finding.message))}\n"]
    if finding.lines:
        place = (
            f"{finding.source}:{format_lines(finding.lines)}"
            if finding.source
            else format_lines(finding.lines)
        )
        lines.append(f"  - lines {escape_markdown(place)}\n")
    if finding.fix and finding.verdict == "fail":
        lines.append(f"  - fix: {escape_markdown(one_line(finding.fix))}\n")
    return "".join(lines)
