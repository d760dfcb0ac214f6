"""Reading a log in segments, in this process or in several: the same pieces in the same order either way.

A process that reads a segment learns only then how many records and lines stand before it, and which secrets were
seen there: it parses first and asks for these numbers afterwards.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import islice
from typing import Any, Protocol

import pyarrow as pa

from analyzer.lineindex import LineChanges
from analyzer.records.arrays import to_arrow
from analyzer.records.reader import RecordReader
from analyzer.records.segments import Segment, segments_of_file, segments_of_stream
from analyzer.redaction import Redactor
from analyzer.sources import Source
from analyzer.tables.extract import Extract, extract
from analyzer.tables.selection import int64s

SEGMENT_BYTES = 8 << 20
"""Bytes of a segment of which only extracts are wanted."""

KEPT_SEGMENT_BYTES = 16 << 20
"""Bytes of a segment whose records are written: a row group of a Parquet file."""

PARALLEL_ABOVE = 128 << 20
"""Bytes of a log from which on it is read by several processes: below, starting them takes longer than they save.

Measured on two cores: at 100 MB one process and two take the same time, at 250 MB two are faster by a fifth.
"""


TOGETHER = 4
"""Batches that the tables look at together; parsed they are one by one, for the processor's cache."""


class Sink(Protocol):
    """Takes the records of a segment, in the process that read it. It is pickled on its way there."""

    def write(self, number: int, batches: Sequence[pa.RecordBatch]) -> Any:
        """Take the records of a segment, and say what became of them."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What reading a piece of a log gave.

    Attributes:
        extracts: What the tables take from it, some batches each.
        lines: Where line and record run apart, of each of these.
        records: How many records.
        physical: How many physical lines.
        last: Record, line and stream of its last record, None without one.
        redactions: Secrets replaced.
        written: What the sink said, where there is one.
    """

    extracts: list[Extract]
    lines: list[LineChanges]
    records: int
    physical: int
    last: tuple[int, int, str | None] | None
    redactions: Counter[str]
    written: Any = None


def read_pieces(
    source: Source,
    redactor: Redactor,
    *,
    first_record: int = 0,
    jobs: int = 1,
    sink: Sink | None = None,
    extracts: bool = True,
) -> Iterator[Piece]:
    """Read a log.

    Args:
        source: The log.
        redactor: Replaces secrets; it learns those of the log.
        first_record: Number of the first record.
        jobs: Processes that may read, where the log is large enough to be worth it.
        sink: Where the records go.
        extracts: Whether tables are wanted, or records only.

    Raises:
        SourceError: The log cannot be read.
        OutputError: The records cannot be written.
    """
    size = KEPT_SEGMENT_BYTES if sink else SEGMENT_BYTES
    made = Maker(sink, extracts)
    if jobs > 1 and _size_of(source) > PARALLEL_ABOVE:
        from analyzer.workers import read_in_parallel

        yield from read_in_parallel(_segments(source, size), source.name, redactor, first_record, jobs, made)
        return
    chain = Chain(source.name, redactor, made, first_record)
    for segment in _segments(source, size):
        yield from chain.read(segment)


def _size_of(source: Source) -> int:
    """Bytes of the log, as far as they are known; a compressed log is some ten times its file."""
    if source.size is None:
        return 0
    return source.size * (10 if source.compression else 1)


def _segments(source: Source, size: int) -> Iterator[Segment]:
    if source.plain_path is not None:
        yield from segments_of_file(source.plain_path, size)
        return
    with source.open() as stream:
        yield from segments_of_stream(stream, size)


