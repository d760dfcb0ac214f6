"""Rotated logs: the parts of one log, read as one, oldest first.

A daemon goes on while its log is rotated, so a build may begin in one part and end in the next. Lines are counted
through all parts.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import BinaryIO, cast

from analyzer.sources.model import Source


def join_parts(name: str, parts: Sequence[Source]) -> Source:
    """One source out of the parts of a rotated log.

    Args:
        name: Its name, that of the part that is written now.
        parts: At least one, oldest first.
    """
    damage: list[str] = []

    def open_parts() -> BinaryIO:
        damage.clear()
        return cast(BinaryIO, io.BufferedReader(_Chain(parts, damage), 1 << 20))

    return Source(
        name=name,
        path=parts[-1].path,
        open=open_parts,
        repeatable=all(part.repeatable for part in parts),
        size=sum(part.size or 0 for part in parts),
        compression=None,
        damage=damage,
    )


class _Chain(io.RawIOBase):
    """The bytes of all parts, one after the other."""

    def __init__(self, parts: Sequence[Source], damage: list[str]) -> None:
        self._waiting = list(parts)
        self._damage = damage
        self._part: Source | None = None
        self._stream: BinaryIO | None = None

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while True:
            if self._stream is None:
                if not self._waiting:
                    return 0
                self._part = self._waiting.pop(0)
                self._stream = self._part.open()
            data = self._stream.read(len(buffer))
            if data:
                buffer[: len(data)] = data
                return len(data)
            self._leave()

    def _leave(self) -> None:
        if self._stream is not None:
            self._stream.close()
            self._stream = None
        if self._part is not None and self._part.damaged:
            self._damage.append(f"{self._part.name}: {self._part.damaged}")
        self._part = None

    def close(self) -> None:
        self._waiting.clear()
        self._leave()
        super().close()
