"""The engine's frames, back to lines."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.sources.frames import PART_BYTES, FrameError, Lines

STAMP = b"2026-01-05T10:00:00.%09dZ "


def frame(stream: int, payload: bytes) -> bytes:
    return bytes((stream, 0, 0, 0)) + len(payload).to_bytes(4, "big") + payload


def as_engine_sends(lines: list[tuple[int, bytes]]) -> tuple[bytes, list[bytes]]:
    """Lines as the engine frames them, cut into parts, each part stamped; and the lines as they should come back."""
    sent, expected = [], []
    number = 0
    for stream, line in lines:
        parts = [line[at : at + PART_BYTES] for at in range(0, max(len(line), 1), PART_BYTES)]
        first = STAMP % number
        for place, part in enumerate(parts):
            end = b"\n" if place == len(parts) - 1 else b""
            sent.append(frame(stream, STAMP % number + part + end))
            number += 1
        expected.append(first + line + b"\n")
    return b"".join(sent), expected


TEXT = st.binary(max_size=60).map(lambda data: data.replace(b"\n", b" "))
LONG = st.integers(PART_BYTES - 2, 3 * PART_BYTES).map(lambda size: b"x" * size)


@given(
    st.lists(st.tuples(st.sampled_from([1, 2]), TEXT | LONG), max_size=12),
    st.lists(st.integers(1, 40_000), min_size=1, max_size=8),
)
def test_lines_come_back_whole_however_the_stream_is_cut(
    lines: list[tuple[int, bytes]], sizes: list[int]
) -> None:
    sent, expected = as_engine_sends(lines)
    reader, found, at, turn = Lines(tty=False), [], 0, 0
    while at < len(sent):
        size = sizes[turn % len(sizes)]
        found += reader.feed(sent[at : at + size])
        at, turn = at + size, turn + 1
    assert found == expected
    assert not reader.unfinished
    assert reader.finish() == []


@given(st.lists(TEXT | LONG, max_size=8), st.integers(1, 40_000))
def test_a_terminal_has_no_frames_and_loses_the_stamps_of_parts(lines: list[bytes], size: int) -> None:
    sent, expected = b"", []
    for number, line in enumerate(lines):
        line = line.replace(b"\r", b" ")
        text = line + b"\r\n"
        parts = [text[at : at + PART_BYTES] for at in range(0, len(text), PART_BYTES)]
        stamp = STAMP % number
        sent += b"".join(stamp + part for part in parts)
        expected.append(stamp + text)
    reader = Lines(tty=True)
    found = [line for at in range(0, len(sent), size) for line in reader.feed(sent[at : at + size])]
    assert found + reader.finish() == expected


def test_two_streams_do_not_mix_within_a_line() -> None:
    reader = Lines(tty=False)
    out = frame(1, STAMP % 1 + b"a" * PART_BYTES)
    err = frame(2, STAMP % 2 + b"error\n")
    rest = frame(1, STAMP % 3 + b"end\n")
    assert reader.feed(out + err + rest) == [
        STAMP % 2 + b"error\n",
        STAMP % 1 + b"a" * PART_BYTES + b"end\n",
    ]


def test_the_last_stamp_is_known() -> None:
    reader = Lines(tty=False)
    reader.feed(frame(1, STAMP % 5 + b"x\n"))
    assert reader.last == (STAMP % 5).rstrip()


def test_a_stream_that_breaks_in_a_frame_is_noticed() -> None:
    reader = Lines(tty=False)
    whole = frame(2, STAMP % 1 + b"error\n")
    assert reader.feed(whole[:-3]) == []
    assert reader.unfinished


def test_a_line_without_an_end_comes_last() -> None:
    reader = Lines(tty=False)
    part = STAMP % 1 + b"x" * PART_BYTES
    assert reader.feed(frame(1, part)) == []
    assert not reader.unfinished
    assert reader.finish() == [part]


def test_a_short_part_ends_a_line_whose_end_the_driver_dropped() -> None:
    reader = Lines(tty=False)
    parts = [STAMP % 1 + b"a" * PART_BYTES, STAMP % 2 + b"end", STAMP % 3 + b"next\n"]
    lines = reader.feed(b"".join(frame(2, part) for part in parts))
    assert lines == [STAMP % 1 + b"a" * PART_BYTES + b"end\n", STAMP % 3 + b"next\n"]


@pytest.mark.parametrize("data", [b"HTTP/1.1 400 Bad Request", b"\x01\x00\x00\x00\xff\xff\xff\xffx"])
def test_what_is_no_stream_is_refused(data: bytes) -> None:
    with pytest.raises(FrameError):
        Lines(tty=False).feed(data)
