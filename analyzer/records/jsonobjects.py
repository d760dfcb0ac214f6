"""JSON objects out of a stream: one a line, or printed over many lines, one after the other.

JSON has no raw line break inside a text, so a line tells where a reader can start again after damage: an object
begins where a line begins with a brace. What cannot be read as an object is sifted for the objects within it.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

from analyzer.limits import LIMITS

Members = dict[str, Any]

_BLOCK = 1 << 20
_BOM = b"\xef\xbb\xbf"
_STRUCTURE = "[]{},: \t\r\n"
_DECODER = json.JSONDecoder()
_NAME = re.compile(r'"(\w{1,64})"\s{0,8}:\s{0,8}$')

_EFFORT = 64
_LOST_EFFORT = 1 << 16
"""How many times its own length a damaged text may be read, and what a text too deep to be read counts for: one
that is made to be slow is given up."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A text that is no object, or a part of one that is too large to be read at once.

    Attributes:
        inner: Objects found within it, each with the name of the member that it is, where it has one.
        damaged: Something of it is lost.
    """

    inner: list[tuple[str | None, Members]]
    damaged: bool


def read_objects(
    stream: BinaryIO, wanted: Callable[[Members], bool], *, size: int = LIMITS.trace_object_bytes
) -> Iterator[Members | Broken]:
    """The objects of a stream, those of an array one by one.

    Args:
        stream: UTF-8 text; what is none is replaced.
        wanted: Tells the objects for which a broken text is sifted.
        size: Bytes that are read as one object. A larger one is sifted, a part of this size at a time.
    """
    pending = _Pending(wanted, size)
    for line, begins in _lines(stream, size):
        if begins and (line[:1] in b"{[" or not pending):
            yield from pending.finish()
            # an object a line is the common case
            opens = line.lstrip()[:1] in (b"{", b"[") and len(line) < size
            value = _value(line) if opens else None
            if value is not None:
                yield from _objects(value)
                continue
            if not line.strip():
                continue
        pending.add(line)
        if pending.is_full:
            yield pending.sift()
        elif begins and line[:1] in b"}]":
            yield from pending.finish()
    yield from pending.finish()


class _Pending:
    """The text of an object that has not ended."""

    def __init__(self, wanted: Callable[[Members], bool], size: int) -> None:
        self._wanted = wanted
        self._limit = size
        self._parts: list[bytes] = []
        self._size = 0
        self._large = False

    def __bool__(self) -> bool:
        return bool(self._parts) or self._large

    @property
    def is_full(self) -> bool:
        return self._size >= self._limit

    def add(self, text: bytes) -> None:
        self._parts.append(text)
        self._size += len(text)

    def finish(self) -> Iterator[Members | Broken]:
        """What the text comes to, now that no more of it follows."""
        if not self:
            return
        text, large = self._take(), self._large
        self._large = False
        value = None if large else _value(text)
        if value is not None:
            yield from _objects(value)
            return
        told = text.decode("utf-8", "replace")
        found, gaps, _ = _sift(told, self._wanted)
        # of a large one the ends of what holds the objects are left over
        lost = any(self._tells_loss(gap) if large else gap.strip(_STRUCTURE) for gap in gaps)
        yield Broken(found, lost)

    def sift(self) -> Broken:
        """What is whole in the text so far; the rest waits for more."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        told = decoder.decode(self._take())
        self._large = True
        found, gaps, end = _sift(told, self._wanted)
        rest = told[end:].encode("utf-8", "replace") + decoder.getstate()[0]
        if len(rest) <= self._limit // 2:
            self.add(rest)
            gaps = gaps[:-1]
        return Broken(found, any(map(self._tells_loss, gaps)))

    def _take(self) -> bytes:
        text = b"".join(self._parts)
        self._parts, self._size = [], 0
        return text

    @staticmethod
    def _tells_loss(gap: str) -> bool:
        """Whether a text between objects that were wanted holds a part of another one."""
        return re.search(r'"(?:spanId|span_id|SpanContext)"', gap) is not None


def _sift(
    text: str, wanted: Callable[[Members], bool]
) -> tuple[list[tuple[str | None, Members]], list[str], int]:
    """The largest objects that can be read in a text; the texts between those wanted; where the last one ends."""
    found: list[tuple[str | None, Members]] = []
    gaps: list[str] = []
    effort, last = _EFFORT * len(text), 0
    at = text.find("{")
    while at >= 0 and effort > 0:
        try:
            value, end = _DECODER.raw_decode(text, at)
        except json.JSONDecodeError as error:
            effort -= error.pos - at
            end = at + 1
        except (ValueError, RecursionError):
            effort -= _LOST_EFFORT
            end = at + 1
        else:
            name = _NAME.search(text, max(0, at - 96), at)
            found.append((name[1] if name else None, value))
            if wanted(value):
                gaps.append(text[last:at])
                last = end
        at = text.find("{", end)
    return found, [*gaps, text[last:]], last


def _objects(value: Any) -> Iterator[Members]:
    for one in value if isinstance(value, list) else (value,):
        if isinstance(one, dict):
            yield one


def _value(text: bytes) -> Any:
    """The object or array that a text is; None of any other."""
    told = text.decode("utf-8", "replace").strip().removesuffix(",")
    try:
        value = json.loads(told)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def _lines(stream: BinaryIO, size: int) -> Iterator[tuple[bytes, bool]]:
    """Lines with their ends, and whether each is the beginning of a line: a long one comes in pieces.

    The pieces do not hang on how the stream gives its bytes.
    """
    rest, begins, first = b"", True, True
    while block := stream.read(_BLOCK):
        rest += block
        if first:
            if len(rest) < len(_BOM):
                continue
            rest, first = rest.removeprefix(_BOM), False
        begin = 0
        while True:
            end = rest.find(b"\n", begin, begin + size) + 1
            if not end and len(rest) - begin < size:
                break
            end = end or begin + size
            yield rest[begin:end], begins
            begins = rest[end - 1 : end] == b"\n"
            begin = end
        rest = rest[begin:]
    if rest:
        yield rest, begins