class Chain:
    """Reads segments one after the other.

    Args:
        source: Name of the log.
        redactor: Replaces secrets.
        maker: Makes the pieces.
        record: Number of the next record.
        line: Number of the next line.
        known: Names of services that were learnt.
    """

    def __init__(
        self,
        source: str,
        redactor: Redactor,
        maker: Maker,
        record: int,
        line: int = 1,
        known: set[bytes] | None = None,
    ) -> None:
        self.record = record
        self.line = line
        self.known = known if known is not None else set()
        self._source = source
        self._redactor = redactor
        self._maker = maker
        self._reader: RecordReader | None = None

    @property
    def open(self) -> bool:
        """The last segment was not clean: the next one must be read here too."""
        return self._reader is not None

    def read(self, segment: Segment) -> Iterator[Piece]:
        """Read the next segment; without a sink piece by piece, since nothing need be held."""
        batches = self._batches(segment)
        if self._maker.sink is None:
            while together := list(islice(batches, TOGETHER)):
                yield self._piece(together)
            return
        held = list(batches)
        if held or segment.last:
            yield self._piece(held, segment.number)

    def _batches(self, segment: Segment) -> Iterator[pa.RecordBatch]:
        reader = self._reader or RecordReader(
            self._source,
            first_record=self.record,
            first_line=self.line,
            first_offset=segment.offset,
            known=self.known,
        )
        for data in segment.pieces():
            yield from reader.feed(data)
        if segment.clean:
            yield from reader.finish() if segment.last else reader.pause()
        self.record, self.line = reader.next_record, reader.next_line
        self._reader = None if segment.clean else reader

    def _piece(self, raw: Sequence[pa.RecordBatch], number: int = 0) -> Piece:
        before = Counter(self._redactor.counts)
        batches = self._redactor.batches(raw)
        return self._maker.make(batches, self._redactor.counts - before, number)


class Tail:
    """Reads a log that is still written: each piece of it gives its records at once, whatever will follow.

    The pieces come to what a `Chain` over the whole log gives.

    Args:
        source: Name of the log.
        redactor: Replaces secrets.
    """

    def __init__(self, source: str, redactor: Redactor) -> None:
        self._redactor = redactor
        self._maker = Maker(None)
        self._reader = RecordReader(source)

    def read(self, data: bytes) -> Iterator[Piece]:
        """Take the next bytes, as a rule whole lines."""
        for batches in (self._reader.feed(data), self._reader.drain()):
            yield from self._pieces(batches, self._redactor)

    def finish(self) -> Iterator[Piece]:
        """What was open, now that nothing more comes."""
        yield from self._pieces(self._reader.finish(), self._redactor)

    @property
    def settled(self) -> bool:
        """Nothing is open."""
        return self._reader.settled

    def unfinished(self) -> list[Piece]:
        """What `finish` would give now. Nothing ends by it, and a secret may get another number later."""
        if self.settled:
            return []
        return list(self._pieces(deepcopy(self._reader).finish(), self._redactor.fresh()))

    def _pieces(self, batches: Iterator[pa.RecordBatch], redactor: Redactor) -> Iterator[Piece]:
        while together := list(islice(batches, TOGETHER)):
            before = Counter(redactor.counts)
            cleaned = redactor.batches(together)
            yield self._maker.make(cleaned, redactor.counts - before, 0)


@dataclass(frozen=True, slots=True)
class Maker:
    """Makes pieces, in the process that read them.

    Attributes:
        sink: Where the records go.
        extracts: Whether tables are wanted, or records only.
    """

    sink: Sink | None
    extracts: bool = True

    def make(self, batches: Sequence[pa.RecordBatch], redactions: Counter[str], number: int) -> Piece:
        """What a piece of a log gives, out of its records, redacted and numbered as in the whole log."""
        batches = [batch for batch in batches if batch.num_rows]
        extracts, lines = [], []
        for at in range(0, len(batches) if self.extracts else 0, TOGETHER):
            joined = _joined(batches[at : at + TOGETHER])
            extracts.append(extract(joined))
            lines.append(LineChanges.of(joined))
        return Piece(
            extracts=extracts,
            lines=lines,
            records=sum(batch.num_rows for batch in batches),
            physical=sum(int(int64s(batch.column("lines")).sum()) for batch in batches),
            last=_last(batches[-1]) if batches else None,
            redactions=redactions,
            written=self.sink.write(number, batches) if self.sink else None,
        )


def _joined(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """Batches as one: what is done once a batch costs as much for a small one."""
    if len(batches) == 1:
        return batches[0]
    [batch] = pa.Table.from_batches(batches).unify_dictionaries().combine_chunks().to_batches()
    return batch


def _last(batch: pa.RecordBatch) -> tuple[int, int, str | None]:
    row = batch.slice(batch.num_rows - 1).select(["record", "line", "stream"]).to_pylist()[0]
    return row["record"], row["line"], row["stream"]


def renumbered(batch: pa.RecordBatch, records: int, lines: int) -> pa.RecordBatch:
    """A batch whose records and lines are counted from elsewhere."""
    for name, by in (("record", records), ("line", lines)):
        place = batch.schema.get_field_index(name)
        batch = batch.set_column(place, batch.schema.field(place), to_arrow(int64s(batch.column(place)) + by))
    return batch
