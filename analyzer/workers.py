"""Reading one log by several processes.

Each process reads segments by itself. It parses one, tells how many records and lines it held and which secrets
were new, and is told what stands before it; then it makes extracts and writes. So the result is that of one
process, byte for byte.
"""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from queue import Queue
from typing import Any

import pyarrow as pa

from analyzer.errors import AnalyzerError, SourceError
from analyzer.reading import Chain, Maker, Piece, renumbered
from analyzer.records.reader import RecordReader
from analyzer.records.segments import Segment
from analyzer.redaction import Redactor

_AHEAD = 1
"""Segments that a process is given before it has finished one: it must not wait for this process."""


@dataclass(frozen=True, slots=True)
class _Parsed:
    """A segment is parsed; where it stands is to be told."""

    number: int
    records: int
    lines: int
    known: set[bytes]
    news: list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class _Place:
    """What stands before a segment. With names of services that the reader did not know it must parse again."""

    record: int
    line: int
    numbers: list[int]
    known: set[bytes] | None = None


@dataclass(frozen=True, slots=True)
class _Done:
    number: int
    piece: Piece


def read_in_parallel(
    segments: Iterator[Segment],
    source: str,
    redactor: Redactor,
    first_record: int,
    jobs: int,
    maker: Maker,
) -> Iterator[Piece]:
    """Read the segments of a log by several processes; the pieces come in order.

    Args:
        segments: The segments.
        source: Name of the log.
        redactor: Replaces secrets; it learns those of the log.
        first_record: Number of the first record.
        jobs: How many processes.
        maker: Makes the pieces.

    Raises:
        AnalyzerError: What a process met.
    """
    crew = _Crew(segments, source, redactor, first_record, jobs, maker)
    crew.start()
    try:
        yield from crew.pieces()
    finally:
        crew.stop()


@dataclass
class _Worker:
    """A process, and the segments that it was given and has not finished."""

    connection: Connection
    process: Any
    given: deque[int] = field(default_factory=deque)


class _Crew:
    """The processes, and a thread that answers them while this process takes what they have done."""

    def __init__(
        self,
        segments: Iterator[Segment],
        source: str,
        redactor: Redactor,
        first_record: int,
        jobs: int,
        maker: Maker,
    ) -> None:
        self._segments = segments
        self._source = source
        self._redactor = redactor
        self._maker = maker
        self._jobs = jobs
        self._chain = Chain(source, redactor, maker, first_record)
        self._workers: list[_Worker] = []
        self._parsed: dict[int, tuple[_Worker, _Parsed]] = {}
        self._started_with: dict[int, set[bytes]] = {}
        self._done: dict[int, list[Piece]] = {}
        self._next_place = 0
        self._next_piece = 0
        self._ready: Queue[list[Piece] | BaseException | None] = Queue()
        self._room = threading.Semaphore(jobs * (2 + _AHEAD))
        self._stopping = False
        self._thread = threading.Thread(
            target=self._coordinate, name="buildkit-analyzer-reading", daemon=True
        )

    def start(self) -> None:
        context = get_context("spawn")
        for _ in range(self._jobs):
            ours, theirs = context.Pipe()
            settings = (theirs, self._source, self._redactor.fresh(), self._maker)
            process = context.Process(target=_serve, args=settings, daemon=True)
            process.start()
            theirs.close()
            self._workers.append(_Worker(ours, process))
        self._thread.start()

    def pieces(self) -> Iterator[Piece]:
        while (ready := self._ready.get()) is not None:
            if isinstance(ready, BaseException):
                raise ready
            yield from ready
            self._room.release()

    def stop(self) -> None:
        self._stopping = True
        self._room.release()
        for worker in self._workers:
            worker.process.terminate()
        self._thread.join()
        for worker in self._workers:
            worker.process.join()
            worker.connection.close()

    def _coordinate(self) -> None:
        try:
            self._work_off()
            self._ready.put(None)
        except BaseException as error:
            self._ready.put(error)

    def _work_off(self) -> None:
        for segment in self._segments:
            self._wait_for_room()
            if self._stopping:
                return
            if not segment.clean or self._chain.open:
                self._read_here(segment)
                continue
            worker = self._least_busy()
            self._started_with[segment.number] = set(self._chain.known)
            worker.given.append(segment.number)
            worker.connection.send((segment, self._started_with[segment.number]))
        self._finish_given()

    def _wait_for_room(self) -> None:
        """Wait until enough of what was read is taken; meanwhile the processes are answered."""
        while any(worker.given for worker in self._workers):
            if self._room.acquire(blocking=False):
                return
            self._listen()
        self._room.acquire()

    def _read_here(self, segment: Segment) -> None:
        """What cannot be read by itself is read when all before it is."""
        self._finish_given()
        self._done[segment.number] = list(self._chain.read(segment))
        self._next_place = segment.number + 1
        self._hand_out()

    def _finish_given(self) -> None:
        while any(worker.given for worker in self._workers):
            self._listen()

    def _least_busy(self) -> _Worker:
        while True:
            worker = min(self._workers, key=lambda one: len(one.given))
            if len(worker.given) <= _AHEAD:
                return worker
            self._listen()

    def _listen(self) -> None:
        """Take what the processes say next."""
        by_connection = {worker.connection: worker for worker in self._workers if worker.given}
        for connection in wait(list(by_connection)):
            assert isinstance(connection, Connection)
            worker = by_connection[connection]
            try:
                told = connection.recv()
            except (EOFError, OSError):
                raise SourceError(
                    "a process that read a part of it ended unexpectedly",
                    where=self._source,
                    hint="is there enough memory? --jobs 1 reads it in one process",
                ) from None
            if isinstance(told, BaseException):
                raise told
            if isinstance(told, _Parsed):
                self._parsed[told.number] = worker, told
            else:
                worker.given.remove(told.number)
                self._redactor.absorb(told.piece.redactions)
                self._done[told.number] = [told.piece]
        self._tell_places()
        self._hand_out()

    def _tell_places(self) -> None:
        """Tell each segment that is parsed where it stands, in order."""
        chain = self._chain
        while self._next_place in self._parsed:
            worker, parsed = self._parsed.pop(self._next_place)
            if not chain.known <= self._started_with[parsed.number]:
                self._started_with[parsed.number] = set(chain.known)
                worker.connection.send(_Place(0, 0, [], known=set(chain.known)))
                return
            numbers = self._redactor.learn(parsed.news)
            worker.connection.send(_Place(chain.record, chain.line - 1, numbers))
            chain.record += parsed.records
            chain.line += parsed.lines
            chain.known |= parsed.known
            self._next_place += 1

    def _hand_out(self) -> None:
        while self._next_piece in self._done:
            self._ready.put(self._done.pop(self._next_piece))
            self._next_piece += 1


