"""The report that a tired engineer reads in ten seconds: what is known, what failed, what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.text import Text

from analyzer.reports.escaping import escape_runner, escape_terminal
from analyzer.reports.model import (
    SEVERITIES,
    UNREDACTED,
    VERDICTS,
    WORDS,
    ReportLike,
    SourceLike,
    count,
    exit_meaning,
    format_lines,
    mentions,
    redactions,
    statement,
    what_would_tell,
)

if TYPE_CHECKING:
    from analyzer.checks import Finding, RuleResult

PLAIN_WIDTH = 100
"""Columns where no terminal says how many it has."""

WIDEST = 120
"""Columns that a line of prose may take, however wide the terminal."""

_STYLES = {
    "fail": "bold red",
    "unknown": "bold yellow",
    "pass": "green",
    "skipped": "dim",
    "waived": "dim",
    "error": "red",
    "warning": "yellow",
    "info": "cyan",
}
_LABEL = 10
"""Columns before the text: verdicts and the words "lines", "fix" stand there."""


def make_console(stream: TextIO) -> Console:
    """A console that interprets nothing in what it is given, and colours only where colours are wanted."""
    console = Console(file=stream, highlight=False, markup=False, emoji=False, soft_wrap=False)
    width = min(console.width, WIDEST) if console.is_terminal else PLAIN_WIDTH
    console.width = max(width, 40)
    return console


def write(report: ReportLike, stream: TextIO) -> None:
    """Write the report as text: coverage, failures, unknowns, passes, what was skipped, and the sum."""
    page = Page(make_console(stream), only=report.sources[0].name if len(report.sources) == 1 else None)
    for source in report.sources:
        _write_source(page, source)
    if not report.redacted:
        page.paragraph("", Text(UNREDACTED, "bold red"))
    if report.project is not None:
        page.paragraph("project", shown(report.project), style="dim")
    by_verdict = {
        verdict: _by_severity(result for result in report.results if result.verdict == verdict)
        for verdict in VERDICTS
    }
    for result in by_verdict["fail"]:
        _write_failure(page, result)
    _write_unknowns(page, by_verdict["unknown"], report.sources)
    _write_passes(page, by_verdict["pass"])
    _write_waived(page, [finding for result in report.results for finding in result.findings])
    _write_skipped(page, by_verdict["skipped"])
    _write_sum(page, report)


class Page:
    """Paragraphs with a hanging label, wrapped to the console, without trailing blanks.

    Args:
        console: Where they go.
        only: The log's name, if there is only one: lines need no name then.
    """

    def __init__(self, console: Console, *, only: str | None = None) -> None:
        self.console = console
        self.only = only
        self._started = False
        self._plain = console.color_system is None

    def gap(self) -> None:
        """An empty line between two parts."""
        if self._started:
            self.console.file.write("\n")

    def paragraph(
        self, label: str, body: Text, *, style: str = "", indent: int = _LABEL, wrap: bool = True
    ) -> None:
        """Write the body beside its label.

        Args:
            label: What stands before the first line.
            body: The text; made from data through `shown`, never from markup.
            style: The label's style.
            indent: Columns before the text.
            wrap: Whether a long text is wrapped; an address that is cut cannot be followed.
        """
        self._started = True
        room = self.console.width - indent
        # most lines fit, and wrapping costs more than all the rest
        fits = not wrap or body.cell_len <= room
        lines = [body] if fits else list(body.wrap(self.console, room, overflow="fold"))
        for number, line in enumerate(lines or [Text()]):
            line.rstrip()
            head = Text(
                label.ljust(indent) if number == 0 else " " * indent, style=style if number == 0 else ""
            )
            whole = Text.assemble(head, line)
            whole.rstrip()
            if (safe := escape_runner(whole.plain)) != whole.plain:
                whole = Text(safe)
            if self._plain:
                self.console.file.write(whole.plain + "\n")
            else:
                self.console.print(whole, soft_wrap=True)


def shown(text: str, style: str = "") -> Text:
    """Foreign text as it may be shown: nothing in it is interpreted, and everything is visible."""
    return Text(escape_terminal(text), style=style)


def _prose(text: str, style: str = "") -> Text:
    """A text of several source lines, as in a rule file, as one paragraph."""
    return Text(escape_terminal(" ".join(text.split())), style=style)


def _by_severity(results: Iterable[RuleResult]) -> list[RuleResult]:
    def rank(result: RuleResult) -> int:
        severity = result.rule.severity
        return SEVERITIES.index(severity) if severity in SEVERITIES else len(SEVERITIES)

    return sorted(results, key=rank)


def _write_source(page: Page, source: SourceLike) -> None:
    """The log's name, and what it can be asked: without that no verdict below means anything."""
    coverage = source.coverage
    traces = coverage.get("traces") or {}
    if traces and not source.records and [source.name] == [", ".join(traces["files"])]:
        page.paragraph("trace", shown(source.name, "bold"), style="dim")
        page.paragraph("", _trace_alone(traces, source.buildkit_version))
        _write_not_read(page, coverage)
        return
    page.paragraph("log", shown(source.name, "bold"), style="dim")
    size = Text(f"{count(source.records, 'record')}, {count(source.lines, 'line')}")
    strange = int(coverage.get("lines_not_understood") or 0)
    if not source.records or strange >= source.lines:
        page.paragraph("", Text.assemble(size, "; ", ("no BuildKit record in it", "bold yellow")))
        damaged = getattr(source, "damaged", None)
        advice = "is it the daemon's log? docker logs buildx_buildkit_NAME0 prints that of a builder"
        page.paragraph("", shown(f"the log is damaged: {damaged}" if damaged else advice))
        _write_not_read(page, coverage)
        return
    version = source.buildkit_version
    docker = getattr(source, "program", None)
    parts = [
        size,
        shown(f"BuildKit {version}" if version else docker or "BuildKit's version unknown"),
        Text("start-up seen") if coverage.get("startup") else Text("no start-up lines", "yellow"),
        Text("debug on") if coverage.get("debug") else Text("no debug lines", "bold yellow"),
        Text("trace IDs") if coverage.get("trace_ids") else Text("no trace IDs"),
        _wholeness(coverage),
    ]
    if strange:
        parts.append(Text(f"{count(strange, 'line')} not understood", "yellow"))
    else:
        parts.append(Text("every line understood"))
    if replaced := redactions(source):
        parts.append(Text(replaced))
    page.paragraph("", Text("; ").join(parts))
    if traces:
        page.paragraph("trace", _trace_beside(traces), style="dim")
    gaps = [] if coverage.get("excerpt") else list(coverage.get("gaps") or ())
    for gap in gaps[:3]:
        page.paragraph("", Text.assemble(("gap: ", "yellow"), _gap(gap)))
    if len(gaps) > 3:
        page.paragraph("", Text(f"and {count(len(gaps) - 3, 'gap')} more"))
    _write_not_read(page, coverage)


