from __future__ import annotations

from typing import Any

import pytest

from analyzer.tables.traces import TracesBuilder, title_of
from tests.tables.plain_records import batch_of, build


def record(trace: str | None, span_id: str | None, span: str | None, message: str = "x") -> dict[str, Any]:
    return {
        "level": "error" if message == "bad" else "debug",
        "message": message,
        "trace_id": trace,
        "span_id": span_id,
        "span": span,
    }


def test_traces_count_records_spans_requests_and_errors() -> None:
    rows = build(
        TracesBuilder(),
        batch_of(
            [
                record("t", "s", "resolving docker.io/library/alpine:3.20", "do request"),
                record("u", "s", None),
                record("t", "s2", "[2/2] RUN true"),
                record("t", "s2", None, "bad"),
                record(None, None, None),
            ]
        ),
    )

    assert [(row["trace_id"], row["records"], row["spans"]) for row in rows] == [("t", 3, 2), ("u", 1, 1)]
    assert (rows[0]["requests"], rows[0]["errors"]) == (1, 1)
    assert (rows[0]["first_record"], rows[0]["last_record"]) == (0, 3)
    assert [row["title"] for row in rows] == ["docker.io/library/alpine:3.20", None]


def test_without_trace_ids_a_trace_is_a_run_of_the_daemon() -> None:
    (row,) = build(TracesBuilder(), batch_of([record(None, None, "[2/2] RUN a"), record(None, None, None)]))

    assert (row["trace_id"], row["records"], row["spans"], row["title"]) == ("daemon-0", 2, 1, "[2/2] RUN a")


@pytest.mark.parametrize(
    ("spans", "title"),
    [
        (["resolving docker.io/docker/dockerfile:1", "resolving ghcr.io/a/b:1"], "ghcr.io/a/b:1"),
        (["resolving docker.io/docker/dockerfile:1"], "docker.io/docker/dockerfile:1"),
        (
            ["[internal] load build context", "[1/2] FROM docker.io/library/a:1@sha256:00"],
            "docker.io/library/a:1",
        ),
        (["resolving a.io/a:1", "[1/2] FROM a.io/a:1@sha256:00", "resolving a.io/b:1"], "a.io/a:1, a.io/b:1"),
        ([f"resolving a.io/{name}:1" for name in "abcde"], "a.io/a:1, a.io/b:1, a.io/c:1 and 2 more"),
        (["[internal] load build context", "[2/2] RUN make"], "[2/2] RUN make"),
        (["[internal] load build context"], "[internal] load build context"),
        (["exporting to image"], "exporting to image"),
        (["x" * 500], "x" * 159 + "…"),
        ([], None),
    ],
)
def test_titles(spans: list[str], title: str | None) -> None:
    assert title_of(spans) == title
