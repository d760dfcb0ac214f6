"""What the tests of the records layer share."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable
from typing import Any

import pyarrow as pa

from analyzer.limits import LIMITS, Limits
from analyzer.records import RECORDS, RecordReader


def read_table(
    data: bytes,
    *,
    chunk_bytes: int = LIMITS.chunk_bytes,
    cuts: Iterable[int] = (),
    limits: Limits = LIMITS,
    fast: bool = True,
    first_record: int = 0,
) -> pa.Table:
    """Reads bytes, fed in the given pieces; ``fast=False`` uses the exact path alone."""
    reader = RecordReader("log", first_record=first_record, chunk_bytes=chunk_bytes, limits=limits)
    if not fast:
        reader._fast.read = lambda *_, **__: None  # type: ignore[method-assign]
    batches: list[pa.RecordBatch] = []
    edges = [0, *sorted(cuts), len(data)]
    for start, end in itertools.pairwise(edges):
        batches += reader.feed(data[start:end])
    batches += reader.finish()
    for batch in batches:
        assert batch.schema == RECORDS
        batch.validate(full=True)
    return pa.Table.from_batches(batches, RECORDS)


def to_rows(table: pa.Table, *, drop: Iterable[str] = ()) -> list[dict[str, Any]]:
    """Rows as Python values; times as integers of nanoseconds, fields as dictionaries."""
    names = [name for name in table.schema.names if name not in set(drop)]
    columns = {}
    for name in names:
        column = table[name]
        columns[name] = (column.cast(pa.int64()) if name == "time" else column).to_pylist()
    rows = []
    for number in range(table.num_rows):
        entry = {name: columns[name][number] for name in names}
        if "fields" in entry:
            entry["fields"] = dict(entry["fields"])
        rows.append(entry)
    return rows


def assert_conserved(table: pa.Table, data: bytes, first_record: int = 0) -> None:
    """Every byte and every line belongs to one record."""
    offset, line = 0, 1
    for number, entry in enumerate(to_rows(table)):
        assert entry["record"] == first_record + number
        assert (entry["offset"], entry["line"]) == (offset, line)
        assert entry["length"] > 0
        offset += entry["length"]
        line += entry["lines"]
    assert offset == len(data)
    assert line - 1 == data.count(b"\n") + (not data.endswith(b"\n") and len(data) > 0)


def go_quote(text: str) -> bytes:
    """What Go's ``%q`` writes between its quotes."""
    names = {7: "a", 8: "b", 12: "f", 10: "n", 13: "r", 9: "t", 11: "v", 92: "\\", 34: '"'}
    out = []
    for letter in text:
        point = ord(letter)
        if point in names:
            out.append("\\" + names[point])
        elif point < 32 or point == 127:
            out.append(f"\\x{point:02x}")
        elif letter.isprintable():
            out.append(letter)
        else:
            out.append(f"\\u{point:04x}" if point < 0x10000 else f"\\U{point:08x}")
    return "".join(out).encode()


def write_value(text: str) -> bytes:
    """A value as logrus writes it in text and terminal form."""
    if all(letter.isascii() and (letter.isalnum() or letter in "-._/@^+") for letter in text):
        return text.encode()
    return b'"' + go_quote(text) + b'"'


def write_logfmt(fields: dict[str, str]) -> bytes:
    """A line of text form."""
    return b" ".join(key.encode() + b"=" + write_value(value) for key, value in fields.items())


def write_terminal(fields: dict[str, str]) -> bytes:
    """A line of terminal form; ``time`` and ``level`` must be there."""
    fields = dict(fields)
    time, level, message = fields.pop("time"), fields.pop("level"), fields.pop("msg", "")
    line = b"\x1b[36m%s\x1b[0m[%s] %s " % (
        level[:4].upper().encode(),
        time.encode(),
        message.encode().ljust(44),
    )
    return line + b"".join(
        b" \x1b[36m" + key.encode() + b"\x1b[0m=" + write_value(value) for key, value in fields.items()
    )


def write_json(fields: dict[str, str]) -> bytes:
    """A line of JSON form, escaped as Go's encoder does."""
    text = json.dumps(dict(sorted(fields.items())), separators=(",", ":"), ensure_ascii=False)
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e").encode()
