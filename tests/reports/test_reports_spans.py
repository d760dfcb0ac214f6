from __future__ import annotations

import io
import json
from typing import Any

import pyarrow as pa
import pytest

from analyzer.errors import UsageError
from analyzer.reports.spans import build_trees, write_spans

TIMES = pa.timestamp("ns", tz="UTC")
START = 1_700_000_000_000_000_000


def tables() -> dict[str, pa.Table]:
    def times(*seconds: int) -> pa.Array:
        return pa.array([START + second * 10**9 for second in seconds], type=TIMES)

    return {
        "traces": pa.table(
            {
                "trace_id": ["t1"],
                "title": ["docker.io/library/alpine:3.20"],
                "start": times(0),
                "end": times(9),
                "records": [40],
                "errors": [1],
            }
        ),
        "spans": pa.table(
            {
                "trace_id": ["t1", "t1"],
                "span_id": ["s2", "s1"],
                "span": ["[1/2] FROM alpine", "resolving docker.io/library/alpine:3.20"],
                "first_record": [20, 10],
                "start": times(2, 0),
                "end": times(9, 2),
                "records": [20, 8],
                "errors": [0, 1],
            }
        ),
        "requests": pa.table(
            {
                "trace_id": ["t1", "t1", None],
                "span_id": ["s1", "s1", None],
                "span": ["resolving docker.io/library/alpine:3.20"] * 2 + [None],
                "record": [11, 13, 50],
                "method": ["HEAD", "HEAD", "GET"],
                "kind": ["resolve", "resolve", "layer"],
                "host": ["mirror.example.com", "registry-1.docker.io", None],
                "host_evidence": ["proof", "inference", None],
                "role": ["mirror", "upstream", None],
                "reference": ["docker.io/library/alpine:3.20"] * 2 + [None],
                "digest": [None, None, "sha256:ab"],
                "status_code": pa.array([None, 200, 500]),
                "error": ["dial tcp: connection refused", None, None],
            }
        ),
    }


def test_spans_stand_in_the_order_of_the_log_with_their_requests() -> None:
    first, stray = build_trees(tables())
    assert [node.row["span_id"] for node in first.spans] == ["s1", "s2"]
    assert [request["record"] for request in first.spans[0].requests] == [11, 13]
    assert stray.row["trace_id"] is None
    assert [request["record"] for request in stray.spans[0].requests] == [50]


def test_a_daemon_without_trace_ids_is_one_trace() -> None:
    made = tables()
    made["traces"] = made["traces"].set_column(0, "trace_id", pa.array(["daemon-0"]))
    made["spans"] = made["spans"].slice(0, 0)
    requests = made["requests"].set_column(0, "trace_id", pa.nulls(3, pa.string()))
    made["requests"] = requests.append_column("daemon", pa.array([0, 0, 0]))
    [tree] = build_trees(made)
    assert sum(len(node.requests) for node in tree.spans) == 3


def test_text_shows_times_counts_hosts_and_answers() -> None:
    stream = io.StringIO()
    write_spans(tables(), "terminal", stream)
    lines = stream.getvalue().splitlines()
    assert lines[:7] == [
        "docker.io/library/alpine:3.20",
        "trace t1, 2023-11-14T22:13:20Z, 9 s, 40 records, 2 requests, 1 error",
        "  resolving docker.io/library/alpine:3.20  2 s, 8 records, 2 requests, 1 error, span s1",
        "    no answer HEAD resolve from mirror.example.com (mirror)",
        "              dial tcp: connection refused",
        "    200       HEAD resolve from registry-1.docker.io (upstream) by inference",
        "  [1/2] FROM alpine  7 s, 20 records, span s2",
    ]


def test_json_nests() -> None:
    stream = io.StringIO()
    write_spans(tables(), "json", stream)
    trees: Any = json.loads(stream.getvalue())
    assert trees[0]["spans"][0]["requests"][1]["status_code"] == 200
    assert trees[0]["spans"][1]["requests"] == []


def test_nothing_is_said_in_words() -> None:
    stream = io.StringIO()
    write_spans({name: table.slice(0, 0) for name, table in tables().items()}, "terminal", stream)
    assert stream.getvalue().startswith("no trace")


def test_unknown_format() -> None:
    with pytest.raises(UsageError):
        write_spans(tables(), "csv", io.StringIO())
