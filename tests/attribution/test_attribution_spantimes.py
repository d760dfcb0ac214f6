"""Spans of a log with the parents and times that a trace tells."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from analyzer.attribution.spantimes import time_spans
from analyzer.tables.spans import SPEC
from analyzer.tables.spool import Rows
from tests.attribution.made_traces import AT, MadeTrace


def timed(*spans: dict[str, Any], made: MadeTrace) -> list[dict[str, Any]]:
    rows = [{"start": AT, "end": AT, "times_from": "log", "trace_id": "t1"} | span for span in spans]
    table = time_spans(Rows.of(SPEC.build(rows)), made.rows_of()).table()
    for name in ("start", "end"):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, table.column(name).cast(pa.int64()))
    found: list[dict[str, Any]] = table.to_pylist()
    return found


def test_a_span_that_the_trace_has_gets_its_parent_and_its_times() -> None:
    made = MadeTrace()
    made.resolving()
    (row,) = timed({"span_id": "aa", "span": "resolving x"}, made=made)
    assert (row["parent_span_id"], row["times_from"], row["duration"]) == ("solve", "trace", 500_000)
    assert row["start"] == AT + 3_000_000


def test_a_span_that_no_trace_has_stays_as_it_is() -> None:
    for span in (
        {"span_id": "zz"},
        {"span_id": None, "span": "load"},
        {"span_id": "solve", "trace_id": "t2"},
    ):
        (row,) = timed(span, {"span_id": "aa", "trace_id": "t3"}, made=MadeTrace())[:1]
        assert (row["parent_span_id"], row["times_from"], row["duration"]) == (None, "log", None)


def test_a_span_without_an_end_keeps_the_times_of_the_log() -> None:
    made = MadeTrace()
    made.rows[2]["end"] = None
    (row,) = timed({"span_id": "solve"}, made=made)
    assert (row["parent_span_id"], row["times_from"], row["start"]) == ("call", "log", AT)
