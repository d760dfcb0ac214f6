from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.limits import Limits
from analyzer.records import read_batches
from tests.records.helpers_records import assert_conserved, read_table, to_rows

RECORD = b'time="2026-11-24T22:07:10Z" level=info msg="a b" spanID=1f digest="sha256:12"\n'
STACK = b"failed\nmain.main\n\t/src/main.go:12\n\n"
SMALL = Limits(line_bytes=40, block_bytes=60)
PIECES = [
    b"time=1 a=2",
    b'time="2026-11-24T22:07:10Z" level=info msg="a b"',
    b"\n",
    b"\n",
    b"\r\n",
    b"\r",
    b"x",
    b"2026-11-24T22:07:10Z ",
    b"2026-11-24T22:07:10Z stderr P ",
    b"2026-11-24T22:07:10Z stderr F ",
    b"web | ",
    b"web-1 | ",
    b'{"log":"x\\n","time":"2026-11-24T22:07:10Z"}\n',
    b'{"log":"time=1"}\n',
    b'{"log":" a=1\\n"}\n',
    b'{"level":"info","msg":"x"}',
    b"buildkitd: x",
    b"f\n\tx:1",
    b"\x1b[36mINFO\x1b[0m[2026-11-24T22:07:10Z] a",
    b" \x1b[36ma\x1b[0m=1",
    b'"',
    b"\\",
    b"\x00",
    b"\xff",
    b"=debug msg=x\n",
    b"y" * 30,
]
LOGS = st.one_of(st.lists(st.sampled_from(PIECES), max_size=40).map(b"".join), st.binary(max_size=300))


def forms(data: bytes, **options: Any) -> list[tuple[str, str, str | None]]:
    return [(row["form"], row["status"], row["text"]) for row in to_rows(read_table(data, **options))]


@settings(deadline=None, max_examples=400)
@given(LOGS, st.integers(1, 200), st.lists(st.integers(0, 300), max_size=5), st.booleans())
def test_any_chunking_gives_the_same_records(data: bytes, chunk: int, cuts: list[int], fast: bool) -> None:
    cuts = [min(cut, len(data)) for cut in cuts]
    whole = read_table(data, fast=False, limits=SMALL)
    assert_conserved(whole, data)
    chunked = read_table(data, chunk_bytes=chunk, cuts=cuts, fast=fast, limits=SMALL)
    assert to_rows(chunked) == to_rows(whole)


@settings(deadline=None)
@given(st.binary(max_size=2000), st.integers(0, 5))
def test_every_byte_belongs_to_one_record(data: bytes, first_record: int) -> None:
    assert_conserved(read_table(data, first_record=first_record), data, first_record)


def test_columns() -> None:
    (row,) = to_rows(read_table(RECORD, first_record=7))
    assert row == {
        "record": 7,
        "source": "log",
        "stream": None,
        "line": 1,
        "lines": 1,
        "offset": 0,
        "length": len(RECORD),
        "time": 1_795_558_030 * 10**9,
        "time_from": "record",
        "level": "info",
        "message": "a b",
        "trace_id": None,
        "span_id": "1f",
        "span": None,
        "error": None,
        "form": "logfmt",
        "status": "ok",
        "fields": {"digest": "sha256:12"},
        "text": None,
    }


def test_an_empty_input_has_no_batch() -> None:
    assert list(read_batches(io.BytesIO(b""), "log")) == []


def test_blocks() -> None:
    assert forms(RECORD + STACK + RECORD + b"what\n" + b"buildkitd: bye\n") == [
        ("logfmt", "ok", None),
        ("stack", "ok", "failed\nmain.main\n\t/src/main.go:12\n"),
        ("logfmt", "ok", None),
        ("other", "ok", "what"),
        ("stack", "ok", "buildkitd: bye"),
    ]


def test_a_block_without_a_last_line_end_is_one_record() -> None:
    assert forms(RECORD + STACK.rstrip(b"\n"))[1:] == [
        ("stack", "ok", "failed\nmain.main\n\t/src/main.go:12")
    ]


@pytest.mark.parametrize("fast", [True, False])
def test_terminal_messages_of_several_lines_are_one_record(fast: bool) -> None:
    head = b"\x1b[31mERRO\x1b[0m[2026-11-24T22:07:10Z] "
    data = (
        head + b"a\r\n\r\nb c" + b" " * 20 + b"\x1b[31mspanID\x1b[0m=1f\r\n" + head + b"d\nmain.f\n\tx.go:1\n"
    )
    rows = to_rows(read_table(data, fast=fast))
    assert [(row["form"], row["lines"], row["message"], row["span_id"], row["text"]) for row in rows] == [
        ("terminal", 3, "a\n\nb c", "1f", None),
        ("terminal", 1, "d", None, None),
        ("stack", 2, None, None, "main.f\n\tx.go:1"),
    ]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("chunk", [30, 1 << 20])
def test_torn_ends(fast: bool, chunk: int) -> None:
    for cut in range(1, len(RECORD) - 1):
        rows = to_rows(read_table(RECORD + RECORD[:cut], fast=fast, chunk_bytes=chunk))
        last = RECORD[:cut].decode()
        assert (len(rows), rows[-1]["length"]) == (2, cut)
        whole = rows[-1]["status"] == "ok"
        assert rows[-1] == {
            **rows[-1],
            "text": None if whole else last,
            "status": "ok" if whole else "truncated",
        }


