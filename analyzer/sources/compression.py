"""Compressed logs, recognised by their first bytes and read in small pieces.

Names lie (a rotated ``.log.2`` may be gzip, a ``.gz`` may be plain), so nothing goes by them. A file that is
cut short or damaged gives the bytes before the damage; what was wrong is noted, not raised: bad input must
not cost the good input before it.
"""

from __future__ import annotations

import bz2
import codecs
import io
import lzma
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol

MAGIC_BYTES = 6
"""Bytes that `compression_of` needs."""

_PIECE = 1 << 16
_ZSTD_PIECE = 1 << 10
# A zstd block of four bytes can stand for 128 KiB: small pieces keep one step's output below 32 MiB.
_ZSTD_WINDOW = 1 << 27

EXPANSION = 2_000
EXPANSION_FREE = 1 << 30
"""A log shrinks by 10 to 100 times. More than a gigabyte and 2,000 times the size is made to do harm."""


class _Decompressor(Protocol):
    """What zlib, bz2, lzma and zstandard have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class _Bounded:
    """bz2 and lzma with output in bounded steps."""

    def __init__(self, inner: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> None:
        self._inner = inner

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def hungry(self) -> bool:
        """More input is needed before more output can come."""
        return self._inner.needs_input

    def decompress(self, data: bytes, /) -> bytes:
        return self._inner.decompress(data, _PIECE * 16)


class _BoundedZlib:
    """zlib with output in bounded steps."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)
        self.broken = False

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def hungry(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, /) -> bytes:
        data = self._inner.unconsumed_tail + data
        before = self._inner.copy()
        try:
            return self._inner.decompress(data, _PIECE * 16)
        except zlib.error:
            # zlib drops what it made of this piece before the damage: make it again, byte by byte.
            self.broken = True
            made = bytearray()
            try:
                for at in range(len(data)):
                    made += before.decompress(data[at : at + 1])
            except zlib.error:
                return bytes(made)
            raise


def _zstd() -> _Decompressor:
    import zstandard

    inner: _Decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).decompressobj()
    return inner


_OPENERS: dict[str, Callable[[], _Decompressor]] = {
    "gzip": _BoundedZlib,
    "bzip2": lambda: _Bounded(bz2.BZ2Decompressor()),
    "xz": lambda: _Bounded(lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=1 << 28)),
    "zstd": _zstd,
}


def compression_of(head: bytes) -> str | None:
    """The compression that a file's first bytes show: gzip, zstd, xz, bzip2, or None."""
    if head.startswith(b"\x1f\x8b\x08"):
        return "gzip"
    if head.startswith(b"\x28\xb5\x2f\xfd") or (head[1:4] == b"\x2a\x4d\x18" and head[0] & 0xF0 == 0x50):
        return "zstd"
    if head.startswith(b"\xfd7zXZ\x00"):
        return "xz"
    if head.startswith(b"BZh") and head[3:4].isdigit():
        return "bzip2"
    return None


def encoding_of(head: bytes) -> str | None:
    """The two-byte encoding that a byte order mark shows, as PowerShell's ``>`` writes it, or None."""
    if head.startswith(codecs.BOM_UTF16_LE):
        return "utf-16-le"
    if head.startswith(codecs.BOM_UTF16_BE):
        return "utf-16-be"
    return None


def decompress(raw: BinaryIO, compression: str, damage: list[str]) -> BinaryIO:
    """The uncompressed bytes of a stream, members one after another.

    Args:
        raw: The compressed stream, at its start; closed with the result.
        compression: As `compression_of` names it.
        damage: Receives what was wrong, once it is met.
    """
    return io.BufferedReader(_Decompressing(raw, compression, damage), 1 << 20)


def recode(raw: BinaryIO, encoding: str) -> BinaryIO:
    """The bytes of a two-byte encoded stream as UTF-8, without byte order mark."""
    return io.BufferedReader(_Recoding(raw, encoding), 1 << 20)


class _Pieces(io.RawIOBase):
    """A raw stream over pieces of any size."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._ready = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        target = memoryview(buffer).cast("B")  # type: ignore[arg-type]
        while not self._ready and not self._ended:
            self._ready = memoryview(self._next())
        count = min(len(target), len(self._ready))
        target[:count] = self._ready[:count]
        self._ready = self._ready[count:]
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()

    def _next(self) -> bytes:
        """The next piece, possibly empty; sets `_ended` after the last."""
        raise NotImplementedError


class _Recoding(_Pieces):
    def __init__(self, raw: BinaryIO, encoding: str) -> None:
        super().__init__(raw)
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._first = True

    def _next(self) -> bytes:
        piece = self._raw.read(_PIECE)
        self._ended = not piece
        text = self._decoder.decode(piece, final=self._ended)
        if self._first and text:
            text, self._first = text.removeprefix("\ufeff"), False
        return text.encode("utf-8", "replace")


class _Decompressing(_Pieces):
    def __init__(self, raw: BinaryIO, compression: str, damage: list[str]) -> None:
        super().__init__(raw)
        self._name = compression
        self._damage = damage
        self._piece = _ZSTD_PIECE if compression == "zstd" else _PIECE
        self._member: _Decompressor = _OPENERS[compression]()
        self._fresh = True
        self._rest = b""
        self._read = 0
        self._given = 0

    def _next(self) -> bytes:
        if self._member.eof:
            self._start_member()
            if self._ended:
                return b""
        hungry = getattr(self._member, "hungry", True)
        data = b""
        if self._rest or hungry:
            try:
                data = self._rest or self._raw.read(self._piece)
            except OSError as error:
                return self._end(f"cannot be read to its end: {(error.strerror or str(error)).lower()}")
            self._rest = b""
            self._read += len(data)
            if not data and self._fresh:
                return self._end("")
        self._fresh = False
        try:
            out = self._member.decompress(data)
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError) as error:
            return self._end(f"is damaged: {error}")
        except Exception as error:
            # zstandard's own error cannot be named without importing it for every log.
            if type(error).__module__.partition(".")[0] != "zstandard":
                raise
            return self._end(f"is damaged: {error}")
        if getattr(self._member, "broken", False):
            self._end("is damaged; what follows the damage is not read")
        elif hungry and not data and not out and not self._member.eof:
            self._end("ends before its end")
        self._given += len(out)
        if self._given > EXPANSION_FREE and self._given > EXPANSION * self._read:
            return self._end(
                f"grows more than {EXPANSION} times when it is uncompressed; the rest is not read"
            )
        return out

    def _start_member(self) -> None:
        """After a member: zeros may pad the file, another member may follow, anything else is damage."""
        rest = bytes(self._member.unused_data)
        while True:
            rest = rest.lstrip(b"\0")
            if len(rest) < MAGIC_BYTES:
                more = self._raw.read(self._piece)
                if more:
                    rest += more
                    continue
            break
        if not rest:
            self._end("")
        elif compression_of(rest) == self._name:
            self._member, self._fresh, self._rest = _OPENERS[self._name](), True, rest
            # What was left over has been counted as read.
            self._read -= len(rest)
        else:
            self._end("has other bytes after its end; they are not read")

    def _end(self, problem: str) -> bytes:
        self._ended = True
        if problem and not self._damage:
            self._damage.append(f"the {self._name} file {problem}")
        return b""
