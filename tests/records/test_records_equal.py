"""The fast reader and the plain reference agree: on captured logs, on generated ones, on damaged ones."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.records import reference
from tests.records.helpers_records import (
    assert_conserved,
    read_table,
    to_rows,
    write_json,
    write_logfmt,
    write_terminal,
)

NOT_IN_REFERENCE = ("record", "source", "stream", "time_from")
INSERTIONS = [
    b'"',
    b"\\",
    b"\n",
    b"time=",
    b" ",
    b"=",
    b"\r\n",
    b"\\u00e9",
    b"\\n",
    b"buildkitd: ",
    b"\n\tx:1",
    b" a=1 a=2",
    b" \x1b[36ma\x1b[0m=1",
    b"\x1b[37m",
    b"\x01",
]
TEXT = st.text(st.characters(codec="utf-8"), max_size=20)
KEY = st.sampled_from(
    ["error", "span", "spanID", "traceID", "digest", "response.header.x-goog-hash.1", "fields.msg", "a"]
)
ENTRY = st.builds(
    lambda moment, level, message, fields: {"time": moment, "level": level, "msg": message, **fields},
    st.sampled_from(["2026-11-24T22:07:10Z", "2026-11-24T22:07:10.000000001+03:00"]),
    st.sampled_from(["debug", "info", "warning", "error"]),
    TEXT,
    st.dictionaries(KEY, TEXT, max_size=5),
)


def assert_equal(data: bytes, **options: Any) -> None:
    table = read_table(data, **options)
    assert_conserved(table, data)
    assert to_rows(table, drop=NOT_IN_REFERENCE) == reference.parse(data)


def plain_logs(root: Path | None) -> list[Path]:
    if root is None:
        pytest.skip("needs the captured logs")
    folders = sorted(root.iterdir())
    return [
        folder / "buildkitd.log"
        for folder in folders
        if folder.is_dir() and not folder.name.startswith("wrap-")
    ]


def damage(data: bytes, chance: random.Random) -> bytes:
    """A piece of a log in which bytes are changed, lost and put in."""
    start = chance.randrange(len(data))
    piece = bytearray(data[start : start + chance.randrange(1, 6000)])
    for _ in range(chance.randrange(12)):
        at = chance.randrange(len(piece) + 1)
        what = chance.randrange(3)
        if what == 0:
            piece[at : at + 1] = bytes(
                [chance.choice([*b'"\\ =\n\r\t{}[\x1bx\x00\xff\xc3', chance.randrange(256)])]
            )
        elif what == 1:
            del piece[at : at + chance.randrange(1, 40)]
        else:
            piece[at:at] = chance.choice(INSERTIONS)
    return bytes(piece)


def test_some_captured_logs(captures_root: Path | None) -> None:
    for path in plain_logs(captures_root)[::12]:
        assert_equal(path.read_bytes(), chunk_bytes=50_000)


@pytest.mark.slow
def test_all_captured_logs(captures_root: Path | None) -> None:
    for path in plain_logs(captures_root):
        assert_equal(path.read_bytes())


def test_damaged_logs(captures_root: Path | None) -> None:
    chance = random.Random(1)
    logs = [path.read_bytes() for path in plain_logs(captures_root)[::8]]
    for _ in range(150):
        data = damage(chance.choice(logs), chance)
        cuts = [chance.randrange(len(data) + 1) for _ in range(chance.randrange(4))]
        assert_equal(data, chunk_bytes=chance.choice([50, 300, 2000, 1 << 20]), cuts=cuts)


def test_captured_logs_are_understood_but_for_known_lines(captures_root: Path | None) -> None:
    if captures_root is None:
        pytest.skip("needs the captured logs")
    strange = {}
    for path in sorted(captures_root.glob("*/buildkitd.log"))[::3]:
        for row in to_rows(read_table(path.read_bytes())):
            if row["form"] == "other" or row["status"] != "ok":
                strange[path.parent.name] = (row["form"], row["status"], row["text"][:20])
    # A message of Go's own logger inside dockerd, and a log that was cut.
    known = {
        "dockerd-embedded-20.10.24": ("other", "ok", "2026-11-24 22:21:48."),
        "cut-tail-v0.12.5": ("logfmt", "truncated", 'time="2026-11-24T22:'),
    }
    assert strange == {name: value for name, value in known.items() if name in strange}


@settings(deadline=None)
@given(st.lists(ENTRY, min_size=1, max_size=6))
def test_the_three_forms_give_equal_records(entries: list[dict[str, str]]) -> None:
    drop = ("offset", "length", "form")
    texts = [b"".join(write(entry) + b"\n" for entry in entries) for write in (write_logfmt, write_json)]
    tables = [to_rows(read_table(data), drop=drop) for data in texts]
    assert tables[0] == tables[1]
    # The terminal form does not quote its message: only what has no line end and no padding survives.
    flat = [
        {**entry, "msg": "".join(filter(str.isprintable, entry["msg"])).rstrip() or "x"} for entry in entries
    ]
    terminal = read_table(b"".join(write_terminal(entry) + b"\n" for entry in flat))
    plain = read_table(b"".join(write_logfmt(entry) + b"\n" for entry in flat))
    assert to_rows(terminal, drop=drop) == to_rows(plain, drop=drop)


@settings(deadline=None)
@given(st.lists(ENTRY, max_size=4), st.integers(1, 300))
def test_generated_logs(entries: list[dict[str, str]], chunk: int) -> None:
    writers = (write_logfmt, write_json, write_terminal)
    flat = [{**entry, "msg": entry["msg"].replace("\n", " ")} for entry in entries]
    assert_equal(
        b"".join(writers[number % 3](entry) + b"\n" for number, entry in enumerate(flat)), chunk_bytes=chunk
    )
