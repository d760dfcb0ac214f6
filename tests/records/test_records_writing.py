"""Records written back as lines."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.records import read_batches
from analyzer.records.goquote import quote, unquote
from analyzer.records.writing import rewrite_record

NAMES = ("time", "level", "message", "trace_id", "span_id", "span", "error", "fields", "text", "lines")


def rows(data: bytes) -> list[dict[str, Any]]:
    found = []
    for batch in read_batches(BytesIO(data), "log"):
        place = batch.schema.get_field_index("time")
        found += batch.set_column(place, "time", batch.column(place).cast("int64")).to_pylist()
    return found


def same(row: dict[str, Any]) -> dict[str, Any]:
    return {name: sorted(row[name]) if name == "fields" else row[name] for name in NAMES}


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_quoted_value_is_read_again(value: str) -> None:
    written = quote(value)
    assert (unquote(written[1:-1].encode()) if written.startswith('"') else written) == value
    assert written.isprintable()


PREFIXES = ("", "2026-01-05T10:00:00.123456789Z ", "web-1  | ", "2026-01-05T10:00:00.123456789Z stderr F ")
LINES = (
    'time="2026-01-05T10:00:00.987654321Z" level=debug msg=resolving host=mirror.example.com',
    'time="2026-01-05T10:00:00Z" level=debug msg="at the same second as its wrapper" n=1',
    'time="2026-01-05T10:00:00Z" level=debug msg="do request" digest="sha256:aa" spanID=11 traceID=22 url="https://a/b?c=d"',
    'time="2026-01-05T10:00:00Z" level=warning msg="it is \\"so\\""',
    'time="2026-01-05T10:00:00+03:00" level=info msg=resolving span="[1/2] RUN x\\ty" error="é\\n"',
    '{"level":"info","msg":"a b","time":"2026-01-05T10:00:00Z","n":3,"url":"https://a?b=c"}',
)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize("end", ["\n", "\r\n", ""])
def test_a_record_written_anew_is_the_same_record(prefix: str, line: str, end: str) -> None:
    raw = f"{prefix}{line}{end}".encode()
    [row] = rows(raw)
    written = rewrite_record(raw, row)
    assert [same(one) for one in rows(written)] == [same(row)]
    assert written.startswith(prefix.encode())
    assert written.endswith(end.encode())


@pytest.mark.parametrize("prefix", PREFIXES)
def test_a_block_keeps_its_lines_and_their_prefixes(prefix: str) -> None:
    block = ["1 v0.32.2 buildkitd --config x", "main.run", "\t/src/main.go:1", "secret", ""]
    raw = "".join(f"{prefix}{line}\n" for line in block).encode()
    found = rows(raw)
    row = dict(found[0])
    assert row["text"] is not None
    part = raw[: row["length"]]
    row["text"] = row["text"].replace("secret", "[redacted]").replace("main.run\n", "")
    written = rewrite_record(part, row)
    assert written.count(b"\n") == part.count(b"\n")
    assert b"secret" not in written
    assert all(line.startswith(prefix.encode()) for line in written.splitlines())
