from __future__ import annotations

import gzip
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import SourceError
from analyzer.sources.following import FollowedFile, FollowedStream, follow


class Clock:
    """Time that goes on only by waiting; what happens meanwhile is done then."""

    def __init__(self, *events: Callable[[], object]) -> None:
        self.now = 0.0
        self._events = list(events)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        if self._events:
            self._events.pop(0)()


def followed(path: Path, *events: Callable[[], object]) -> FollowedFile:
    clock = Clock(*events)
    return FollowedFile(path, clock=clock, sleep=clock.sleep)


def append(path: Path, data: bytes) -> None:
    with path.open("ab") as stream:
        stream.write(data)


def test_what_is_written_comes_in_whole_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntw")
    file = followed(path, lambda: append(path, b"o\nthr"), lambda: append(path, b"ee\n"))
    assert file.name == path.as_posix()
    assert [file.read(5) for _ in range(4)] == [b"one\n", b"two\n", b"three\n", b""]
    assert (file.ended, file.broken, file.surroundings) == (None, None, None)
    file.close()


def test_half_a_line_is_given_once_its_end_does_not_come(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntwo")
    file = followed(path)
    assert file.read(0.5) == b"one\n"
    assert file.read(0.5) == b""
    assert file.read(2) == b"two"
    append(path, b" and more\n")
    assert file.read(2) == b" and more\n"


def test_nothing_is_waited_for_longer_than_said(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.touch()
    clock = Clock()
    file = FollowedFile(path, clock=clock, sleep=clock.sleep)
    assert file.read(0.75) == b""
    assert clock.now == pytest.approx(0.75)


def test_a_file_that_is_renamed_is_read_to_its_end_and_then_its_successor(tmp_path: Path) -> None:
    path, old = tmp_path / "a.log", tmp_path / "a.log.1"
    path.write_bytes(b"one\n")
    file = followed(
        path, lambda: path.rename(old), lambda: append(old, b"two\n"), lambda: append(path, b"three\n")
    )
    assert [file.read(5) for _ in range(3)] == [b"one\n", b"two\n", b"three\n"]
    append(path, b"four\n")
    assert file.read(1) == b"four\n"
    assert file.broken is None


def test_what_was_written_just_before_a_rename_is_read(tmp_path: Path) -> None:
    path, old = tmp_path / "a.log", tmp_path / "a.log.1"
    path.write_bytes(b"one\n")
    file = followed(path)
    assert file.read(0) == b"one\n"
    append(path, b"two\nhalf")
    path.rename(old)
    path.write_bytes(b"three\n")
    assert b"".join(file.read(0) for _ in range(4)) == b"two\nhalfthree\n"


def test_a_file_that_is_cut_short_is_read_anew_and_something_may_be_lost(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\ntwo\n")
    file = followed(path, lambda: path.write_bytes(b"new\n"))
    assert file.read(1) == b"one\ntwo\n"
    before = file.broken
    assert file.read(1) == b"new\n"
    assert (before, file.ended) == (None, None)
    assert "cut short" in (file.broken or "")


@given(st.lists(st.tuples(st.binary(max_size=30), st.booleans()), max_size=12))
def test_all_bytes_come_whatever_is_renamed(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[bytes, bool]]
) -> None:
    path = tmp_path_factory.mktemp("rotated") / "a.log"
    path.touch()
    file = followed(path)
    given_out = written = b""
    for number, (data, rename) in enumerate(steps):
        append(path, data)
        written += data
        if number % 3 == 0:
            given_out += file.read(0.2)
        if rename:
            given_out += file.read(0)
            path.rename(path.with_suffix(f".{number}"))
            path.touch()
            given_out += file.read(0)
    for _ in range(4):
        given_out += file.read(3)
    assert given_out == written
    assert file.broken is None
    file.close()


def test_what_cannot_be_followed_is_told(tmp_path: Path) -> None:
    packed = tmp_path / "a.log.gz"
    packed.write_bytes(gzip.compress(b"one\n"))
    wide = tmp_path / "wide.log"
    wide.write_text("one\n", encoding="utf-16")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (packed, wide, tmp_path, pipe):
        with pytest.raises(SourceError) as told:
            follow(str(path))
        assert str(path) in str(told.value)
    with pytest.raises(SourceError, match="no such file"):
        follow(str(tmp_path / "none.log"))
    with pytest.raises(SourceError, match="URL"):
        follow("s3://bucket/user:secret@x/a.log?token=secret")
    with pytest.raises(SourceError):
        FollowedFile(tmp_path / "none.log")


def test_a_file_that_vanished_is_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"one\n")
    file = followed(path, lambda: path.unlink(), lambda: None, lambda: path.write_bytes(b"two\n"))
    assert [file.read(5), file.read(5)] == [b"one\n", b"two\n"]


def test_a_stream_comes_in_lines_and_ends() -> None:
    reading, writing = os.pipe()
    rng = random.Random(1)
    data = b"".join(b"%d\n" % rng.randrange(10**6) for _ in range(50)) + b"no end"
    stream = FollowedStream("<stdin>", reading)
    came = b""
    at = 0
    while at < len(data):
        size = rng.randrange(1, 40)
        os.write(writing, data[at : at + size])
        at += size
        lines = stream.read(0)
        assert lines == b"" or lines.endswith(b"\n")
        came += lines
    before = stream.ended
    os.close(writing)
    came += stream.read(1)
    assert came == data
    assert (before, stream.ended, stream.broken) == (None, "the input ended", None)
    assert stream.read(1) == b""
    os.close(reading)
