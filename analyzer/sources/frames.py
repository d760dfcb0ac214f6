"""The log of a container as the engine streams it, back to the lines that the daemon wrote.

Without a terminal the engine sends frames: eight bytes of header (the stream, three zeros, the length in four bytes,
high one first), then a piece of that stream (``pkg/stdcopy/stdcopy.go``, moby v20.10 to v28). A piece is a line, or a
part of one: lines are logged in parts of 16 KiB (``daemon/logger/copier.go``), and with ``timestamps`` every part gets
a stamp of its own (``api/server/httputils/write_log_stream.go``). With a terminal there are no frames.
"""

from __future__ import annotations

import re
from typing import Final

PART_BYTES: Final = 16 << 10
"""Bytes after which the engine cuts a line into parts."""

_HEADER: Final = 8
_MOST: Final = 1 << 30
"""No frame is longer: what says so is no header."""

_STAMP = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}(?:Z|[+-]\d\d:\d\d) ")
"""``jsonmessage.RFC3339NanoFixed``, as the engine writes it before a message."""

_LINE = re.compile(rb"[^\n]*\n")


class FrameError(ValueError):
    """What came is no frame."""


class Lines:
    """Turns what the engine sends into whole lines, each with one stamp.

    Lines of two streams come in the order of their ends, so a line that one stream has not finished does not mix with
    those of the other.

    Args:
        tty: The container has a terminal: no frames.

    Attributes:
        last: The stamp of the last line given out, empty before the first.
    """

    def __init__(self, *, tty: bool) -> None:
        self._tty = tty
        self._waiting = bytearray()
        self._open: dict[int, bytearray] = {}
        self.last = b""

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that data completes, ends included.

        Raises:
            FrameError: It is no frame.
        """
        self._waiting += data
        return self._split() if self._tty else self._unpack()

    @property
    def unfinished(self) -> bool:
        """A frame has begun and not ended: the stream broke off."""
        return bool(self._waiting) and not self._tty

    def finish(self) -> list[bytes]:
        """Lines without an end, once nothing more will come."""
        rest = [bytes(self._waiting)] if self._tty else [bytes(part) for part in self._open.values()]
        self._waiting.clear()
        self._open.clear()
        return [self._note(_without_inner_stamps(line)) for line in rest if line]

    def _split(self) -> list[bytes]:
        end = self._waiting.rfind(b"\n") + 1
        whole = bytes(self._waiting[:end])
        del self._waiting[:end]
        return [self._note(_without_inner_stamps(line)) for line in _LINE.findall(whole)]

    def _unpack(self) -> list[bytes]:
        lines = []
        at = 0
        view = self._waiting
        while len(view) - at >= _HEADER:
            length = int.from_bytes(view[at + 4 : at + 8], "big")
            if view[at] > 3 or any(view[at + 1 : at + 4]) or length > _MOST:
                raise FrameError("this is no stream of a container's log")
            if len(view) - at - _HEADER < length:
                break
            payload = bytes(view[at + _HEADER : at + _HEADER + length])
            lines += self._take(view[at], payload)
            at += _HEADER + length
        del view[:at]
        return lines

    def _take(self, stream: int, payload: bytes) -> list[bytes]:
        stamp = _STAMP.match(payload)
        part = len(payload) - (stamp.end() if stamp else 0)
        begun = self._open.pop(stream, None)
        if begun is not None:
            begun += payload[stamp.end() :] if stamp else payload
            payload = bytes(begun)
        if payload.endswith(b"\n"):
            return [self._note(payload)]
        if part < PART_BYTES:
            # the logging driver `local` drops the end of a line that was cut into parts (v20.10)
            return [self._note(payload + b"\n")] if payload else []
        self._open[stream] = bytearray(payload)
        return []

    def _note(self, line: bytes) -> bytes:
        stamp = _STAMP.match(line)
        if stamp:
            self.last = stamp[0].rstrip()
        return line


def _without_inner_stamps(line: bytes) -> bytes:
    """A line of a terminal without the stamps of its later parts, which stand where the parts begin."""
    stamp = _STAMP.match(line)
    if not stamp or len(line) <= stamp.end() + PART_BYTES:
        return line
    parts = [line[: stamp.end() + PART_BYTES]]
    at = stamp.end() + PART_BYTES
    while at < len(line):
        inner = _STAMP.match(line, at)
        start = inner.end() if inner else at
        parts.append(line[start : start + PART_BYTES])
        at = start + PART_BYTES
    return b"".join(parts)
