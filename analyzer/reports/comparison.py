"""The comparison of two logs as text, Markdown and JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol, TextIO

from rich.text import Text

from analyzer.reports import unknown_name
from analyzer.reports.escaping import dump_json, escape_markdown
from analyzer.reports.model import count, one_line
from analyzer.reports.terminal import Page, make_console, shown

if TYPE_CHECKING:
    from collections.abc import Sequence

    from analyzer.checks import Finding

FORMAT = "buildkit-analyzer/compare/1"

MOST_DURATIONS = 10
"""Steps whose time changed most; JSON has all."""

_WORDS = {
    "worse": "WORSE",
    "new": "NEW",
    "gone": "GONE",
    "evidence": "EVIDENCE",
    "better": "BETTER",
}
_STYLES = {"worse": "bold red", "new": "bold yellow", "gone": "yellow", "evidence": "cyan", "better": "green"}


class PairLike(Protocol):
    """A number before and after."""

    name: Any
    before: Any
    after: Any


Comparison = Any
"""A `Comparison` of the facade, which stands above this layer."""


def find_comparison_writer(name: str) -> Callable[[Comparison, TextIO], None]:
    """The writer of a format.

    Raises:
        UsageError: There is no such format.
    """
    writers = {"terminal": _write_text, "markdown": _write_markdown, "json": _write_json}
    if name not in writers:
        raise unknown_name("format", name, tuple(writers))
    return writers[name]


def _write_text(comparison: Comparison, stream: TextIO) -> None:
    page = Page(make_console(stream))
    for label, side in (("before", comparison.before), ("after", comparison.after)):
        page.paragraph(label, shown(side.name, "bold"), style="dim")
        page.paragraph("", shown(_side(side)))
    if comparison.changes:
        page.gap()
    for change in comparison.changes:
        body = Text.assemble(shown(change.rule, "bold"), "  ", shown(_turn(change)))
        page.paragraph(_WORDS[change.kind], body, style=_STYLES[change.kind])
        for text in _messages(change):
            page.paragraph("", shown(text), style="dim")
    page.gap()
    words = f"{count(comparison.same, 'verdict')} unchanged." if comparison.changes else "No verdict changed."
    page.paragraph("", Text(words), indent=0)
    for title, lines in _parts(comparison):
        page.gap()
        page.paragraph("", Text(title, "bold"), indent=0)
        for name, text in lines:
            page.paragraph("", Text.assemble(shown(name), "  ", shown(text)), indent=2)


def _write_markdown(comparison: Comparison, stream: TextIO) -> None:
    stream.write(f"## BuildKit compared: {_headline(comparison)}\n\n")
    for label, side in (("before", comparison.before), ("after", comparison.after)):
        stream.write(
            f"- {label}: {escape_markdown(side.name)} ({escape_markdown(_side(side), prose=True)})\n"
        )
    if comparison.changes:
        stream.write("\n| | rule | verdict | now |\n|---|---|---|---|\n")
    for change in comparison.changes:
        told = "<br>".join(escape_markdown(text, prose=True) for text in _messages(change))
        turn = _prose(_turn(change))
        stream.write(f"| {change.kind} | {escape_markdown(change.rule)} | {turn} | {told} |\n")
    for title, lines in _parts(comparison):
        stream.write(f"\n### {title}\n\n")
        for name, text in lines:
            stream.write(f"- {escape_markdown(name)}: {_prose(text)}\n")


def _prose(text: str) -> str:
    """Our own words with foreign ones among them; the arrow is ours."""
    return " &rarr; ".join(escape_markdown(part, prose=True) for part in text.split(" -> "))


def _write_json(comparison: Comparison, stream: TextIO) -> None:
    document = {
        "format": FORMAT,
        "before": _described(comparison.before),
        "after": _described(comparison.after),
        "verdicts": {
            "same": comparison.same,
            "changes": [
                {
                    "kind": change.kind,
                    "rule": change.rule,
                    "subject": change.subject,
                    "severity": change.severity,
                    "before": _finding(change.before),
                    "after": _finding(change.after),
                }
                for change in comparison.changes
            ],
        },
        "hosts": [
            {
                "host": one.host or None,
                **{pair.name: _pair(pair) for pair in (one.requests, one.failures, one.size)},
            }
            for one in comparison.hosts
        ],
        "images": [
            {"image": one.image, "before": dict(one.before), "after": dict(one.after)}
            for one in comparison.images
        ],
        "durations": {
            "clock": "1s" if comparison.rough else "trace",
            "steps": [{"step": pair.name, **_pair(pair)} for pair in comparison.durations],
        },
    }
    stream.write(dump_json(document, indent=2) + "\n")


def _headline(comparison: Comparison) -> str:
    kinds = [change.kind for change in comparison.changes]
    told = [f"{kinds.count(kind)} {kind}" for kind in _WORDS if kind in kinds]
    return ", ".join(told) or "no verdict changed"


def _parts(comparison: Comparison) -> Iterator[tuple[str, Sequence[tuple[str, str]]]]:
    """Hosts, images and times that changed, each a name and what is said of it."""
    hosts = [(one.host or "host unknown", _host(one)) for one in comparison.hosts if one.changed]
    if hosts:
        yield "Hosts", hosts
    images = [(one.image, f"{_givers(one.before)} -> {_givers(one.after)}") for one in comparison.images]
    if images:
        yield "Images", images
    times = [
        (pair.name, f"{pair.before:.3g} s -> {pair.after:.3g} s")
        for pair in comparison.durations[:MOST_DURATIONS]
    ]
    if times:
        yield "Times" + (" (a log's clock has steps of one second)" if comparison.rough else ""), times


def _host(one: Any) -> str:
    told = [f"requests {_number(one.requests)}"]
    told += [f"{pair.name} {_number(pair)}" for pair in (one.failures,) if pair.before or pair.after]
    told += [f"bytes of layers {_number(one.size)}"] if one.size.before or one.size.after else []
    return ", ".join(told)


def _number(pair: PairLike) -> str:
    before, after = (0 if value is None else int(value) for value in (pair.before, pair.after))
    return f"{before:,}" if before == after else f"{before:,} -> {after:,}"


def _givers(givers: Mapping[str, int]) -> str:
    return ", ".join(f"{number} by {host}" for host, number in givers.items()) or "not fetched"


def _side(side: Any) -> str:
    size = f"{count(side.records, 'record')}, {count(side.builds, 'build')}"
    return f"{size}, BuildKit {side.version}, exit {side.exit_code}"


def _turn(change: Any) -> str:
    before, after = (_verdict(finding) for finding in (change.before, change.after))
    subject = f"{one_line(change.subject)}: " if change.subject else ""
    return f"{subject}{before} -> {after}"


def _verdict(finding: Finding | None) -> str:
    if finding is None:
        return "not judged"
    return finding.verdict if finding.evidence == "none" else f"{finding.verdict} ({finding.evidence})"


def _messages(change: Any) -> Iterator[str]:
    finding = change.after or change.before
    if finding.message:
        yield one_line(finding.message)


def _described(side: Any) -> dict[str, Any]:
    return {
        "name": side.name,
        "records": side.records,
        "builds": side.builds,
        "buildkit_version": side.version,
        "exit_code": side.exit_code,
    }


def _finding(finding: Finding | None) -> dict[str, Any] | None:
    if finding is None:
        return None
    return {"verdict": finding.verdict, "evidence": finding.evidence, "message": finding.message}


def _pair(pair: PairLike) -> dict[str, Any]:
    return {"before": pair.before, "after": pair.after}
