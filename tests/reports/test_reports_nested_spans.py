"""The tree of spans, where an exported trace tells what lies in what."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping

import pyarrow as pa
import pytest

from analyzer.reports.spans import build_trees, write_spans
from analyzer.tables.requests import SPEC as REQUESTS
from analyzer.tables.spans import SPEC as SPANS
from analyzer.tables.trace_spans import SPEC as TRACE_SPANS
from analyzer.tables.traces import SPEC as TRACES


def tables(parents: Mapping[str, str | None]) -> dict[str, pa.Table]:
    spans = [
        {
            "trace_id": "t1",
            "span_id": name,
            "span": name,
            "first_record": place,
            "duration": 10 ** (4 + 3 * place),
        }
        for place, name in enumerate(("a", "b", "c"))
    ]
    told = [{"trace_id": "t1", "span_id": name, "parent_span_id": parent} for name, parent in parents.items()]
    request = {
        "trace_id": "t1",
        "span_id": "c",
        "span": "named by the trace alone",
        "host": "mirror.example.com",
    }
    return {
        "traces": TRACES.build([{"trace_id": "t1"}]),
        "spans": SPANS.build(spans),
        "trace_spans": TRACE_SPANS.build(told),
        "requests": REQUESTS.build([request | {"status_code": 200, "method": "GET"}]),
    }


def depths(parents: Mapping[str, str | None]) -> list[tuple[str, int]]:
    (tree,) = build_trees(tables(parents))
    return [(node.row["span"], node.depth) for node in tree.spans]


def test_without_a_trace_spans_stand_beside_each_other() -> None:
    assert depths({}) == [("a", 0), ("b", 0), ("c", 0)]


def test_a_span_stands_under_the_nearest_that_the_log_names() -> None:
    assert depths({"a": None, "b": "x", "x": "c", "c": "a"}) == [("a", 0), ("c", 1), ("b", 2)]


@pytest.mark.parametrize("ring", [{"a": "b", "b": "a"}, {"a": "a"}, {"a": "x", "x": "y", "y": "x"}])
def test_spans_in_a_ring_are_all_there(ring: Mapping[str, str | None]) -> None:
    assert sorted(name for name, _ in depths(ring)) == ["a", "b", "c"]


def test_durations_are_as_the_trace_tells_them_and_requests_are_deeper() -> None:
    stream = io.StringIO()
    write_spans(tables({"b": "a", "c": "b"}), "terminal", stream)
    text = stream.getvalue()
    assert "  a  10 µs" in text
    assert "    b  10.0 ms" in text
    assert "      c  10.00 s, 1 request" in text
    assert "        200       GET from mirror.example.com" in text


def test_the_json_form_has_the_parent() -> None:
    given = tables({"b": "a"})
    spans = given["spans"].to_pylist()
    spans[1]["parent_span_id"] = "a"
    stream = io.StringIO()
    write_spans({**given, "spans": SPANS.build(spans)}, "json", stream)
    (tree,) = json.loads(stream.getvalue())
    assert [span["parent_span_id"] for span in tree["spans"]] == [None, "a", None]
