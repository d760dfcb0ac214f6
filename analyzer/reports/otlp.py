"""The table ``trace_spans`` as OTLP, from which it can be read again.

The events of a span are not part of the table, but what was read out of them is: so much of them is written as gives
the same again. What was a secret is one no more.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import pyarrow as pa

from analyzer.records.exportedspans import Event, ExportedSpan
from analyzer.records.otlpwriting import write_requests
from analyzer.tables.spool import Rows

_TOGETHER = 256
"""Spans of a line, at most: a reader holds a line in memory."""


def write_otlp(rows: Rows) -> Iterator[bytes]:
    """The table ``trace_spans`` as lines of OTLP.

    Args:
        rows: The table.
    """
    yield from write_spans(spans_of(rows))


def write_spans(spans: Iterator[ExportedSpan]) -> Iterator[bytes]:
    """Spans as lines of OTLP."""
    while together := list(islice(spans, _TOGETHER)):
        yield from write_requests(together)


def write_document(spans: Iterator[ExportedSpan]) -> Iterator[bytes]:
    """Spans as one document of OTLP, as viewers of traces take it, part by part."""
    yield b'{"resourceSpans":['
    for number, line in enumerate(write_spans(spans)):
        yield (b",\n" if number else b"\n") + line.strip().removeprefix(b'{"resourceSpans":[').removesuffix(
            b"]}"
        )
    yield b"\n]}\n"


def spans_of(rows: Rows) -> Iterator[ExportedSpan]:
    """The spans of the table ``trace_spans``."""
    for batch in rows.batches():
        for first in range(0, batch.num_rows, _TOGETHER):
            for row in _countable(batch.slice(first, _TOGETHER)).to_pylist():
                yield _span(row)


def _countable(batch: pa.RecordBatch) -> pa.RecordBatch:
    """A batch with its times as nanoseconds since 1970: Python's own times have none."""
    for name in ("start", "end"):
        place = batch.schema.get_field_index(name)
        batch = batch.set_column(place, name, batch.column(place).cast(pa.int64()))
    return batch


def _span(row: dict[str, Any]) -> ExportedSpan:
    failed = row["status"] == "error"
    return ExportedSpan(
        row["trace_id"],
        row["span_id"],
        row["parent_span_id"],
        row["name"],
        row["kind"],
        row["start"],
        row["end"],
        row["status"],
        row["error"] if failed else None,
        row["service"],
        row["scope"],
        dict(row["attributes"]),
        tuple(_events(row, failed=failed)),
    )


def _events(row: dict[str, Any], *, failed: bool) -> Iterator[Event]:
    """Events that tell what the row tells."""
    if row["error"] and not failed:
        yield Event("exception", {"exception.message": row["error"]})
    if row["address"] is not None:
        yield Event("http.connect.done", {"http.remote": row["address"]})
    if row["connection_reused"] is not None:
        yield Event(
            "http.getconn.done", {"http.conn.reused": "true" if row["connection_reused"] else "false"}
        )
    if row["tls"] != "none":
        # why it failed, the span's status or the other event says
        yield Event("http.tls.done", {"http.tls.error": ""} if row["tls"] == "error" else {})