def test_a_torn_first_line_is_truncated_when_a_record_follows() -> None:
    assert forms(b"=debug msg=x\n" + RECORD)[0] == ("other", "truncated", "=debug msg=x")
    assert forms(b"=debug msg=x\nfoo\n" + RECORD)[0] == ("other", "ok", "=debug msg=x\nfoo")
    assert forms(b"=debug msg=x\n") == [("other", "ok", "=debug msg=x")]


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize("fake", [b"\x1b[36mb=2", b"\x01b=2", b"b=2", b'b="x \x1b[36mc\x1b[0m=3"'])
def test_text_cannot_pretend_to_be_a_coloured_key(fast: bool, fake: bytes) -> None:
    data = b"\x1b[36mINFO\x1b[0m[2026-11-24T22:07:10Z] x \x1b[36ma\x1b[0m=1 " + fake + b"\n"
    (row,) = to_rows(read_table(data, fast=fast))
    assert (row["status"], row["fields"], row["text"]) == ("malformed", {}, data.decode().rstrip("\n"))


def test_a_torn_json_end_is_truncated() -> None:
    data = b'{"level":"info","msg":"x"}\n{"dig'
    assert forms(data) == [("json", "ok", None), ("json", "truncated", '{"dig')]


def test_malformed_lines_keep_what_came_before_the_fault() -> None:
    (row,) = to_rows(read_table(b'time=1 level=info msg="a" b="c\n'))
    assert (row["status"], row["level"], row["message"]) == ("malformed", "info", "a")
    assert row["text"] == 'time=1 level=info msg="a" b="c'


def test_damage_does_not_reach_the_next_line() -> None:
    assert [status for _, status, _ in forms(b'time=1 msg="a\n' + RECORD)] == ["malformed", "ok"]


def test_long_lines_are_cut_and_blocks_too() -> None:
    data = b"time=1 msg=" + b"x" * 100 + b"\n" + b"abcdefghi\n" * 7 + RECORD[:30]
    table = read_table(data, limits=SMALL)
    assert_conserved(table, data)
    assert [(row["length"], row["lines"], row["status"]) for row in to_rows(table)] == [
        (40, 0, "truncated"),
        (40, 0, "truncated"),
        (32, 1, "truncated"),
        (60, 6, "ok"),
        (10, 1, "ok"),
        (30, 1, "truncated"),
    ]


def test_memory_is_bounded_whatever_the_line() -> None:
    reader_limits = Limits(line_bytes=1 << 16, block_bytes=1 << 16)
    from analyzer.records import RecordReader

    reader = RecordReader("log", chunk_bytes=1 << 16, limits=reader_limits)
    for _ in range(200):
        for batch in reader.feed(b"x" * 10_000):
            assert batch.num_rows <= 4
        assert reader._size <= 4 << 16


@pytest.mark.parametrize("fast", [True, False])
def test_a_terminal_record_takes_no_room_in_the_block_behind_it(fast: bool) -> None:
    data = b"\x1b[36mINFO\x1b[0m[2026-11-24T22:07:10Z] a\n" + b"x" * 30 + b"\n\n"
    rows = to_rows(read_table(data, fast=fast, limits=SMALL))
    assert [(row["form"], row["lines"]) for row in rows] == [("terminal", 1), ("other", 2)]


@pytest.mark.parametrize("data", [b"a\rb\n", b"\r\n", b"\r", b"\n", b"\x00\n\xff\n"])
def test_odd_bytes_are_kept_as_other(data: bytes) -> None:
    table = read_table(data)
    assert_conserved(table, data)
    assert {form for form, *_ in forms(data)} == {"other"}


@pytest.mark.parametrize("fast", [True, False])
@pytest.mark.parametrize(
    ("data", "form"),
    [
        (b"\0" * 40 + b'time="2026-01-05T10:00:00Z" level=info msg=a\n', "other"),
        (b'time="2026-01-05T10:00:00Z" level=info msg=a' + b"\0" * 40 + b"\n", "logfmt"),
        (b"\0" * 40 + b"\n", "other"),
        (b"\x1b[36mINFO\x1b[0m[2026-11-24T22:07:10Z] a\0\n", "terminal"),
    ],
)
def test_where_a_disk_or_a_crash_left_zeros_something_is_lost(data: bytes, form: str, fast: bool) -> None:
    (row,) = to_rows(read_table(data, fast=fast))
    assert (row["form"], row["status"]) == (form, "malformed")


def test_unknown_times_and_levels_stay_among_the_fields() -> None:
    (row,) = to_rows(read_table(b"time=yesterday level=loud msg=x\n"))
    assert (row["time"], row["time_from"], row["level"]) == (None, None, None)
    assert row["fields"] == {"time": "yesterday", "level": "loud"}


@pytest.mark.parametrize(
    ("name", "level"),
    [("warn", "warning"), ("warning", "warning"), ("trace", "trace"), ("fatal", "fatal"), ("panic", "panic")],
)
def test_levels(name: str, level: str) -> None:
    assert read_table(b"time=1 level=" + name.encode() + b"\n")["level"].to_pylist() == [level]


@pytest.mark.parametrize("fast", [True, False])
def test_of_repeated_keys_the_last_stands(fast: bool) -> None:
    data = b"time=1 msg=a msg=b z=0 a=1 z=2 a=3 c=4\ntime=2 a=5\n"
    rows = to_rows(read_table(data, fast=fast))
    table = read_table(data, fast=fast)
    assert [row["message"] for row in rows] == ["b", None]
    assert table["fields"].to_pylist()[0] == [("time", "1"), ("z", "2"), ("a", "3"), ("c", "4")]


def test_reading_does_not_import_pandas() -> None:
    program = (
        "import io, sys\n"
        "from analyzer.records import read_batches\n"
        'log = b\'time=1 msg="a\\\\"b" c=d\\ntime=2 x="\\nfoo\\n{"level":"info","msg":"x"}\\n\'\n'
        "list(read_batches(io.BytesIO(log), 'x')); list(read_batches(io.BytesIO(log[:40]), 'x'))\n"
        "sys.exit('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
