from __future__ import annotations

import bz2
import errno
import gzip
import io
import lzma
import random
import zlib
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.sources import compression as module
from analyzer.sources.compression import compression_of, decompress, recode

COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "bzip2": bz2.compress,
    "xz": lambda data: lzma.compress(data, preset=0),
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
}
TEXT = b"".join(
    b'time="2026-11-24T22:00:00Z" level=debug msg=%d\n' % (number * 7919) for number in range(12_000)
)
kinds = pytest.mark.parametrize("kind", sorted(COMPRESS))


def undo(data: bytes, kind: str) -> tuple[bytes, list[str]]:
    damage: list[str] = []
    with decompress(io.BytesIO(data), kind, damage) as stream:
        return stream.read(), damage


@kinds
def test_what_was_compressed_comes_back(kind: str) -> None:
    data = COMPRESS[kind](TEXT)

    assert compression_of(data) == kind
    assert undo(data, kind) == (TEXT, [])


@kinds
def test_members_follow_one_another(kind: str) -> None:
    data = COMPRESS[kind](TEXT) + COMPRESS[kind](b"") + COMPRESS[kind](b"more\n") + b"\0" * 512

    assert undo(data, kind) == (TEXT + b"more\n", [])


@kinds
def test_a_file_cut_short_gives_what_it_has(kind: str) -> None:
    data = COMPRESS[kind](TEXT)

    text, damage = undo(COMPRESS[kind](b"first\n") + data[: len(data) * 2 // 3], kind)

    assert text.startswith(b"first\n")
    assert (b"first\n" + TEXT).startswith(text)
    assert damage == [f"the {kind} file ends before its end"]


@kinds
def test_a_damaged_file_gives_what_comes_before(kind: str) -> None:
    data = bytearray(COMPRESS[kind](TEXT))
    data[len(data) // 2 : len(data) // 2 + 64] = b"\xff" * 64

    text, damage = undo(COMPRESS[kind](b"first\n") + bytes(data), kind)

    assert text.startswith(b"first\n")
    assert len(damage) == 1
    assert "is damaged" in damage[0]


def test_gzip_loses_nothing_before_the_damage() -> None:
    packer = zlib.compressobj(wbits=31)
    good = packer.compress(TEXT) + packer.flush(zlib.Z_FULL_FLUSH)

    text, damage = undo(good + b"\xff" * 100, "gzip")

    assert text == TEXT
    assert "is damaged" in damage[0]


@kinds
def test_other_bytes_after_the_end_are_told(kind: str) -> None:
    text, damage = undo(COMPRESS[kind](TEXT) + b"level=info msg=hello\n", kind)

    assert text == TEXT
    assert "other bytes after its end" in damage[0]


@kinds
def test_a_bomb_is_not_read_to_its_end(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EXPANSION", 20)
    monkeypatch.setattr(module, "EXPANSION_FREE", 1 << 16)

    text, damage = undo(COMPRESS[kind](b"\0" * (8 << 20)), kind)

    assert len(text) < 8 << 20
    assert "grows more than 20 times" in damage[0]


@pytest.mark.parametrize("head", [b"", b"B", b"BZhx", b"\x1f", b"time=", b'{"log":', b"\x28\xb5\x2f"])
def test_other_bytes_are_not_compressed(head: bytes) -> None:
    assert compression_of(head) is None


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(COMPRESS)), st.binary(max_size=200))
def test_any_bytes_end_in_text_or_damage(kind: str, data: bytes) -> None:
    text, damage = undo(COMPRESS[kind](b"good\n") + data, kind)

    assert text.startswith(b"good\n")
    assert damage or not data.strip(b"\0") or compression_of(data.lstrip(b"\0")) == kind


@settings(deadline=None, max_examples=40)
@given(st.text(max_size=300), st.sampled_from(["utf-16-le", "utf-16-be"]))
def test_two_byte_text_comes_as_utf8(text: str, encoding: str) -> None:
    data = ("\ufeff" + text).encode(encoding, "surrogatepass")

    with recode(io.BytesIO(data), encoding) as stream:
        assert stream.read() == data.decode(encoding, "replace").removeprefix("\ufeff").encode(
            "utf-8", "replace"
        )


@kinds
def test_a_disk_that_fails_ends_the_file(kind: str) -> None:
    class Failing(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 20_000:
                raise OSError(errno.EIO, "Input/output error")
            return super().read(min(size or 0, 8_000))

    noise = random.Random(1).randbytes(200_000)
    damage: list[str] = []
    with decompress(Failing(COMPRESS[kind](noise)), kind, damage) as stream:
        assert noise.startswith(stream.read())
    assert damage == [f"the {kind} file cannot be read to its end: input/output error"]
