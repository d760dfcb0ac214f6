"""Segments: pieces of a log that can be read by themselves, in any order and by several processes.

A segment ends before a line that surely starts a record, where nothing is open; so its records do not hang on
what came before, only their numbers do. Where the segments of a log are cut hangs on its bytes alone.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import RawIOBase
from pathlib import Path
from typing import BinaryIO

from analyzer.errors import SourceError
from analyzer.limits import LIMITS
from analyzer.records.framing import last_record_start

_REACH = 256 << 10
"""Bytes before the wished end in which a place to cut is looked for."""

_READ = 4 << 20
_PAGE = 4 << 10


@dataclass(frozen=True)
class Segment:
    """A piece of a log.

    Attributes:
        number: 0 for the first.
        offset: Its first byte in the log.
        length: Its bytes.
        clean: It ends before a record, or with the log; what follows an unclean one must be read on from there.
        last: The log ends with it.
        data: Its bytes, None where they are read from ``path``.
        path: A file that holds the log byte for byte.
    """

    number: int
    offset: int
    length: int
    clean: bool
    last: bool
    data: bytes | None = None
    path: Path | None = None

    def pieces(self) -> Iterator[bytes]:
        """Its bytes, piece by piece.

        Raises:
            SourceError: The file cannot be read.
        """
        if self.data is not None:
            view = memoryview(self.data)
            for at in range(0, len(view), _READ):
                yield bytes(view[at : at + _READ])
            return
        assert self.path is not None
        with _told(self.path), self.path.open("rb", buffering=0) as stream:
            stream.seek(self.offset)
            left, skip = self.length, _PAGE
            while left:
                piece = _read(stream, min(left, LIMITS.chunk_bytes))
                if piece is None:
                    # zeros, which no line holds, stand for what is lost, so that all behind it keeps its place
                    piece = bytes(min(left, skip))
                    stream.seek(len(piece), os.SEEK_CUR)
                    skip = min(2 * skip, LIMITS.chunk_bytes)
                elif piece:
                    skip = _PAGE
                else:
                    return
                yield piece
                left -= len(piece)


def segments_of_file(path: Path, size: int) -> Iterator[Segment]:
    """Cut a file, of which only the places around the cuts are read.

    Args:
        path: A file that holds the log byte for byte.
        size: Bytes that a segment should have.

    Raises:
        SourceError: The file cannot be read.
    """
    number, start, reach = 0, 0, min(size, _REACH)
    with _told(path), path.open("rb", buffering=0) as stream:
        # what is appended meanwhile is not read: all would end in the middle
        end = os.fstat(stream.fileno()).st_size
        while end - start > size:
            begin = start + size - reach
            stream.seek(begin)
            cut = _cut(_read(stream, reach) or b"")
            stop = begin + cut if cut else start + size
            yield Segment(number, start, stop - start, bool(cut), False, path=path)
            number, start = number + 1, stop
    yield Segment(number, start, end - start, True, True, path=path)


def segments_of_stream(stream: BinaryIO, size: int) -> Iterator[Segment]:
    """Cut a stream into the same segments."""
    number, start, reach = 0, 0, min(size, _REACH)
    waiting = bytearray()
    while True:
        while len(waiting) <= size and (piece := stream.read(_READ)):
            waiting += piece
        if len(waiting) <= size:
            yield Segment(number, start, len(waiting), True, True, data=bytes(waiting))
            return
        cut = _cut(bytes(waiting[size - reach : size]))
        stop = size - reach + cut if cut else size
        yield Segment(number, start, stop, bool(cut), False, data=bytes(waiting[:stop]))
        del waiting[:stop]
        number, start = number + 1, start + stop


def _read(stream: RawIOBase, size: int) -> bytes | None:
    """The next bytes; None where the disk fails."""
    try:
        return stream.read(size)
    except OSError as error:
        if error.errno != errno.EIO:
            raise
        return None


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """Tell what the system says about a file."""
    try:
        yield
    except OSError as error:
        raise SourceError(
            f"it cannot be read: {(error.strerror or str(error)).lower()}",
            where=str(path),
            hint="was it moved or removed while it was read?",
        ) from None


def _cut(window: bytes) -> int:
    """Where the last record of a piece of a log starts; 0 where that is not sure."""
    whole = window[: window.rfind(b"\n") + 1]
    # the first line may be half of one
    first = whole.find(b"\n") + 1
    cut = last_record_start(whole[first:], set(), _REACH, LIMITS.line_bytes)
    return first + cut if cut else 0
