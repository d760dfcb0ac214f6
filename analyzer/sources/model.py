"""A source: a log that can be opened, with what became known while it was read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

_SAMPLE = 1 << 16
_NULS_IN_BINARY = 0.01


@dataclass(frozen=True)
class Source:
    """A log.

    Attributes:
        name: What reports call it: the path as given, or ``<stdin>``.
        path: The file, None where there is none to open again by name.
        open: Opens it for reading from the start; gives the bytes of the log itself, uncompressed. Bytes that
            can be read are given even where a compressed file is damaged; see `damaged`.
        repeatable: `open` may be called more than once.
        size: Bytes of the file as it is stored, None if unknown. A compressed file has less than the log.
        compression: gzip, zstd, xz or bzip2, None without.
    """

    name: str
    path: Path | None
    open: Callable[[], BinaryIO]
    repeatable: bool = True
    size: int | None = None
    compression: str | None = None
    damage: list[str] = field(default_factory=list, repr=False, compare=False)

    @property
    def damaged(self) -> str | None:
        """What was wrong with the stored bytes, known once they were read; None if nothing was."""
        return self.damage[0] if self.damage else None


def is_binary(sample: bytes) -> bool:
    """Whether bytes look like no text at all: one NUL in a hundred bytes, or more."""
    sample = sample[:_SAMPLE]
    return bool(sample) and sample.count(0) > len(sample) * _NULS_IN_BINARY
