"""The report for a merge request or a job summary, in Markdown. Whatever a log says stays text.

Failures come first, each with what to do folded away; what passed is a line of the table, what was skipped or waived is
folded away with its reason.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TextIO

from analyzer.reports.escaping import escape_markdown
from analyzer.reports.model import (
    UNREDACTED,
    VERDICTS,
    WORDS,
    count,
    exit_meaning,
    format_lines,
    mentions,
    numbers,
    one_line,
    redactions,
    worst_first,
)
from analyzer.reports.places import is_address

if TYPE_CHECKING:
    from analyzer.checks import Finding
    from analyzer.reports.model import ReportLike, SourceLike

_ANSWERS = (("startup", "start-up"), ("debug", "debug"), ("trace_ids", "trace IDs"), ("complete", "complete"))
_SURE = {"proof": "proven", "inference": "by inference"}


@dataclass(frozen=True)
class _Block:
    """A part that is shown whole or not at all.

    Attributes:
        text: The part.
        finding: It is a finding.
    """

    text: str
    finding: bool = False


def write(report: ReportLike, stream: TextIO) -> None:
    """Write the sum, a table of the rules, what failed or is unknown, and what the logs can be asked."""
    stream.write(render(report))


def render(report: ReportLike, *, room: int | None = None) -> str:
    """The report as Markdown.

    Args:
        report: The report.
        room: Bytes that it may take; what does not fit is left out, and the end says so.
    """
    blocks = list(_blocks(report))
    if room is None or sum(_size(block.text) for block in blocks) <= room:
        return "".join(block.text for block in blocks)
    told: list[str] = []
    room -= _size(_cut(len(blocks)))
    for number, block in enumerate(blocks):
        room -= _size(block.text)
        if room < 0:
            left = sum(block.finding for block in blocks[number:])
            return "".join([*told, _cut(left)]) if told else ""
        told.append(block.text)
    return "".join(told)


def _size(text: str) -> int:
    return len(text.encode("utf-8"))


def _cut(findings: int) -> str:
    return f"\n**There was no room for the rest: {count(findings, 'finding')} more.**\n"


def _blocks(report: ReportLike) -> Iterator[_Block]:
    yield _Block(
        f"## BuildKit check: {numbers(report)}\n\nExit {report.exit_code}: {exit_meaning(report)}.{_terms(report)}\n"
        + ("" if report.redacted else f"\n**{UNREDACTED.capitalize()}.**\n")
    )
    findings = worst_first(report)
    for verdict, head in (("fail", "Failed"), ("unknown", "Unknown")):
        told = [_describe_finding(finding) for finding in findings if finding.verdict == verdict]
        for number, text in enumerate(told):
            yield _Block(f"\n### {head}\n{text}" if number == 0 else text, finding=True)
    yield from _rules(report)
    for verdict in ("waived", "skipped"):
        yield from _aside(report, verdict)
    if report.sources:
        yield _Block("\n### Read\n\n")
    for source in report.sources:
        yield _Block(_describe_source(source))


def _terms(report: ReportLike) -> str:
    """The file under whose terms that is so."""
    return "" if report.project is None else f" Under the terms of {escape_markdown(report.project)}."


def _rules(report: ReportLike) -> Iterator[_Block]:
    """A table of the rules that came to something, the worst verdict first."""
    head = "\n### Rules\n\n| rule | severity | verdict | evidence |\n|---|---|---|---|\n"
    for verdict in VERDICTS:
        for result in report.results:
            if result.verdict != verdict or verdict == "skipped":
                continue
            shown = f"**{verdict}**" if verdict in ("fail", "unknown") else verdict
            row = f"| {escape_markdown(result.rule.id)} | {result.rule.severity} | {shown} | {result.evidence} |\n"
            yield _Block(head + row)
            head = ""


def _aside(report: ReportLike, verdict: str) -> Iterator[_Block]:
    """The findings of a verdict that asks for nothing, folded away."""
    findings = [f for result in report.results for f in result.findings if f.verdict == verdict]
    if not findings:
        return
    lines = []
    for finding in findings:
        why = f": {_prose(finding.waiver)}" if finding.waiver else ""
        lines.append(f"- {_head(finding)}{why}: {_prose(finding.message)}\n")
    yield _Block(_folded(f"{len(findings):,} {WORDS[verdict]}", "".join(lines)))


def _describe_finding(finding: Finding) -> str:
    sure = f", {_SURE[finding.evidence]}" if finding.evidence in _SURE else ""
    text = f"\n{_head(finding)} ({finding.severity}{sure})\n\n> {_prose(finding.message)}\n\n"
    if finding.config_file:
        text += f"- configuration: {escape_markdown(f'{finding.config_file}:{finding.config_line or 1}')}\n"
    if finding.lines and finding.source and finding.source != finding.config_file:
        text += f"- log: {escape_markdown(f'{finding.source}:{format_lines(finding.lines)}')}\n"
    if finding.verdict != "fail" or not (finding.fix or finding.references):
        return text
    fix = f"{_prose(finding.fix)}\n" if finding.fix else ""
    links = "".join(f"- {link(reference)}\n" for reference in finding.references)
    return text + _folded("What to do", "\n".join(part for part in (fix, links) if part))


def _head(finding: Finding) -> str:
    subject = one_line(finding.subject)
    named = not subject or mentions(one_line(finding.message), subject)
    return f"**{escape_markdown(finding.rule)}**" + ("" if named else f" {escape_markdown(subject)}")


def _folded(summary: str, text: str) -> str:
    return f"\n<details><summary>{summary}</summary>\n\n{text}\n</details>\n"


def _prose(text: str) -> str:
    return escape_markdown(one_line(text), prose=True)


def link(reference: str) -> str:
    """A reference of a rule as a link where it is an address, else as text."""
    return f"<{reference}>" if is_address(reference) else escape_markdown(one_line(reference))


def _describe_source(source: SourceLike) -> str:
    answers = ", ".join(f"{name}: {'yes' if source.coverage.get(key) else 'no'}" for key, name in _ANSWERS)
    version = escape_markdown(source.buildkit_version or "version unknown")
    return (
        f"- {escape_markdown(source.name)}: {count(source.records, 'record')}, "
        f"{count(source.lines, 'line')}, BuildKit {version}; {answers}"
        + (f"; {replaced}" if (replaced := redactions(source)) else "")
        + "\n"
        + "".join(
            f"  - not read: {escape_markdown(one_line(text))}\n"
            for text in source.coverage.get("not_read") or ()
        )
    )
