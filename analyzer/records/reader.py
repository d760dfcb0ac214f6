"""The push parser: any bytes in, batches of records out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from analyzer.limits import LIMITS, Limits
from analyzer.records.fast import FastLane
from analyzer.records.framing import Framer, Place, last_record_start
from analyzer.records.rows import RowList

if TYPE_CHECKING:
    import pyarrow as pa

_REACH = 256 << 10


class RecordReader:
    """Push parser. Any chunking of the input gives the same records.

    Feed it the uncompressed bytes of one source in order, then finish it. Where one batch ends and the next
    begins means nothing.

    Args:
        source: Name of the input, as ``records.source`` shows it.
        first_record: Number of the first record, so that several sources can share one numbering.
        first_line: Number of the first line, where the reading begins inside the source.
        first_offset: Position of the first byte there.
        known: Names of services that were learnt before; it grows.
        chunk_bytes: How much to scan at once.
        limits: Caps on lines and blocks.
    """

    def __init__(
        self,
        source: str,
        *,
        first_record: int = 0,
        first_line: int = 1,
        first_offset: int = 0,
        known: set[bytes] | None = None,
        chunk_bytes: int = LIMITS.chunk_bytes,
        limits: Limits = LIMITS,
    ) -> None:
        self._source = source
        self._chunk_bytes = chunk_bytes
        self._limits = limits
        self._place = Place(first_record, first_line, first_offset)
        self._framer = Framer(self._place, limits)
        if known is not None:
            self._framer.known = known
        self._fast = FastLane(limits)
        self._waiting: list[bytes] = []
        self._size = 0
        self._wanted = chunk_bytes

    @property
    def next_record(self) -> int:
        """Number that the next record will get."""
        return self._place.record

    @property
    def next_line(self) -> int:
        """Number of the next physical line."""
        return self._place.line

    def feed(self, data: bytes) -> Iterator[pa.RecordBatch]:
        """Takes the next bytes and gives the batches that they completed."""
        view = memoryview(data)
        for at in range(0, len(view), self._chunk_bytes):
            piece = bytes(view[at : at + self._chunk_bytes])
            self._waiting.append(piece)
            self._size += len(piece)
            if self._size >= self._wanted:
                yield from self._drain()

    @property
    def settled(self) -> bool:
        """Whether every byte that came is in a record that was given out."""
        return self._framer.idle and not any(self._waiting)

    def drain(self) -> Iterator[pa.RecordBatch]:
        """Gives all records that are surely whole. What is open, a block or half a line, waits for what follows it."""
        data = b"".join(self._waiting)
        end = data.rfind(b"\n") + 1
        if not end:
            return
        cut = self._last_record_start(data[:end])
        if cut:
            yield from self._read(data[:cut], before_record=True)
        self._framer.feed(data[cut:end])
        yield from self._flush()
        self._keep(data[end:])

    def pause(self) -> Iterator[pa.RecordBatch]:
        """Gives the remaining batches of an input that ends before a record which another reader reads."""
        data = b"".join(self._waiting)
        self._waiting, self._size = [], 0
        if data:
            yield from self._read(data, before_record=True)
        elif not self._framer.idle:
            self._framer.close_block(before_record=True)
            yield from self._flush()

    def finish(self) -> Iterator[pa.RecordBatch]:
        """Ends the input and gives the remaining batches."""
        data = b"".join(self._waiting)
        self._waiting, self._size = [], 0
        end = data.rfind(b"\n") + 1
        # A last line without an end may belong to the block before it: both go the exact way.
        cut = end if end == len(data) else self._last_record_start(data[:end])
        if cut:
            yield from self._read(data[:cut], before_record=cut < end)
        if cut < end:
            self._framer.feed(data[cut:end])
        self._framer.finish(data[end:])
        yield from self._flush()

    def _drain(self) -> Iterator[pa.RecordBatch]:
        data = b"".join(self._waiting)
        end = data.rfind(b"\n") + 1
        if not end:
            end = self._read_piece(data)
            yield from self._flush()
        else:
            cut = self._last_record_start(data[:end])
            if cut:
                yield from self._read(data[:cut], before_record=True)
                end = cut
            else:
                self._framer.feed(data[:end])
                yield from self._flush()
        self._keep(data[end:])

    def _keep(self, rest: bytes) -> None:
        self._waiting, self._size = [rest], len(rest)
        # What is left over must not be joined and searched anew for every small piece that is fed.
        self._wanted = len(rest) + self._chunk_bytes

    def _read_piece(self, data: bytes) -> int:
        limit = self._limits.line_bytes
        pieces = (len(data) - 1) // limit
        if pieces > 0:
            self._framer.feed_piece(data[: pieces * limit])
        return max(pieces, 0) * limit

    def _last_record_start(self, data: bytes) -> int:
        return last_record_start(data, self._framer.known, _REACH, self._limits.line_bytes)

    def _read(self, data: bytes, *, before_record: bool) -> Iterator[pa.RecordBatch]:
        """Reads whole lines, behind which a record or the end of the input stands."""
        framer = self._framer
        if framer.idle:
            batch = self._fast.read(
                data, self._source, self._place, framer.known, before_record=before_record
            )
            if batch is not None:
                yield batch
                return
        framer.feed(data)
        if before_record:
            framer.close_block(before_record=True)
        yield from self._flush()

    def _flush(self) -> Iterator[pa.RecordBatch]:
        rows = self._framer.rows
        if len(rows):
            batch = rows.batch(self._source, self._place.record)
            self._framer.rows = RowList()
            self._place.record += len(rows)
            yield batch


def read_batches(
    stream: BinaryIO,
    source: str,
    *,
    first_record: int = 0,
    chunk_bytes: int = LIMITS.chunk_bytes,
) -> Iterator[pa.RecordBatch]:
    """Reads a stream to its end.

    Args:
        stream: Uncompressed bytes.
        source: Name of the input, as ``records.source`` shows it.
        first_record: Number of the first record.
        chunk_bytes: How much to read and scan at once.

    Yields:
        Batches with the schema ``RECORDS``; none when the input is empty.
    """
    reader = RecordReader(source, first_record=first_record, chunk_bytes=chunk_bytes)
    while data := stream.read(chunk_bytes):
        yield from reader.feed(data)
    yield from reader.finish()
