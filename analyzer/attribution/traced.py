"""Requests of a log with what their spans say, and between them those that only a trace tells of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.attribution.joining import Asked
from analyzer.attribution.spanrequests import Sent
from analyzer.attribution.spantree import Numbers
from analyzer.tables.requests import OBSERVED, OF_TRACES
from analyzer.tables.selection import int64s
from analyzer.tables.spool import Rows, Spool

TRACED = pa.schema([*OBSERVED, *(pa.field(column.name, column.type) for column in OF_TRACES)])
"""Requests as log and traces tell them."""

_FROM_SPAN = ("url", "scheme", "host", "role", "registry", "repository", "mirror", "host_why", "digest")
"""What a request takes from its span where the log has nothing."""

_NEW_AT_ONCE = 1 << 12


class Placer:
    """Knows where in the order of records a time belongs: behind the last request that is not later.

    It keeps two numbers a request.
    """

    def __init__(self) -> None:
        self._records: list[Numbers] = []
        self._times: list[Numbers] = []
        self._latest = np.iinfo(np.int64).min

    def take(self, batch: pa.RecordBatch) -> None:
        """Take the log's requests, in the order of their records."""
        if not batch.num_rows:
            return
        times = int64s(pc.fill_null(batch.column("time").cast(pa.int64()), self._latest))
        times = np.maximum.accumulate(np.maximum(times, self._latest))
        self._latest = int(times[-1])
        self._times.append(times)
        self._records.append(int64s(batch.column("record")).copy())

    def rows(self, times: Numbers) -> Numbers:
        """The row of the log's requests behind which each time belongs, -1 before the first."""
        if not self._times:
            return np.full(len(times), -1, np.int64)
        return np.searchsorted(np.concatenate(self._times), times, side="right") - 1

    def records(self, rows: Numbers) -> Numbers:
        """The records of rows; of -1 that of the first."""
        if not self._records:
            return np.arange(len(rows), dtype=np.int64)
        return np.concatenate(self._records)[np.maximum(rows, 0)]


def write_traced(
    observed: Rows, pairs: Sequence[tuple[Asked, Sent]], new: Sequence[Sent], placer: Placer, objects: int
) -> Rows:
    """The requests of a log and of traces.

    Args:
        observed: The log's, as ``OBSERVED``.
        pairs: Those of them that have a span.
        new: Spans of requests that the log lacks.
        placer: Has taken the log's requests.
        objects: The number of the next object.
    """
    spool = Spool(TRACED)
    ordered = sorted(new, key=lambda one: (one.start, one.place))
    rows = placer.rows(np.array([one.start for one in ordered], np.int64))
    numbers = _objects(ordered, pairs, objects)
    asked = sorted(pairs, key=lambda pair: pair[0].row)
    paired = row = 0
    behind = _write_first(spool, ordered, numbers, rows, placer)
    for batch in observed.batches():
        end = row + batch.num_rows
        mine = []
        while paired < len(asked) and asked[paired][0].row < end:
            mine.append(asked[paired])
            paired += 1
        joined = _joined(batch, mine, row)
        upto = int(np.searchsorted(rows, end - 1, side="right"))
        if upto > behind:
            added = _made(ordered[behind:upto], numbers[behind:upto], rows[behind:upto], placer, batch, row)
            joined = _merged(joined, added)
            behind = upto
        spool.append(joined)
        row = end
    return spool.finish()


def _write_first(
    spool: Spool, new: Sequence[Sent], objects: Sequence[int], rows: Numbers, placer: Placer
) -> int:
    """Write the new requests that belong before all of the log's; gives how many."""
    end = int(np.searchsorted(rows, -1, side="right"))
    places = placer.records(rows[:end])
    for first in range(0, end, _NEW_AT_ONCE):
        last = min(first + _NEW_AT_ONCE, end)
        spool.append(_table(new[first:last], objects[first:last], places[first:last], None, rows[first:last]))
    return end


def _made(
    new: Sequence[Sent],
    objects: Sequence[int],
    rows: Numbers,
    placer: Placer,
    batch: pa.RecordBatch,
    first: int,
) -> pa.RecordBatch:
    return _table(new, objects, placer.records(rows), batch, rows - first)


