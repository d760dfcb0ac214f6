"""One pass over the records of a log, folded into what every later question needs.

Records themselves are not kept: whatever the size of a log, what stays in memory is its small tables, what was
asked of registries lately, and an index of lines. Tables that grow wait in files.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from threading import RLock
from typing import Any

import pyarrow as pa

from analyzer.lineindex import LineIndex
from analyzer.memory import MANY_RECORDS, give_back
from analyzer.reading import Piece, Sink, read_pieces
from analyzer.records import read_batches
from analyzer.redaction import Redactor
from analyzer.sources import Source
from analyzer.tables.copying import copy_state
from analyzer.tables.coverage import CoverageBuilder, DaemonLocator
from analyzer.tables.daemons import DaemonsBuilder
from analyzer.tables.exchanges import Gap
from analyzer.tables.networks import NetworksBuilder
from analyzer.tables.problems import ProblemsBuilder
from analyzer.tables.requests import Requests, RequestsBuilder
from analyzer.tables.spans import SpansBuilder, SpanTally
from analyzer.tables.spool import Rows
from analyzer.tables.traces import TracesBuilder
from analyzer.tables.workers import WorkersBuilder


@dataclass(frozen=True)
class SourceInfo:
    """A source that was read.

    Attributes:
        name: The path, or ``<stdin>``.
        records: Records in it.
        lines: Physical lines in it.
        buildkit_version: The version of the daemon that wrote it, of the last start where several are known.
        coverage: startup, debug, trace_ids, complete, excerpt, lines_not_understood, gaps: the worst of all starts.
        damaged: What was wrong with its stored bytes, None if nothing was.
        program: ``dockerd`` with Docker's version, where BuildKit is embedded in it; else None.
    """

    name: str
    records: int
    lines: int
    buildkit_version: str | None
    coverage: dict[str, Any]
    damaged: str | None = None
    program: str | None = None

    @classmethod
    def unread(cls, name: str, why: str) -> SourceInfo:
        """A source that cannot be read."""
        return cls(name, 0, 0, None, _summarise([]), f"it cannot be read: {why}")

    @classmethod
    def unjudged(cls, name: str, records: int, lines: int, damaged: str | None) -> SourceInfo:
        """A source of which only the records were asked for."""
        return cls(name, records, lines, None, _summarise([]), damaged)


class Scan:
    """What one pass over a source left.

    Args:
        source: The source.
        first_record: Number of its first record.
        most_spans: Spans kept in memory, others wait in a file; None for as many as are fast.
    """

    def __init__(self, source: Source, first_record: int = 0, *, most_spans: int | None = None) -> None:
        self.source = source
        self.first_record = first_record
        self.records = self.lines_read = 0
        self.lost: str | None = source.lost
        """What of the log was lost on its way; of one that is followed this may come late."""
        self.lines = LineIndex()
        self.written: list[Any] = []
        """What a sink said of each segment."""
        self._daemons, self._coverage = DaemonsBuilder(), CoverageBuilder()
        self._tally = SpanTally(most_spans)
        self._counting = RLock()
        self._requests = RequestsBuilder()
        self._workers, self._networks, self._problems = WorkersBuilder(), NetworksBuilder(), ProblemsBuilder()
        self._redactions: Counter[str] = Counter()
        self._last: tuple[int, int, str | None] | None = None

    def take(self, piece: Piece) -> None:
        """Take the next piece of the source."""
        for extract, lines in zip(piece.extracts, piece.lines, strict=True):
            self.lines.take(lines, self.source.name)
            owners = self._daemons.take(extract.sections)
            self._coverage.take(extract.sections, owners)
            self._tally.take(extract.spans, owners)
            self._requests.take(extract.events)
            self._workers.take(extract.workers)
            self._networks.take(extract.networks)
            self._problems.take(extract.problems)
        self.records += piece.records
        self.lines_read += piece.physical
        self._redactions += piece.redactions
        self._last = piece.last or self._last
        if piece.written is not None:
            self.written.append(piece.written)

    def snapshot(self, rest: Iterable[Piece] = ()) -> Scan:
        """What this scan would be if the log ended here. It goes on by itself, and neither sees the other any more.

        Args:
            rest: Pieces that were not taken, since what follows may change them.
        """
        copied = Scan(self.source, self.first_record)
        copied.records, copied.lines_read, copied.lost = self.records, self.lines_read, self.lost
        copied.lines, copied.written = self.lines.so_far(), list(self.written)
        copied._redactions, copied._last = Counter(self._redactions), self._last
        parts = ("_daemons", "_coverage", "_tally", "_requests", "_workers", "_networks", "_problems")
        # in one go: what several of them hold stays one thing
        vars(copied).update(copy_state({name: getattr(self, name) for name in parts}, {}))
        rest = list(rest)
        if rest:
            copied.lines = deepcopy(copied.lines)
        for piece in rest:
            copied.take(piece)
        return copied

    def ended(self, rest: Iterable[Piece]) -> Scan:
        """The scan as if the log ended here, in a forked process: there it need not be copied, and goes nowhere else.

        Args:
            rest: Pieces that were not taken, since what follows may change them.
        """
        for piece in rest:
            self.take(piece)
        return self

    @property
    def noted_gaps(self) -> frozenset[tuple[str, int]]:
        """Reason and record of what is surely missing, whatever may still follow; asked before the requests."""
        return frozenset((gap.reason, gap.record) for gap in self._requests.gaps)

    @property
    def starts_running(self) -> dict[str | None, int]:
        """The first record of the start that is running now, by stream; asked before the requests."""
        return self._requests.running

    @cached_property
    def daemons(self) -> pa.Table:
        """The table ``daemons``."""
        return self._daemons.finish()

    @cached_property
    def workers(self) -> pa.Table:
        """The table ``workers``."""
        return self._workers.finish()

    @cached_property
    def networks(self) -> Rows:
        """The table ``networks``."""
        return self._networks.finish()

    @cached_property
    def problems(self) -> Rows:
        """The table ``problems``."""
        return self._problems.finish()

    @cached_property
    def spans(self) -> Rows:
        """The table ``spans``."""
        with self._counting:
            return SpansBuilder(self._daemons, self._tally).finish()

    @cached_property
    def traces(self) -> Rows:
        """The table ``traces``."""
        with self._counting:
            return TracesBuilder(self._daemons, self._tally).finish()

    def settle(self) -> None:
        """Finish what several tables need, so that they can be asked for by several threads."""
        _ = self.locator, self.requests

    @cached_property
    def requests(self) -> Requests:
        """The requests, hosts only where the log names them."""
        return self._requests.finish()

    @cached_property
    def locator(self) -> DaemonLocator:
        """Tells the daemon of a record."""
        return DaemonLocator(self.daemons)

    @property
    def gaps(self) -> list[Gap]:
        """What is seen to be missing."""
        gaps = self.requests.gaps
        reason = f"the file is damaged: {self.source.damaged}" if self.source.damaged else None
        if self.lost:
            reason = f"a part of the log is lost: {self.lost}"
        if reason and self._last is not None:
            record, line, stream = self._last
            gaps = [*gaps, Gap(reason, record, line, self.source.name, stream)]
        return gaps

    @property
    def cut(self) -> bool:
        """Lines are seen to be missing, be it only the rest of a build that still runs."""
        return bool(self.gaps)

    @property
    def version(self) -> str | None:
        """BuildKit's version, of the last start for which it is known; None where nothing tells it."""
        return self._version("buildkitd")

    @property
    def earliest(self) -> datetime | None:
        """The earliest time of its records (UTC); None without one."""
        return self._tally.earliest

    @property
    def latest(self) -> datetime | None:
        """The latest time of its records (UTC); None without one."""
        return self._tally.latest

    @property
    def day(self) -> str | None:
        """The day (UTC) of its first span with a time, as ``2026-11-24``; None without one."""
        start = self.earliest
        return None if start is None else start.strftime("%Y-%m-%d")

    def coverage(self, gaps: Iterable[Gap] = ()) -> pa.Table:
        """The table ``coverage``, with gaps that attribution found beside those of the log."""
        numbers = self._daemons.numbers()
        return self._coverage.finish(
            numbers,
            {index: self._daemons.describe(index) for index in range(len(numbers))},
            self.daemons,
            self.requests.starts,
            [*self.gaps, *gaps],
            {self.source.name: self._replaced().total()},
        )

    def info(self, coverage: pa.Table) -> SourceInfo:
        """The source, with the coverage that is stated of it."""
        docker = self._version("dockerd")
        return SourceInfo(
            self.source.name,
            self.records,
            self.lines_read,
            self.version,
            {
                **_summarise(coverage.to_pylist()),
                "redactions_by_kind": dict(sorted(self._replaced().items())),
            },
            self.lost or self.source.damaged,
            f"dockerd {docker}" if docker else None,
        )

    def _replaced(self) -> Counter[str]:
        """Secrets that were replaced, here or before, by kind."""
        return self._redactions + Counter(self.source.redactions)

    def _version(self, program: str) -> str | None:
        rows = self.daemons.select(["version", "program"]).to_pylist()
        known = [row["version"] for row in rows if row["version"] and row["program"] == program]
        return known[-1] if known else None


