"""A log that is still written, watched: who is asked, and what the rules say so far.

One scan grows with the log. For verdicts a snapshot of it is judged beside the reading, so that no judging, however
long, keeps what is written waiting, and what judging takes of memory is given back each time. What is said so far is
what `check` would say of the log up to that line. The last word is `Watch.conclude`: what `check` says of the whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

from analyzer.attribution.traffic import Tally, Traffic, count_requests
from analyzer.beside import CAN_FORK, DiedError, Forked, Pending, Threaded
from analyzer.checks import RuleResult
from analyzer.fleet import Question, judge_scan
from analyzer.judging import Verdicts
from analyzer.looking import gather
from analyzer.memory import give_back
from analyzer.reading import Piece, Tail
from analyzer.redaction import Redactor
from analyzer.scan import Scan
from analyzer.sources.following import MOST, Follower, source_of_follower
from analyzer.sources.surroundings import Surroundings
from analyzer.standings import Change, Standing, View
from analyzer.tables.sections import Section

T = TypeVar("T")

TICK = 0.25
"""Seconds over which lines are gathered: what is done once a piece costs as much for a small one."""

_GLANCE = 0.05
"""Seconds from one look at the judging to the next."""

_EACH = 0.6
"""Seconds from one judging to the next, at least: a verdict is to be two seconds behind at most, and judging what a
builder wrote in a minute takes half a second."""

_LONG = 1.0
_SHARE = 5
"""Judging that takes a processor longer than `_LONG` is done so rarely that, the longer it takes, the nearer it comes
to a fifth of one: a verdict is to be current, and no core is to be kept busy for it all the time."""

_SPANS = 1 << 15
"""Spans kept in memory: a watch goes on for hours beside the work of others, and shall take little of it."""

_STALE = 10.0
"""Seconds after which anything that came is reason enough to judge anew."""

_DRAIN = 1.0
"""Seconds in which, at the end, what has come is still read."""

_RECENT = 10.0
"""Seconds in which a verdict counts as changed."""


@dataclass(frozen=True)
class _Judged:
    """What judging a snapshot gave."""

    results: Sequence[RuleResult]
    traffic: Tally
    records: int
    lines: int
    time: datetime | None
    open: bool


class Watch:
    """Watches a log. Use it in one thread, and close it.

    Args:
        follower: Gives the log.
        question: What it is asked.
        clock: Tells the seconds.
    """

    def __init__(
        self, follower: Follower, question: Question, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._follower = follower
        self._question = question
        self._clock = clock
        self._tail = Tail(follower.name, Redactor(enabled=question.redact))
        self._scan = Scan(source_of_follower(follower), most_spans=_SPANS)
        self._traffic = Traffic()
        self._running: Pending[_Judged] | None = None
        self._begun = 0.0
        self._due = 0.0
        self._news = False
        self._known: set[tuple[object, ...]] = set()
        self._judged = self._judged_lines = 0
        self._standings: dict[tuple[str, str], Standing] = {}
        self._told: dict[tuple[str, str], str] = {}
        self._changed: dict[tuple[str, str], float] = {}
        self._last_written: float | None = None
        self._unread = False
        self._around: Surroundings | None = None

        if CAN_FORK:
            import duckdb  # noqa: F401 - once here rather than in each process that judges

    def __enter__(self) -> Watch:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def ended(self) -> str | None:
        """Why nothing more will come; None while something may."""
        return self._follower.ended

    @property
    def judging(self) -> bool:
        """Verdicts are being worked out."""
        return self._running is not None

    @property
    def idle(self) -> float | None:
        """Seconds since something was written last; None before the first line."""
        return None if self._last_written is None else self._clock() - self._last_written

    def advance(self, seconds: float = TICK) -> list[Change]:
        """Read on for a while, and see to the verdicts.

        Args:
            seconds: How long to read, when that is not much.

        Returns:
            The verdicts that have changed.

        Raises:
            SourceError: The log cannot be followed.
            RuleError: A rule cannot be run.
        """
        self._read(seconds)
        changes = self._collect()
        if self._running is None and (now := self._clock()) >= self._due:
            stale = self._scan.records > self._judged and now >= self._begun + _STALE
            # a block that nothing has followed for a while has come to its end
            waited = self._unread and (self.idle or 0.0) >= _EACH
            if self._news or stale or waited:
                self._start()
        return changes

    def view(self) -> View:
        """What is known now."""
        now = self._clock()
        standings = [
            replace(one, recent=now - self._changed.get(key, -_RECENT) < _RECENT)
            for key, one in self._standings.items()
        ]
        return View(
            self._follower.name,
            self._scan.records,
            self._scan.lines_read,
            self._judged,
            self._judged_lines,
            self._scan.latest,
            self._traffic.rows(),
            standings,
            self._scan.lost,
        )

    def conclude(self) -> Verdicts:
        """Judge the whole log, which ends here; nothing can be read any more.

        Raises:
            RuleError: A rule cannot be run.
        """
        until = self._clock() + _DRAIN
        while self._clock() < until and (data := self._follower.read(0)):
            self._feed(data)
        self._look_around()
        self.close()
        for piece in self._tail.finish():
            self._take(piece)
        self._scan.lost = self._follower.broken
        try:
            return self._beside(_conclude).result()
        except DiedError:
            return _conclude(self._scan.snapshot(), self._question)

    def close(self) -> None:
        """Stop following, and give up the judging that goes on."""
        self._follower.close()
        if self._running is not None:
            self._running.close()
            self._running = None

    def _read(self, seconds: float) -> None:
        """Take what comes within some seconds, or as much as is taken at once."""
        until = self._clock() + seconds
        pieces: list[bytes] = []
        size = 0
        while size < MOST and (left := until - self._clock()) > 0:
            data = self._follower.read(min(left, _GLANCE) if self._running else left)
            if data:
                pieces.append(data)
                size += len(data)
            if self._running is not None and self._running.done:
                break
            if data:
                continue
            if self._follower.ended is not None:
                break
        if self._follower.broken != self._scan.lost:
            self._scan.lost, self._news = self._follower.broken, True
        if pieces:
            self._last_written = self._clock()
            self._feed(b"".join(pieces))

    def _feed(self, data: bytes) -> None:
        for piece in self._tail.read(data):
            self._take(piece)
        self._unread = self._unread or not self._tail.settled
        give_back()  # a millisecond each time, and a fifth less memory

    def _take(self, piece: Piece) -> None:
        if self._scan.records == 0:
            self._due = self._clock() + _EACH  # what is there when the watching begins is judged together
        self._scan.take(piece)
        for extract in piece.extracts:
            self._traffic.take(extract.events)
            self._news = self._news or bool(
                extract.events.others.columns.num_rows
                or extract.events.given.columns.num_rows
                or extract.events.routine
                or extract.workers
                or extract.networks
                or extract.problems
            )
            for section in extract.sections:
                self._note(section)

    def _note(self, section: Section) -> None:
        """Look whether a run of records may change what its start is known for."""
        if section.event:
            self._known.clear()
        facts = (section.stream, section.debug, section.traced, section.at_work, section.levelled)
        torn = section.torn or section.torn_start is not None
        self._news = self._news or bool(section.event or section.damaged or torn or facts not in self._known)
        self._known.add(facts)

    def _look_around(self) -> None:
        """Take what is known of the daemon now: a container that is started anew may have another configuration."""
        around, files = self._follower.surroundings, self._follower.files
        if around is not self._around:
            self._around = around
            whole = gather(around, files) if around is not None and files is not None else around
            self._scan.source = replace(self._scan.source, surroundings=whole)

    def _start(self) -> None:
        """Judge the log as it is now."""
        self._begun, self._news, self._unread = self._clock(), False, False
        self._look_around()
        self._traffic.mark()
        self._running = self._beside(partial(_judge, self._scan.noted_gaps, self._scan.starts_running))

    def _beside(self, judge: Callable[[Scan, Question], T]) -> Pending[T]:
        """Judge the log as it is now, beside the reading."""
        scan, tail, question = self._scan, self._tail, self._question
        if CAN_FORK:
            return Forked(lambda: judge(scan.ended(tail.unfinished()), question))
        snapshot = scan.snapshot(tail.unfinished())
        return Threaded(lambda: judge(snapshot, question))

    def _collect(self) -> list[Change]:
        if self._running is None or not self._running.done:
            return []
        running, self._running = self._running, None
        now = self._clock()
        self._due = self._begun + max(_EACH, _SHARE * running.spent - (_SHARE - 1) * _LONG)
        try:
            judged = running.result()
        except DiedError:
            self._news = True  # for want of memory, as a rule: once more, later
            return []
        self._traffic.settle(judged.traffic)
        self._judged, self._judged_lines = judged.records, judged.lines
        return self._compare(judged, now)

    def _compare(self, judged: _Judged, now: float) -> list[Change]:
        """Take the verdicts, and say which are others than were told.

        What is unknown while a build runs, and only for that, is no change: it would come and go with each build.
        """
        changes = []
        standings: dict[tuple[str, str], Standing] = {}
        for finding in (finding for result in judged.results for finding in result.findings):
            key, verdict = (finding.rule, finding.subject), finding.verdict
            known = self._standings.get(key)
            open_ = judged.open and verdict == "unknown"
            before = None if known is None else known.before
            if known is not None and known.finding.verdict != verdict:
                before, self._changed[key] = known.finding.verdict, now
            standings[key] = Standing(finding, before, open=open_)
            told = self._told.get(key)
            if verdict == told or open_ or (told is None and verdict == "skipped"):
                continue
            self._told[key] = verdict
            changes.append(Change(finding, told, judged.time))
        self._standings = standings
        return changes


def _conclude(snapshot: Scan, question: Question) -> Verdicts:
    return judge_scan(snapshot, question).verdicts


def _judge(
    noted: frozenset[tuple[str, int]], running: dict[str | None, int], snapshot: Scan, question: Question
) -> _Judged:
    """Judge a snapshot.

    Args:
        noted: What is missing whatever follows.
        running: The first record of the start that runs, by stream.
        snapshot: The log up to now.
        question: What it is asked.
    """
    judgement = judge_scan(snapshot, question)
    under_way = {
        (gap.reason, gap.record)
        for gap in snapshot.requests.gaps
        if (gap.reason, gap.record) not in noted and gap.record >= running.get(gap.stream, gap.record + 1)
    }
    gaps = [
        (gap["reason"], gap["record"])
        for row in judgement.tables["coverage"].to_pylist()
        for gap in row["gaps"] or ()
    ]
    traffic = count_requests(judgement.tables.rows("requests"))
    results = judgement.verdicts.results
    del judgement
    give_back()
    return _Judged(
        results,
        traffic,
        snapshot.records,
        snapshot.lines_read,
        snapshot.latest,
        bool(gaps) and under_way.issuperset(gaps),
    )