def _serve(connection: Connection, source: str, redactor: Redactor, maker: Maker) -> None:
    """Read segments as they are given, until the other side goes."""
    import gc
    import signal

    gc.set_threshold(100_000, 20, 50)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other side is told, and ends this process
    pa.set_cpu_count(1)
    try:
        _Reader(connection, source, redactor, maker).run()
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return
    except AnalyzerError as error:
        connection.send(error)
    except Exception as error:
        # told there as a defect of the program, as it would be without processes
        connection.send(RuntimeError(f"{type(error).__name__}: {error}"))


class _Reader:
    """What a process does."""

    def __init__(self, connection: Connection, source: str, redactor: Redactor, maker: Maker) -> None:
        self._connection = connection
        self._source = source
        self._redactor = redactor
        self._maker = maker
        self._given: deque[tuple[Segment, set[bytes]]] = deque()

    def run(self) -> None:
        while True:
            while not self._given:
                self._given.append(self._connection.recv())
            self._read(*self._given.popleft())

    def _place(self) -> _Place:
        """Where the segment stands; meanwhile the next one may be given."""
        while not isinstance(told := self._connection.recv(), _Place):
            self._given.append(told)
        return told

    def _read(self, segment: Segment, known: set[bytes]) -> None:
        redactor = self._redactor
        while True:
            learnt = set(known)
            raw, lines = self._parse(segment, learnt)
            redactor.counts.clear()
            batches = redactor.batches(raw)
            news = redactor.news()
            records = sum(batch.num_rows for batch in raw)
            self._connection.send(_Parsed(segment.number, records, lines, learnt, news))
            place = self._place()
            if place.known is None:
                break
            known = place.known
        if redactor.renumber(news, place.numbers):
            redactor.counts.clear()
            batches = redactor.batches(raw)
        redactions = Counter(redactor.counts)
        del raw
        batches = [renumbered(batch, place.record, place.line) for batch in batches]
        piece = self._maker.make(batches, redactions, segment.number)
        del batches
        self._connection.send(_Done(segment.number, piece))

    def _parse(self, segment: Segment, known: set[bytes]) -> tuple[list[pa.RecordBatch], int]:
        """The records of a segment, counted from 0, and the number of its lines."""
        reader = RecordReader(self._source, first_offset=segment.offset, known=known)
        batches = [batch for data in segment.pieces() for batch in reader.feed(data)]
        batches += reader.finish() if segment.last else reader.pause()
        return batches, reader.next_line - 1
