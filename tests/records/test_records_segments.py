"""Segments: read one by one they give the records of the whole, and a file is cut as a stream is."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import SourceError
from analyzer.reading import renumbered
from analyzer.records import RECORDS, RecordReader, segments
from analyzer.records.segments import Segment, segments_of_file, segments_of_stream

RECORD = b'time="2026-01-05T10:00:00Z" level=debug msg="do request" spanID=%d traceID=t\n'
STACK = b"rpc error: code = Unknown\n1 v0.17.3 /usr/bin/buildkitd --debug\nmain.main\n\t/src/cmd/main.go:1\n"
COMPOSE = b'builder-%d  | time="2026-01-05T10:00:00Z" level=info msg=fetch\n'

lines = st.lists(
    st.sampled_from([RECORD, RECORD, RECORD, STACK, COMPOSE, b"\n", b"no record at all\n", b"\x00\xff\n"]),
    max_size=60,
)


def whole(data: bytes) -> list[dict[str, Any]]:
    reader = RecordReader("log")
    return rows([*reader.feed(data), *reader.finish()])


def rows(batches: list[pa.RecordBatch]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = pa.Table.from_batches(batches, RECORDS).to_pylist()
    return found


def by_segments(segments: list[Segment]) -> list[dict[str, Any]]:
    """The records of segments, each clean one by a reader of its own."""
    batches: list[pa.RecordBatch] = []
    record, line, known = 0, 0, set[bytes]()
    reader = None
    for segment in segments:
        reader = reader or RecordReader("log", first_offset=segment.offset, known=known)
        found = [batch for piece in segment.pieces() for batch in reader.feed(piece)]
        if segment.clean:
            found += reader.finish() if segment.last else reader.pause()
        batches += [renumbered(batch, record, line) for batch in found]
        if segment.clean:
            record, line = record + reader.next_record, line + reader.next_line - 1
            reader = None
    return rows(batches)


@given(lines, st.integers(1, 700))
def test_segments_read_one_by_one_give_the_whole(parts: list[bytes], size: int) -> None:
    data = b"".join(part % at if b"%d" in part else part for at, part in enumerate(parts))
    segments = list(segments_of_stream(BytesIO(data), size))

    assert b"".join(piece for segment in segments for piece in segment.pieces()) == data
    assert [segment.number for segment in segments] == list(range(len(segments)))
    assert [segment.last for segment in segments] == [False] * (len(segments) - 1) + [True]
    assert by_segments(segments) == whole(data)


@given(lines, st.integers(1, 700))
def test_a_file_is_cut_as_a_stream_is(
    tmp_path_factory: pytest.TempPathFactory, parts: list[bytes], size: int
) -> None:
    data = b"".join(part % at if b"%d" in part else part for at, part in enumerate(parts))
    path = tmp_path_factory.mktemp("segments") / "log"
    path.write_bytes(data)

    def cuts(segments: list[Segment]) -> list[tuple[int, int, bool, bool]]:
        return [(one.offset, one.length, one.clean, one.last) for one in segments]

    from_file = list(segments_of_file(path, size))
    assert cuts(from_file) == cuts(list(segments_of_stream(BytesIO(data), size)))
    assert by_segments(from_file) == whole(data)


def test_a_log_without_a_record_is_never_cut_cleanly(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"nothing that is known\n" * 1000)
    segments = list(segments_of_file(path, 4096))
    assert [segment.clean for segment in segments] == [False] * (len(segments) - 1) + [True]


def test_a_disk_that_fails_costs_what_it_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, data = tmp_path / "buildkitd.log", b"".join(RECORD % number for number in range(4_000))
    path.write_bytes(data)
    broken = range(100_000, 140_000)
    plain = segments._read

    def read(stream: Any, size: int) -> bytes | None:
        at = stream.tell()
        if at in broken:
            return None
        return plain(stream, min(size, broken.start - at) if at < broken.start else size)

    monkeypatch.setattr(segments, "_read", read)
    for size in (len(data), 50_000):
        got = b"".join(piece for one in segments_of_file(path, size) for piece in one.pieces())
        assert len(got) == len(data)
        hole = got.count(b"\0")
        # steps grow while the disk fails: what is lost is some of what could be read behind
        assert len(broken) <= hole < 3 * len(broken)
        kept = got.index(b"\0"), got.rindex(b"\0") + 1
        assert (got[: kept[0]], got[kept[1] :]) == (data[: kept[0]], data[kept[1] :])
        assert kept[0] == broken.start


def test_only_a_failing_disk_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "buildkitd.log"
    with pytest.raises(SourceError, match="no such file"):
        list(segments_of_file(path, 10))
