"""Lines to records, one by one and exactly. This module decides what a record is; ``fast`` only hurries.

Every physical line belongs to one record: a log record has a line of its own, lines between log records form
blocks, parts of a line that a container runtime split are joined.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from analyzer.records.blocks import FATAL, HOLE, block_form, is_record_tail
from analyzer.records.jsonform import is_json, parse_json
from analyzer.records.logfmt import START, parse_logfmt
from analyzer.records.rows import RowList
from analyzer.records.terminal import has_keys, is_terminal, parse_terminal
from analyzer.records.wrappers import Unwrapped, unwrap

if TYPE_CHECKING:
    from analyzer.limits import Limits

Parsed = tuple[str, list[tuple[str, str]], bool]


def parse_record(payload: bytes) -> Parsed | None:
    """Form, fields and wholeness of a line that is a record of some form; None for any other line."""
    if payload.startswith(START):
        return "logfmt", *parse_logfmt(payload)
    if is_terminal(payload):
        return "terminal", *parse_terminal(payload)
    if is_json(payload):
        parsed = parse_json(payload)
        return None if parsed is None else ("json", *parsed)
    return None


def last_record_start(data: bytes, known: set[bytes], reach: int, line_bytes: int) -> int:
    """Where the last line that surely starts a record starts.

    Args:
        data: Whole lines.
        known: Names of services that were learnt.
        reach: How far from the end to look, in bytes.
        line_bytes: Longer lines are cut, and do not count here.

    Returns:
        The position, or 0 when there is none within reach.
    """
    end = len(data)
    following: int | None = None
    while end > 0 and len(data) - end <= reach:
        start = data.rfind(b"\n", 0, end - 1) + 1
        line = unwrap(data[start : end - 1].rstrip(b"\r"), known)
        if following is not None and not line.partial:
            return following
        # The line after a partial one may be its continuation, whatever it looks like.
        starts = not line.partial and end - start <= line_bytes and parse_record(line.payload) is not None
        following = start if starts else None
        end = start
    return 0


def most_block_lines(limits: Limits) -> int:
    """How many lines a block may have: a line takes memory even when it is empty."""
    return limits.block_bytes // 8


class _Line(NamedTuple):
    """A line as the program wrote it: parts joined, wrappers gone."""

    payload: bytes
    line: int
    lines: int
    offset: int
    length: int
    stream: str | None
    stamp: str | None


@dataclass
class _Parts:
    """A line whose end has not come yet."""

    pieces: list[bytes]
    first: _Line
    lines: int
    length: int
    size: int
    joins: str | None


@dataclass
class Place:
    """How far the input was read: the next record, line (from 1) and byte."""

    record: int
    line: int = 1
    offset: int = 0


def _parse_whole(payload: bytes) -> tuple[str, str, list[tuple[str, str]]]:
    fields, whole = parse_terminal(payload)
    return "terminal", "ok" if whole else "malformed", fields


class Framer:
    """The exact machine: takes lines in order, gives records to a row list."""

    def __init__(self, place: Place, limits: Limits) -> None:
        self.rows = RowList()
        self.known: set[bytes] = set()
        self._place = place
        self._limits = limits
        self._block: list[_Line] = []
        self._block_bytes = self._block_lines = 0
        self._message_open = False
        self._parts: _Parts | None = None
        self._within_line = False

    @property
    def idle(self) -> bool:
        """Whether nothing is open: the next line starts a record, whatever came before."""
        return not (self._block or self._parts or self._within_line)

    @property
    def within_line(self) -> bool:
        """Whether the last piece of a line that is too long has not come yet."""
        return self._within_line

    def feed(self, data: bytes) -> None:
        """Takes whole lines."""
        lines = data.split(b"\n")
        lines.pop()
        limit = self._limits.line_bytes
        empty = 0
        for line in lines:
            if not line:
                empty += 1
                continue
            if empty:
                self._push_empty(empty)
                empty = 0
            if self._within_line or len(line) > limit:
                self._push_long(line, ended=True)
            else:
                self._push(line, len(line) + 1)
        self._push_empty(empty)

    def feed_piece(self, data: bytes) -> None:
        """Takes the beginning of a line that is too long: a multiple of ``line_bytes``, not its end."""
        for at in range(0, len(data), self._limits.line_bytes):
            self._push_piece(data[at : at + self._limits.line_bytes], ended=False, newline=0)

    def finish(self, rest: bytes) -> None:
        """Takes what stands behind the last line end, and closes all that is open."""
        if rest:
            if self._within_line or len(rest) > self._limits.line_bytes:
                self._push_long(rest, ended=False)
            else:
                self._push(rest, len(rest), torn=True)
        self._end_parts(torn=True)
        self.close_block()

    def close_block(self, *, before_record: bool = False) -> None:
        """Ends the block that is open, if one is."""
        if not self._block:
            return
        block, self._block = self._block, []
        self._block_bytes = self._block_lines = 0
        if self._message_open:
            self._message_open = False
            taken = self._close_message(block)
            if taken == len(block):
                return
            block = block[taken:]
        first = block[0]
        text = b"\n".join(line.payload for line in block)
        form, status = block_form(text), "ok"
        one_line = b"\n" not in text  # parts that were joined are one, empty lines taken at once are several
        if before_record and first.line == 1 and one_line and form == "other" and is_record_tail(text):
            status = "truncated"
        elif HOLE in text:
            status = "malformed"
        place = (
            first.line,
            sum(line.lines for line in block),
            first.offset,
            sum(line.length for line in block),
        )
        decoded = text.decode("utf-8", "replace")
        self.rows.add(place, form, status, text=decoded, stream=first.stream, stamp=first.stamp)

    def _close_message(self, block: list[_Line]) -> int:
        """Adds the terminal record that starts a block.

        Returns:
            How many lines of the block it took: all, when coloured keys stand in the last one, else one.
        """
        first = block[0]
        text = b"\n".join(line.payload for line in block).rstrip(b"\n")
        if not has_keys(text[text.rfind(b"\n") + 1 :]):
            self._add(first, *_parse_whole(first.payload))
            return 1
        joined = first._replace(
            payload=text,
            lines=sum(line.lines for line in block),
            length=sum(line.length for line in block),
        )
        self._add(joined, *_parse_whole(text))
        return len(block)

    def _push(self, raw: bytes, length: int, *, torn: bool = False) -> None:
        found = unwrap(raw.rstrip(b"\r"), self.known) if raw else Unwrapped(raw)
        if found.learnt:
            self.known.add(found.learnt)
        place = self._place
        payload = found.payload.rstrip(b"\r") if found.prefix else found.payload
        line = _Line(payload, place.line, 1, place.offset, length, found.stream, found.stamp)
        place.line += 1
        place.offset += length
        parts = self._parts
        if parts is not None and not (found.joins == parts.joins and found.stream == parts.first.stream):
            self._end_parts(torn=True)
            parts = None
        if parts is not None and parts.size + len(found.payload) > self._limits.line_bytes:
            self._end_parts(torn=True)
            parts = None
        if found.partial:
            if parts is None:
                parts = self._parts = _Parts([], line, 0, 0, 0, found.joins)
        elif parts is None:
            self._accept(line, torn=torn)
            return
        parts.pieces.append(found.payload if found.partial else payload)
        parts.lines += 1
        parts.length += length
        parts.size += len(found.payload)
        if not found.partial:
            self._end_parts(torn=torn)

    def _end_parts(self, *, torn: bool) -> None:
        parts, self._parts = self._parts, None
        if parts is not None:
            payload = b"".join(parts.pieces)
            self._accept(
                parts.first._replace(payload=payload, lines=parts.lines, length=parts.length), torn=torn
            )

    def _accept(self, line: _Line, *, torn: bool) -> None:
        parsed = parse_record(line.payload) if line.payload else None
        if parsed is None:
            if torn and line.payload and (START.startswith(line.payload) or line.payload.startswith(b'{"')):
                self.close_block()
                form = "json" if line.payload.startswith(b"{") else "other"
                self._add(line, form, "truncated", [])
                return
            self._extend_block(line)
            return
        self.close_block(before_record=True)
        form, fields, whole = parsed
        if form == "terminal" and not has_keys(line.payload):
            # Messages are not quoted here: one of several lines has its keys behind the last of them.
            self._extend_block(line)
            # It counts for nothing in the size of the block, which is what follows it.
            self._message_open, self._block_bytes, self._block_lines = True, 0, 0
            return
        self._add(line, form, "ok" if whole else "truncated" if torn else "malformed", fields)

    def _add(self, line: _Line, form: str, status: str, fields: list[tuple[str, str]]) -> None:
        place = (line.line, line.lines, line.offset, line.length)
        if status == "ok" and HOLE in line.payload:
            status = "malformed"
        text = None if status == "ok" else line.payload.decode("utf-8", "replace")
        self.rows.add(place, form, status, fields, text=text, stream=line.stream, stamp=line.stamp)

    def _extend_block(self, line: _Line) -> None:
        if self._block and (
            line.stream != self._block[0].stream
            or line.payload.startswith(FATAL)
            or self._block_bytes + line.length > self._limits.block_bytes
            or self._block_lines >= most_block_lines(self._limits)
        ):
            self.close_block()
        self._append(line)

    def _push_empty(self, count: int) -> None:
        """Takes empty lines; many that the open block has room for are one entry of it."""
        while count:
            block, place = self._block, self._place
            room = 0
            if block and self._parts is None and not self._within_line and block[0].stream is None:
                room = min(
                    self._limits.block_bytes - self._block_bytes,
                    most_block_lines(self._limits) - self._block_lines,
                )
            taken = min(count, max(room, 0))
            if taken:
                line = _Line(b"\n" * (taken - 1), place.line, taken, place.offset, taken, None, None)
                self._append(line, taken)
                place.line += taken
                place.offset += taken
            elif self._within_line:
                self._push_long(b"", ended=True)
            else:
                self._push(b"", 1)
            count -= taken or 1

    def _append(self, line: _Line, count: int = 1) -> None:
        self._block.append(line)
        self._block_bytes += line.length
        self._block_lines += count

    def _push_long(self, line: bytes, *, ended: bool) -> None:
        """Cuts a line that is too long, or the rest of one, into pieces."""
        limit = self._limits.line_bytes
        while len(line) > limit:
            self._push_piece(line[:limit], ended=False, newline=0)
            line = line[limit:]
        self._push_piece(line, ended=True, newline=int(ended))

    def _push_piece(self, piece: bytes, *, ended: bool, newline: int) -> None:
        """Makes a record of a piece. Only the last one counts as a line, so that lines add up."""
        place = self._place
        form: str = "other"
        fields: list[tuple[str, str]] = []
        found = Unwrapped(piece)
        if not self._within_line:
            found = unwrap(piece, self.known)
            self._end_parts(torn=True)
            parsed = parse_record(found.payload)
            self.close_block(before_record=parsed is not None)
            if parsed is not None:
                form, fields, _ = parsed
        line = _Line(
            found.payload,
            place.line,
            int(ended),
            place.offset,
            len(piece) + newline,
            found.stream,
            found.stamp,
        )
        self._add(line, form, "truncated", fields)
        self._within_line = not ended
        place.line += int(ended)
        place.offset += line.length
