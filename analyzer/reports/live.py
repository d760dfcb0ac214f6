"""What is shown while a log is watched: a view of it on a terminal, else a line for each verdict that changes.

A pass is one so far: what follows may still fail.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analyzer.reports.escaping import escape_terminal
from analyzer.reports.model import VERDICTS, count, one_line
from analyzer.reports.terminal import shown

if TYPE_CHECKING:
    from analyzer.checks import Finding

_STYLES = {"fail": "bold red", "unknown": "bold yellow", "pass": "green", "waived": "dim"}

_MOST_HOSTS = 12
"""Hosts that have a row of their own."""


class TrafficLike(Protocol):
    """What was asked of a host."""

    @property
    def host(self) -> str | None:
        """The host; None where nothing tells it."""

    @property
    def role(self) -> str | None:
        """Mirror or upstream, where known."""

    @property
    def requests(self) -> int:
        """How many requests."""

    @property
    def answers(self) -> Mapping[int, int]:
        """How many answers, by status."""

    @property
    def failures(self) -> int:
        """Requests that failed without an answer."""

    @property
    def last(self) -> datetime | None:
        """When the last request was sent."""


class StandingLike(Protocol):
    """What a rule says of a subject so far."""

    @property
    def finding(self) -> Finding:
        """The finding."""

    @property
    def before(self) -> str | None:
        """The verdict before."""

    @property
    def recent(self) -> bool:
        """It has changed just now."""

    @property
    def open(self) -> bool:
        """It is unknown only for what is still under way."""


class ChangeLike(Protocol):
    """A verdict that is another now."""

    @property
    def finding(self) -> Finding:
        """The finding."""

    @property
    def time(self) -> datetime | None:
        """The time in the log."""


class ViewLike(Protocol):
    """What is known of a log that is watched."""

    @property
    def name(self) -> str:
        """The log."""

    @property
    def records(self) -> int:
        """Records read."""

    @property
    def lines(self) -> int:
        """Lines read."""

    @property
    def judged(self) -> int:
        """Records that the verdicts are about."""

    @property
    def time(self) -> datetime | None:
        """The latest time in the log."""

    @property
    def hosts(self) -> Sequence[TrafficLike]:
        """Requests by host."""

    @property
    def standings(self) -> Sequence[StandingLike]:
        """The verdicts so far."""

    @property
    def broken(self) -> str | None:
        """What was lost on the way."""


def describe_change(change: ChangeLike) -> str:
    """A verdict that changed, in a line: ``12:03:04 FAIL mirror-served docker.io: ...``."""
    finding = change.finding
    subject = f" {finding.subject}" if finding.subject else ""
    return escape_terminal(
        f"{_clock(change.time)} {_verdict(finding.verdict)} {finding.rule}{subject}: {one_line(finding.message)}"
    )


def render_view(view: ViewLike) -> RenderableType:
    """The view of a log that is watched, for a terminal."""
    head = Text.assemble(
        ("watching ", "dim"),
        shown(view.name, "bold"),
        Text(f"  {_clock(view.time)}  {count(view.records, 'record')}, {count(view.lines, 'line')}"),
    )
    parts: list[RenderableType] = [head]
    if view.broken:
        parts.append(Text.assemble(("gap: ", "yellow"), shown(view.broken)))
    parts += [Text(), _hosts(view.hosts), Text(), *_verdicts(view)]
    return Group(*parts)


def _hosts(hosts: Sequence[TrafficLike]) -> RenderableType:
    if not hosts:
        return Text("no request to a registry so far", "dim")
    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("host", "role", "requests", "answers", "failed", "last"):
        table.add_column(name, justify="right" if name in ("requests", "failed") else "left", no_wrap=True)
    for host in hosts[:_MOST_HOSTS]:
        table.add_row(
            Text("not named", "dim") if host.host is None else shown(host.host),
            Text(host.role or ""),
            Text(f"{host.requests:,}"),
            _answers(host.answers),
            Text(f"{host.failures:,}" if host.failures else "", "red"),
            Text(_clock(host.last)),
        )
    if len(hosts) > _MOST_HOSTS:
        return Group(table, Text(f"and {count(len(hosts) - _MOST_HOSTS, 'host')} more", "dim"))
    return table


def _answers(answers: Mapping[int, int]) -> Text:
    parts = [
        Text(f"{status} x {number:,}", "red" if status >= 400 and status != 401 else "")
        for status, number in answers.items()
    ]
    return Text("  ").join(parts)


def _verdicts(view: ViewLike) -> list[RenderableType]:
    """A line for each verdict, the worst first; what there was nothing to judge of is only counted."""
    if not view.standings:
        return [Text("nothing is judged yet", "dim")]
    lines: list[RenderableType] = []
    skipped = 0
    for one in sorted(view.standings, key=lambda one: VERDICTS.index(one.finding.verdict)):
        finding = one.finding
        if finding.verdict == "skipped":
            skipped += 1
            continue
        mark = Text("> " if one.recent else "  ", "bold")
        label = "build runs" if one.open else _verdict(finding.verdict)
        was = Text(f" (was {one.before})" if one.recent and one.before else "", "dim")
        line = Text.assemble(
            mark,
            (label.ljust(13), _STYLES[finding.verdict]),
            shown(finding.rule, "bold"),
            shown(f" {finding.subject}" if finding.subject else ""),
            was,
            shown(f": {one_line(finding.message)}"),
        )
        line.no_wrap, line.overflow = True, "ellipsis"
        lines.append(line)
    if skipped:
        lines.append(Text(f"  {skipped} skipped: nothing to judge", "dim"))
    if view.judged < view.records:
        lines.append(Text(f"  judged up to record {view.judged:,}", "dim"))
    return lines


def _verdict(verdict: str) -> str:
    return "PASS so far" if verdict == "pass" else verdict.upper()


def _clock(time: datetime | None) -> str:
    return "--:--:--" if time is None else f"{time:%H:%M:%S}"