def scan_source(
    source: Source, redactor: Redactor, *, first_record: int = 0, jobs: int = 1, sink: Sink | None = None
) -> Scan:
    """Read a source once.

    Args:
        source: The source.
        redactor: Replaces secrets.
        first_record: Number of its first record.
        jobs: Processes that may read.
        sink: Where the records go.

    Raises:
        SourceError: It cannot be read.
    """
    scan = Scan(source, first_record)
    for piece in read_pieces(source, redactor, first_record=first_record, jobs=jobs, sink=sink):
        scan.take(piece)
    if scan.records > MANY_RECORDS:
        scan.settle()
        give_back()
    return scan


def read_records(
    sources: Sequence[Source], *, redact: bool, first_record: int = 0
) -> Iterator[pa.RecordBatch]:
    """The records of all sources, batch by batch, redacted on request.

    Args:
        sources: The sources.
        redact: Replace secrets by marks.
        first_record: Number of the first record.
    """
    redactor = Redactor(enabled=redact)
    following = first_record
    for source in sources:
        with source.open() as stream:
            for batch in read_batches(stream, source.name, first_record=following):
                following += batch.num_rows
                yield redactor.batch(batch)


def _summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The coverage of a source out of that of its starts: the worst of each."""
    told = [row for row in rows if row["daemon"] is not None]
    worst: dict[str, Any] = {
        name: bool(told) and all(row[name] for row in told)
        for name in ("startup", "debug", "trace_ids", "complete", "excerpt")
    }
    worst["lines_not_understood"] = sum(row["lines_not_understood"] for row in rows)
    worst["redactions"] = max((row["redactions"] for row in rows), default=0)
    worst["gaps"] = [gap for row in rows for gap in row["gaps"]]
    return worst
