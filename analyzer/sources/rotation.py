"""Rotated logs: the parts of one log, read as one, oldest first.

A daemon goes on while its log is rotated, so a build may begin in one part and end in the next. Lines are counted
through all parts.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from analyzer.sources.model import Source

DAEMON_LOG = "buildkitd.log"

_LOG = re.compile(r"\.log(?:[.-].*)?$")
_ROTATED = re.compile(
    r"^(?P<base>.*?\.log)(?:\.(?P<number>\d+)|-(?P<date>\d{6,14}))?(?:\.(?:gz|zst|xz|bz2))?$"
)


def choose_logs(names: Iterable[str]) -> list[str]:
    """The names in a folder that are its logs, parts of one log together and in order.

    That is ``buildkitd.log`` where there is one, else all ``*.log*``.
    """
    logs = [name for name in names if _LOG.search(name)]
    daemon = [name for name in logs if base_name(name) == DAEMON_LOG]
    return sorted(daemon or logs, key=part_order)


def base_name(name: str) -> str:
    """The name of the log that a file is a part of."""
    return part_order(name)[0]


def part_order(name: str) -> tuple[str, int, int, str]:
    """Where a log stands among its rotated parts: higher numbers and earlier dates are older."""
    match = _ROTATED.match(name)
    if not match:
        return name, 0, 0, name
    if match["number"]:
        return match["base"], -1, -int(match["number"]), name
    if match["date"]:
        return match["base"], -2, int(match["date"].ljust(14, "0")), name
    return match["base"], 0, 0, name


def join_parts(name: str, parts: Sequence[Source]) -> Source:
    """One source out of the parts of a rotated log.

    Args:
        name: Its name, that of the part that is written now.
        parts: At least one, oldest first.
    """
    damage: list[str] = []
    sizes = [part.size for part in parts]
    return Source(
        name=name,
        path=parts[-1].path,
        open=_OpenParts(tuple(parts), damage),
        repeatable=all(part.repeatable for part in parts),
        size=None if None in sizes else sum(size or 0 for size in sizes),
        compression=None,
        spooled=any(part.spooled for part in parts),
        damage=damage,
    )


@dataclass(frozen=True)
class _OpenParts:
    """Opens the parts of a log as one stream."""

    parts: tuple[Source, ...]
    damage: list[str] = field(compare=False)

    def __call__(self) -> BinaryIO:
        self.damage.clear()
        return cast(BinaryIO, io.BufferedReader(_Chain(self.parts, self.damage), 1 << 20))


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
