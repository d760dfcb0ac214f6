"""A source: a log that can be opened, with what became known while it was read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from analyzer.errors import SourceError
from analyzer.sources.surroundings import Files, Surroundings

if TYPE_CHECKING:
    from analyzer.sources.builds import Builds
    from analyzer.sources.history import History

_SAMPLE = 1 << 16
_NULS_IN_BINARY = 0.01


@dataclass(frozen=True)
class Source:
    """A log. It may be pickled and opened in another process that sees the same files.

    Attributes:
        name: What reports call it: the path as given, a URL without what it may hide, or ``<stdin>``.
        path: The file, None where there is none to open again by name.
        open: Opens it for reading from the start; gives the bytes of the log itself, uncompressed. Bytes that
            can be read are given even where a compressed file is damaged or a connection breaks; see
            `damaged`. A URL is first read here: that it cannot be is told by a `SourceError` of this call
            or of the first read.
        repeatable: `open` may be called more than once.
        size: Bytes of the file as it is stored, None if unknown. A compressed file has less than the log.
        compression: gzip, zstd, xz or bzip2; None without, and for a URL, whose bytes are not asked for before
            it is opened.
        builder: The builder that wrote it, as far as its name tells; unique among the sources of one call.
        plain_path: A local regular file that holds the log as `open` gives it, byte for byte: one file, not
            compressed, no two-byte text. It can be read from any offset. None without.
        lost: What of the log was lost before it came here; None if nothing was.
        redactions: Secrets that were replaced in it before, by kind.
        surroundings: What is known of the daemon beside its log; None for a log alone.
        files: The files where the daemon runs, while they can still be looked at.
        builds: The records of recent builds that were found with it; None where nobody looked for them.
        history: Where such records can be asked for, while they can.
        spooled: It is a copy in a temporary folder of this process, as standard input is: no other machine can
            open it.
    """

    name: str
    path: Path | None
    open: Callable[[], BinaryIO]
    repeatable: bool = True
    size: int | None = None
    compression: str | None = None
    builder: str = ""
    plain_path: Path | None = None
    spooled: bool = False
    lost: str | None = None
    redactions: Mapping[str, int] = field(default_factory=dict)
    surroundings: Surroundings | None = None
    files: Files | None = field(default=None, repr=False, compare=False)
    builds: Builds | None = None
    history: History | None = field(default=None, repr=False, compare=False)
    damage: list[str] = field(default_factory=list, repr=False, compare=False)

    @property
    def damaged(self) -> str | None:
        """What was wrong with the stored bytes, known once they were read; None if nothing was."""
        return self.lost or (self.damage[0] if self.damage else None)


@dataclass(frozen=True)
class Unreadable:
    """A log that was named, or found, and cannot be read.

    Attributes:
        name: What reports call it, as `Source.name`.
        error: Why.
        builder: As `Source.builder`.
    """

    name: str
    error: SourceError
    builder: str = ""


def is_binary(sample: bytes) -> bool:
    """Whether bytes look like no text at all: one NUL in a hundred bytes, or more."""
    sample = sample[:_SAMPLE]
    return bool(sample) and sample.count(0) > len(sample) * _NULS_IN_BINARY
