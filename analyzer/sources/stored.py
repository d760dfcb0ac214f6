"""Stored bytes, wherever they are, and the source that they make.

Names lie about what a file holds, so its first bytes are asked: compressed, two-byte text, an archive, or a log.
"""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol, cast

from analyzer.errors import SourceError
from analyzer.limits import LIMITS
from analyzer.sources.compression import compression_of, decompress, encoding_of, recode
from analyzer.sources.model import Source
from analyzer.sources.names import shown_text

HEAD = 512
"""Bytes that tell what a file holds."""

_TAR = slice(257, 262)


class Stored(Protocol):
    """A file somewhere."""

    @property
    def name(self) -> str:
        """What reports call it."""

    @property
    def key(self) -> str:
        """The same for two names of one file."""

    @property
    def folder(self) -> str:
        """The folder that it is in."""

    @property
    def file_name(self) -> str:
        """Its name in its folder."""

    def source(self) -> Source:
        """The log in it.

        Raises:
            SourceError: It may not be read, or holds something else.
        """

    def open(self, damage: list[str]) -> io.BufferedReader:
        """Its bytes as they are stored, from the start.

        Args:
            damage: Receives what cut the bytes short, once that is met.

        Raises:
            SourceError: It cannot be read.
        """


@dataclass(frozen=True)
class OpenStored:
    """Opens stored bytes as a log."""

    stored: Stored
    damage: list[str] = field(compare=False)

    def __call__(self) -> BinaryIO:
        """The bytes of the log itself, from the start."""
        self.damage.clear()
        raw = self.stored.open(self.damage)
        try:
            head = raw.peek(HEAD)[:HEAD]
            refuse_archives(self.stored.name, head)
        except OSError as error:
            raw.close()
            raise unreadable(self.stored.name, error) from None
        except BaseException:
            raw.close()
            raise
        compression, encoding = compression_of(head), encoding_of(head)
        if compression:
            return decompress(raw, compression, self.damage)
        return recode(raw, encoding) if encoding else cast(BinaryIO, raw)


def source_of(
    stored: Stored,
    *,
    path: Path | None = None,
    size: int | None = None,
    head: bytes = b"",
    plain: Path | None = None,
    spooled: bool = False,
) -> Source:
    """A source over stored bytes.

    Args:
        stored: The bytes.
        path: The user's own file, if any.
        size: How many, where known.
        head: The first of them, where known.
        plain: The local file that they are, if any.
        spooled: They are in a temporary folder of ours.
    """
    compression = compression_of(head)
    damage: list[str] = []
    return Source(
        name=stored.name,
        path=path,
        open=OpenStored(stored, damage),
        size=size,
        compression=compression,
        plain_path=None if compression or encoding_of(head) else plain,
        spooled=spooled,
        damage=damage,
    )


def refuse_archives(name: str, head: bytes) -> None:
    """Raise a `SourceError` if a file's first bytes are those of an archive."""
    if head.startswith(b"PK\x03\x04") or head[_TAR] == b"ustar":
        raise SourceError("this is an archive, not a log", where=name, hint="unpack it and name the folder")


def unreadable(name: str, error: Exception) -> SourceError:
    """What to tell of an error of the system."""
    hint = "ask for the right to read it" if isinstance(error, PermissionError) else None
    return SourceError(f"it cannot be read: {reason(error)}", where=name, hint=hint)


def reason(error: BaseException) -> str:
    """An error in few words, without what its URL hides."""
    text = getattr(error, "strerror", None) or str(error).strip() or type(error).__name__
    return shown_text(" ".join(text.lower().split()))[: LIMITS.error_text]