def _write_not_read(page: Page, coverage: Mapping[str, Any]) -> None:
    """What stands around the log and could not be looked at."""
    damaged = (coverage.get("traces") or {}).get("damaged") or ()
    for text in (*(coverage.get("not_read") or ()), *damaged):
        page.paragraph("", Text.assemble(("not read: ", "yellow"), shown(text)))


def _trace_alone(traces: Mapping[str, Any], version: str | None) -> Text:
    """What traces hold that no log stands beside, and what they cannot tell."""
    parts = [
        shown(f"{count(traces['spans'], 'span')} of {count(traces['traces'], 'build')}"),
        shown(f"BuildKit {version}" if version else "BuildKit's version unknown"),
        shown(count(traces["request_spans"], "request")),
        Text("no log, so the network mode and the loaded configuration stay unknown", "yellow"),
    ]
    return Text("; ").join(parts)


def _trace_beside(traces: Mapping[str, Any]) -> Text:
    """How much of the log the traces cover, and the reverse."""
    asked, joined = traces["requests"], traces["requests_with_span"]
    sent, told = traces["request_spans"], traces["spans_with_request"]
    parts = [
        shown(f"{count(traces['spans'], 'span')}"),
        shown(
            f"{joined:,} of the log's {count(asked, 'request')} in it", "" if joined == asked else "yellow"
        ),
        shown(f"{told:,} of its {count(sent, 'request')} in the log"),
    ]
    if traces.get("contradictions"):
        parts.append(shown(count(traces["contradictions"], "contradiction"), "bold red"))
    return Text("; ").join(parts)


def _wholeness(coverage: Mapping[str, Any]) -> Text:
    if coverage.get("complete"):
        return Text("complete")
    return Text("an excerpt" if coverage.get("excerpt") else "with gaps", "yellow")


def _gap(gap: object) -> Text:
    if isinstance(gap, dict):
        line = gap.get("line")
        place = f" (line {line})" if line is not None else ""
        return Text.assemble(shown(str(gap.get("reason"))), place)
    return shown(str(gap))


def _write_head(page: Page, verdict: str, result: RuleResult) -> None:
    rule = result.rule
    page.paragraph(
        verdict.upper(),
        Text.assemble(shown(rule.id, "bold"), "  ", _prose(rule.title), "  ", _severity(rule.severity)),
        style=_STYLES[verdict],
    )


def _severity(severity: str) -> Text:
    return Text(f"[{escape_terminal(severity)}]", _STYLES.get(severity, ""))


def _write_failure(page: Page, result: RuleResult) -> None:
    page.gap()
    _write_head(page, "fail", result)
    failed = [finding for finding in result.findings if finding.verdict == "fail"]
    for finding in failed:
        _write_finding(page, finding)
    for finding in result.findings:
        if finding.verdict == "unknown":
            _write_finding(page, finding, mark="unknown: ")
    for fix in dict.fromkeys(finding.fix for finding in failed if finding.fix):
        page.paragraph("  fix", _prose(fix), style="bold")
    references = dict.fromkeys(reference for finding in failed for reference in finding.references)
    for number, reference in enumerate(references):
        page.paragraph("  see" if number == 0 else "", shown(reference), style="dim", wrap=False)


