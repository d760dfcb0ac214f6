from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.tables import spans as module
from analyzer.tables.daemons import DaemonsBuilder
from analyzer.tables.spans import SpansBuilder, SpanTally
from analyzer.tables.traces import TracesBuilder
from tests.tables.plain_records import batch_of, build


def record(
    trace: str | None, span_id: str | None, span: str | None, message: str = "x", second: int = 0
) -> dict[str, Any]:
    return {
        "level": "error" if message == "bad" else "debug",
        "message": message,
        "trace_id": trace,
        "span_id": span_id,
        "span": span,
        "time": f"2026-11-24T22:00:{second:02}Z",
    }


def test_a_span_is_a_trace_an_id_and_a_name() -> None:
    rows = build(
        SpansBuilder(),
        batch_of(
            [
                record("t", "s", "resolving a", "do request", 5),
                record("t", "s", "resolving a", "bad", 3),
                record("t", "s", None),
                record("u", "s", "resolving a"),
                record("t", None, None),
            ]
        ),
    )

    assert [(row["trace_id"], row["span_id"], row["span"], row["records"]) for row in rows] == [
        ("t", "s", "resolving a", 2),
        ("t", "s", None, 1),
        ("u", "s", "resolving a", 1),
    ]
    assert (rows[0]["requests"], rows[0]["errors"]) == (1, 1)
    assert rows[0]["start"] == datetime(2026, 11, 24, 22, 0, 3, tzinfo=UTC)
    assert rows[0]["end"] == datetime(2026, 11, 24, 22, 0, 5, tzinfo=UTC)
    assert (rows[0]["first_record"], rows[0]["last_record"], rows[0]["daemon"]) == (0, 1, 0)


def test_without_trace_ids_spans_go_by_name_and_daemon() -> None:
    start = {"level": "info", "message": "auto snapshotter: using overlayfs"}
    running = {"level": "info", "message": "running server on /run/x.sock"}
    rows = build(
        SpansBuilder(),
        batch_of(
            [start, running, record(None, None, "[1/2] FROM a"), start, record(None, None, "[1/2] FROM a")]
        ),
    )

    assert [(row["trace_id"], row["span_id"], row["records"]) for row in rows] == [
        ("daemon-0", None, 1),
        ("daemon-1", None, 1),
    ]


def test_v0_9_names_spans_without_trace() -> None:
    rows = build(SpansBuilder(), batch_of([record("t", "s", None), record(None, None, "[internal] load")]))

    assert [(row["trace_id"], row["span_id"], row["span"]) for row in rows] == [
        ("t", "s", None),
        (None, None, "[internal] load"),
    ]


names = st.sampled_from([None, "a", "b"])
records = st.lists(
    st.builds(record, names, names, names, st.sampled_from(["do request", "bad", "x"])), max_size=40
)


@settings(max_examples=25, deadline=None)
@given(records, st.integers(1, 9))
def test_batches_may_be_cut_anywhere(rows: list[dict[str, Any]], size: int) -> None:
    pieces = [batch_of(rows[at : at + size], at) for at in range(0, len(rows), size)]

    assert build(SpansBuilder(), *pieces) == build(SpansBuilder(), batch_of(rows))
    assert build(TracesBuilder(), *pieces) == build(TracesBuilder(), batch_of(rows))


@settings(max_examples=25)
@given(records)
def test_no_record_is_counted_twice_or_lost(rows: list[dict[str, Any]]) -> None:
    spans = build(SpansBuilder(), batch_of(rows))

    assert sum(row["records"] for row in spans) == sum(1 for row in rows if row["span_id"] or row["span"])


def test_counts_are_folded_as_they_come(monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "_FOLD_ABOVE", 1)
    pieces = [batch_of([record("t", str(at % 3), "a"), record("t", "x", "b")], 2 * at) for at in range(10)]

    rows = build(SpansBuilder(), *pieces)

    assert {row["span_id"]: row["records"] for row in rows} == {"0": 4, "1": 3, "2": 3, "x": 10}


def test_builders_can_share_their_counts() -> None:
    batch = batch_of([record("t", "s", "resolving docker.io/library/alpine:3.20", "do request")])
    daemons, tally = DaemonsBuilder(), SpanTally()
    spans, traces = SpansBuilder(daemons, tally), TracesBuilder(daemons, tally)
    tally.add(batch, daemons.assign(batch))
    spans.update(batch)
    traces.update(batch)

    assert spans.finish().table().column("records").to_pylist() == [1]
    assert traces.finish().table().column("records").to_pylist() == [1]


def test_nothing_read_is_an_empty_table() -> None:
    assert build(SpansBuilder()) == []
    assert build(TracesBuilder()) == []