def _table(
    new: Sequence[Sent],
    objects: Sequence[int],
    places: Numbers,
    batch: pa.RecordBatch | None,
    rows: Numbers,
) -> pa.RecordBatch:
    """New requests as rows; each stands in the log of the request before it."""
    told: list[dict[str, Any]] = []
    for sent, number, place, row in zip(new, objects, places.tolist(), rows.tolist(), strict=True):
        stands: dict[str, Any] = {"source": sent.source, "stream": None, "epoch": None}
        if batch is not None and 0 <= row < batch.num_rows:
            stands = {name: batch.column(name)[row].as_py() for name in stands}
        told.append(
            {
                **sent.row(),
                **stands,
                "span_id": sent.asked_in or None,
                "span": sent.asked_by or None,
                "object": number,
                "place": place,
                "pairing": "exact" if sent.status_code is not None else "none",
                "doubtful": False,
                "last": False,
            }
        )
    columns = [pa.array([row.get(field.name) for row in told], field.type) for field in TRACED]
    return pa.RecordBatch.from_arrays(columns, schema=TRACED)


def _merged(first: pa.RecordBatch, second: pa.RecordBatch) -> pa.Table:
    """Both in the order of their places; of equals, those of the log come first."""
    table = pa.concat_tables([pa.Table.from_batches([first]), pa.Table.from_batches([second])])
    table = table.combine_chunks()
    order = np.argsort(int64s(table.column("place").chunk(0)), kind="stable")
    return table.take(pa.array(order.tolist(), pa.int64()))


def _joined(batch: pa.RecordBatch, pairs: Sequence[tuple[Asked, Sent]], first: int) -> pa.RecordBatch:
    """The log's requests with what their spans say."""
    count = batch.num_rows
    columns = {name: batch.column(name) for name in batch.schema.names}
    columns["place"] = batch.column("record")
    columns["trace_span_id"] = columns["tls"] = pa.nulls(count, pa.string())
    if pairs:
        told: dict[str, list[Any]] = {field.name: [None] * count for field in TRACED}
        for asked, sent in pairs:
            for name, value in sent.row().items():
                told[name][asked.row - first] = value
        here = pa.array([value is not None for value in told["trace_span_id"]])
        given = {field.name: pa.array(told[field.name], field.type) for field in TRACED}
        fresh = pc.and_(here, pc.is_null(columns["host"]))
        for name in ("trace_span_id", "tls"):
            columns[name] = given[name]
        columns["host_evidence"] = pc.if_else(fresh, "proof", columns["host_evidence"])
        sure = pc.fill_null(pc.equal(columns["pairing"], "exact"), False)
        answered = pc.is_valid(given["status_code"])
        unsure = pc.and_(pc.and_(here, pc.invert(sure)), answered)
        columns["status_code"] = pc.if_else(unsure, given["status_code"], columns["status_code"])
        columns["pairing"] = pc.if_else(unsure, "exact", columns["pairing"])
        unanswered = pc.and_(here, pc.is_null(columns["status_code"]))
        for name in ("error", "error_kind"):
            told_here = pc.and_(unanswered, pc.is_null(columns["error"]))
            if name == "error_kind":
                told_here = pc.and_(unanswered, pc.is_null(columns[name]))
            columns[name] = pc.if_else(told_here, given[name], columns[name])
        other = pc.and_(here, pc.fill_null(pc.equal(columns["kind"], "other"), True))
        columns["kind"] = pc.if_else(other, given["kind"], columns["kind"])
        for name in _FROM_SPAN:
            columns[name] = pc.coalesce(columns[name], given[name])
    return pa.RecordBatch.from_arrays(
        [columns[field.name].cast(field.type) for field in TRACED], schema=TRACED
    )


def _objects(new: Sequence[Sent], pairs: Sequence[tuple[Asked, Sent]], first: int) -> list[int]:
    """The object of each new request: that of the log's requests for the same, else a number of its own."""
    known = {sent.key: asked.object for asked, sent in pairs if asked.object is not None}
    numbers: list[int] = []
    for sent in new:
        number = known.get(sent.key)
        if number is None:
            number, first = first, first + 1
            known[sent.key] = number
        numbers.append(number)
    return numbers