def _write_finding(page: Page, finding: Finding, *, mark: str = "") -> None:
    message = _prose(finding.message)
    if finding.subject and finding.subject != page.only and not mentions(finding.message, finding.subject):
        message = Text.assemble(shown(finding.subject, "bold"), ": ", message)
    if mark:
        message = Text.assemble((mark, "yellow"), message)
    page.paragraph("", message)
    trail = _trail(page, finding)
    if trail.plain:
        page.paragraph("", trail)


def _trail(page: Page, finding: Finding) -> Text:
    """How sure it is, and the lines that tell it."""
    parts = []
    if finding.verdict == "fail" and finding.evidence != "none":
        parts.append("proven" if finding.evidence == "proof" else "by inference")
    if finding.lines:
        known = finding.source is None or finding.source == page.only
        place = f"line{'' if len(finding.lines) == 1 else 's'} " if known else f"{finding.source}:"
        parts.append(place + format_lines(finding.lines))
    return shown(", ".join(parts), "dim")


def _write_unknowns(page: Page, results: Sequence[RuleResult], sources: Sequence[SourceLike]) -> None:
    if not results:
        return
    page.gap()
    for result in results:
        _write_head(page, "unknown", result)
        unknown = [finding for finding in result.findings if finding.verdict == "unknown"]
        for finding in unknown:
            _write_finding(page, finding)
        if not unknown and result.reason:
            page.paragraph("", _prose(result.reason))
    for number, words in enumerate(what_would_tell(sources)):
        page.paragraph("  needs" if number == 0 else "", Text(words), style="bold")


def _write_passes(page: Page, results: Sequence[RuleResult]) -> None:
    """A line a rule: what holds, and of whom, as far as that fits."""
    if results:
        page.gap()
    for result in results:
        inferred = " (by inference)" if result.evidence == "inference" else ""
        room = page.console.width - _LABEL - len(result.rule.id) - 2 - len(inferred)
        words = next((text for text in _of_whom(result, page.only) if len(text) <= room), None)
        if words is None:
            words = _prose(result.rule.title).plain[: max(room - 3, 0)] + "..."
        body = Text.assemble(shown(result.rule.id, "bold"), "  ", words, (inferred, "dim"))
        page.paragraph("PASS", body, style=_STYLES["pass"])


def _of_whom(result: RuleResult, only: str | None) -> Iterator[str]:
    """What a pass can say in a line, the most telling first: what happened, what holds of whom, of whom."""
    passing = [finding for finding in result.findings if finding.verdict == "pass"]
    title = _prose(result.rule.title).plain
    named = ", ".join(dict.fromkeys(finding.subject for finding in passing if finding.subject != only))
    if len(passing) == 1 and not re.search(r" \((?:inferred|and \d+ more)", passing[0].message):
        yield escape_terminal(passing[0].message)
    yield escape_terminal(f"{title}: {named}") if named else title
    if named:
        yield escape_terminal(named)
    yield title


def _write_waived(page: Page, findings: Iterable[Finding]) -> None:
    """What does not count, and why not; also of rules that came to something else."""
    by_reason: dict[tuple[str, str], list[Finding]] = {}
    for finding in findings:
        if finding.verdict == "waived":
            by_reason.setdefault((finding.rule, finding.waiver), []).append(finding)
    if by_reason:
        page.gap()
    for (rule, why), waived in by_reason.items():
        more = f" (and {len(waived) - 1:,} more)" if len(waived) > 1 else ""
        body = Text.assemble(shown(rule, "bold"), "  ", _prose(statement(waived[0])), more)
        page.paragraph("WAIVED", body, style=_STYLES["waived"])
        if why:
            page.paragraph("  why", _prose(why), style="dim")


def _write_skipped(page: Page, results: Sequence[RuleResult]) -> None:
    """All rules that had nothing to judge in one paragraph, drawn together by their reason."""
    if not results:
        return
    page.gap()
    by_reason: dict[str, list[str]] = {}
    for result in results:
        by_reason.setdefault(_reason(result), []).append(result.rule.id)
    parts = [_prose(", ".join(ids) + (f" ({reason})" if reason else "")) for reason, ids in by_reason.items()]
    page.paragraph("SKIPPED", Text("; ").join(parts), style=_STYLES["skipped"])


def _reason(result: RuleResult) -> str:
    if result.reason:
        return str(result.reason)
    return next((finding.message for finding in result.findings if finding.message), "")


def _write_sum(page: Page, report: ReportLike) -> None:
    page.gap()
    parts = [
        Text(f"{report.summary[verdict]} {WORDS[verdict]}", _STYLES[verdict])
        for verdict in VERDICTS
        if report.summary.get(verdict)
    ]
    total = Text(", ").join(parts) if parts else Text("no rule was run")
    page.paragraph("", Text.assemble(total, f". Exit {report.exit_code}: {exit_meaning(report)}."), indent=0)
