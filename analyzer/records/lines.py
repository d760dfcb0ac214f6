"""The lines of a chunk, and which of them start records in text form: the first look of the fast path."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyzer.records.blocks import FATAL, HOLE
from analyzer.records.framing import parse_record
from analyzer.records.logfmt import START
from analyzer.records.prefixes import Shape, Shapes, make_shape
from analyzer.records.scan import line_ends
from analyzer.records.transcode import Rewritten, rewrite
from analyzer.records.wrappers import unwrap

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analyzer.limits import Limits
    from analyzer.records.arrays import Ints, Mask

_TAB = ord("\t")
_MOST_HARMLESS = 8192
_AGAIN = [-1]


@dataclass
class Lines:
    """The physical lines of a chunk, all in text form or parts of blocks.

    Attributes:
        data: The chunk, or what it was rewritten to.
        rewritten: How it was rewritten, if it was; its lines then have no prefixes.
        begins: Where each line starts in the chunk as it was.
        size: Bytes of the chunk as it was.
        payloads: Where each payload starts in ``data``, behind wrapper prefixes.
        ends: Where each line end is in ``data``.
        shape: Index of each prefix in ``shapes``, -1 for none.
        shapes: The shapes that prefixes have.
        record: Whether a line starts with ``time=``.
        fatal: Whether it is a daemon's last words.
    """

    data: bytes
    rewritten: Rewritten | None
    begins: Ints
    size: int
    payloads: Ints
    ends: Ints
    shape: Ints
    shapes: list[Shape]
    record: Mask
    fatal: Mask

    def payload(self, line: int) -> bytes:
        """The text of a line without prefix and line end."""
        return self.data[self.payloads[line] : self.ends[line]].rstrip(b"\r")


class LineFinder:
    """Finds lines and learns the shapes of prefixes on the way."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._shapes = Shapes()
        self._harmless: set[bytes] = set()
        self._known = 0

    def find(self, chunk: bytes, known: set[bytes]) -> Lines | None:
        """The lines of a chunk of whole lines; None when only the exact path can read it."""
        if HOLE in chunk:
            return None
        rewritten = rewrite(chunk)
        data = chunk if rewritten is None else rewritten.data
        text = np.frombuffer(data, np.uint8)
        ends = line_ends(data)
        begins = np.zeros_like(ends)
        begins[1:] = ends[:-1] + 1
        physical = begins if rewritten is None else rewritten.begins
        if int(np.diff(physical, append=len(chunk)).max()) > self._limits.line_bytes:
            return None
        wrapped = np.flatnonzero(~_is_record(text, begins, ends))
        while True:
            shape = self._shapes.match(text, begins, ends, wrapped)
            lengths = np.array([*(known_shape.length for known_shape in self._shapes.shapes), 0], np.int64)
            payloads = begins + lengths[shape]
            record = _is_record(text, payloads, ends)
            # A line behind a tab is the inner part of a stack, an empty one belongs to any block.
            strange = np.flatnonzero(~record & (text[payloads] != _TAB) & (payloads < ends))
            fatal = self._inspect(data, begins, payloads, ends, strange, known)
            if fatal is None or (rewritten is not None and (shape >= 0).any()):
                return None
            if fatal is not _AGAIN:
                break
        words = np.zeros(len(ends), np.bool_)
        words[fatal] = True
        shapes = list(self._shapes.shapes)
        return Lines(data, rewritten, physical, len(chunk), payloads, ends, shape, shapes, record, words)

    def _inspect(
        self, data: bytes, begins: Ints, payloads: Ints, ends: Ints, strange: Ints, known: set[bytes]
    ) -> list[int] | None:
        """Looks at the lines that are no text records one by one.

        Returns:
            The lines with a daemon's last words; ``_AGAIN`` when a new shape was found; None to give up.
        """
        if len(known) != self._known:
            # What was nobody's prefix yesterday may be a service's today.
            self._known = len(known)
            self._harmless.clear()
        fatal: list[int] = []
        places = zip(
            strange.tolist(),
            begins[strange].tolist(),
            payloads[strange].tolist(),
            ends[strange].tolist(),
            strict=True,
        )
        for number, begin, payload_at, end in places:
            payload = data[payload_at:end]
            if payload in self._harmless:
                continue
            line = data[begin:end].rstrip(b"\r")
            found = unwrap(line, known)
            if found.prefix < 0 or found.partial or found.learnt:
                return None
            if found.prefix != payload_at - begin:
                # A shorter prefix than that of a shape seen before would be a fault; the exact path knows.
                if found.prefix < payload_at - begin or not self._shapes.add(make_shape(line, found)):
                    return None
                return _AGAIN
            if parse_record(found.payload) is not None:
                return None
            if found.payload.startswith(FATAL):
                fatal.append(number)
            elif begin == payload_at and len(self._harmless) < _MOST_HARMLESS:
                self._harmless.add(payload)
        return fatal


def _is_record(text: NDArray[np.uint8], begins: Ints, ends: Ints) -> Mask:
    """Whether lines start with ``time=``."""
    record = ends - begins >= len(START)
    at = begins[record]
    fits = np.ones(len(at), np.bool_)
    for number, byte in enumerate(START):
        fits &= text[at + number] == byte
    record[record] = fits
    return record
