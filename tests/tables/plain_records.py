"""Batches of records for the tests of the tables: from rows, or from a log by a plain and slow reader."""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa

from analyzer.records.schema import RECORDS
from analyzer.tables.spool import Rows

FIELD = re.compile(r'([^ ="\\]+)=("(?:[^"\\]|\\.)*"|[^ ]*)')
COLUMNS = {
    "level": "level",
    "msg": "message",
    "traceID": "trace_id",
    "spanID": "span_id",
    "span": "span",
    "error": "error",
}


def batch_of(rows: Iterable[dict[str, Any]], first: int = 0) -> pa.RecordBatch:
    """Rows with what matters to a test; the rest is filled in."""
    full = []
    for index, row in enumerate(rows):
        base: dict[str, Any] = {
            "record": first + index,
            "source": "buildkitd.log",
            "line": first + index + 1,
            "lines": 1,
            "offset": 0,
            "length": 0,
            "form": "logfmt",
            "status": "ok",
            "fields": [],
        }
        merged = base | row
        merged["fields"] = list(dict(merged["fields"]).items())
        if "time" in merged and isinstance(merged["time"], str):
            merged["time"] = datetime.fromisoformat(merged["time"].replace("Z", "+00:00"))
        full.append(merged)
    arrays = [pa.array([row.get(field.name) for row in full], type=field.type) for field in RECORDS]
    return pa.RecordBatch.from_arrays(arrays, schema=RECORDS)


def rows_of_log(text: str) -> Iterator[dict[str, Any]]:
    """The records of a text or JSON log; what is no record becomes a block."""
    block: list[str] = []
    start = 1
    number = 0
    for number, line in enumerate(text.splitlines(), 1):
        pairs: dict[str, str] | None = None
        if line.startswith("time="):
            pairs = {key: _value(value) for key, value in FIELD.findall(line)}
        elif line.startswith("{"):
            pairs = {
                key: value if isinstance(value, str) else json.dumps(value)
                for key, value in json.loads(line).items()
            }
        if pairs is None or line.startswith("buildkitd: "):
            if block and line.startswith("buildkitd: "):
                yield _block(block, start)
                block = []
            if not block:
                start = number
            block.append(line)
            continue
        if block:
            yield _block(block, start)
            block = []
        row: dict[str, Any] = {"line": number, "fields": {}, "time": pairs.pop("time", None)}
        for key, value in pairs.items():
            if key in COLUMNS:
                row[COLUMNS[key]] = value
            else:
                row["fields"][key] = value
        if row["time"]:
            row["time"] = row["time"][:19] + "Z"
        yield row
    if block:
        yield _block(block, start)


def batches_of_log(path: Path, size: int = 1 << 30) -> list[pa.RecordBatch]:
    rows = list(rows_of_log(path.read_text("utf-8", "replace")))
    return [batch_of(rows[at : at + size], at) for at in range(0, len(rows), size)]


def build(builder: Any, *batches: pa.RecordBatch) -> list[dict[str, Any]]:
    for batch in batches:
        builder.update(batch)
    finished = builder.finish()
    table = finished.table() if isinstance(finished, Rows) else finished
    assert table.schema.names == builder.spec.schema.names
    assert table.schema.types == builder.spec.schema.types
    return list(table.to_pylist())


def _block(lines: list[str], start: int) -> dict[str, Any]:
    text = "\n".join(lines)
    stack = text.startswith("buildkitd: ") or re.search(r"(?m)^\S.*\n\t\S.*:\d", text)
    return {
        "line": start,
        "lines": len(lines),
        "text": text,
        "form": "stack" if stack else "other",
        "level": None,
    }


def _value(value: str) -> str:
    if not value.startswith('"'):
        return value
    body = value[1:-1]
    return codecs.decode(body, "unicode_escape") if "\\" in body else body
