"""Spans of a log with what an exported trace tells of them: the span they lie in, and their times to the nanosecond."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.attribution.spantree import Names, names_of
from analyzer.tables.selection import int64_array, plain
from analyzer.tables.spans import SPEC, TIME
from analyzer.tables.spool import Rows, Spool

_TOLD = ("parent_span_id", "start", "end")


def time_spans(spans: Rows, trace_spans: Rows) -> Rows:
    """The table ``spans`` with parents and true times, where traces have the span.

    Args:
        spans: The table ``spans`` of a log.
        trace_spans: The table ``trace_spans``.
    """
    wanted = _names(spans)
    names, told = _pick(trace_spans, wanted)
    if not len(names):
        return spans
    order = np.argsort(names, kind="stable")
    spool = Spool(SPEC.schema)
    for batch in spans.batches():
        mine = names_of(batch.column("trace_id"), batch.column("span_id"))
        there = np.minimum(np.searchsorted(names, mine, sorter=order), len(names) - 1)
        place = order[there]
        found = (names[place] == mine) & (mine != 0)
        spool.append(_timed(batch, told.take(_indices(place, found))))
    return spool.finish()


def _names(spans: Rows) -> Names:
    parts = [names_of(batch.column("trace_id"), batch.column("span_id")) for batch in spans.batches()]
    return np.unique(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)


def _pick(trace_spans: Rows, wanted: Names) -> tuple[Names, pa.Table]:
    """The spans that the log names too: no more are kept."""
    empty = pa.schema([("parent_span_id", pa.string()), ("start", TIME), ("end", TIME)])
    names: list[Names] = [np.zeros(0, np.uint64)]
    told: list[pa.Table] = [pa.Table.from_batches([], schema=empty)]
    for batch in trace_spans.batches():
        mine = names_of(batch.column("trace_id"), batch.column("span_id"))
        rows = np.flatnonzero(np.isin(mine, wanted) & (mine != 0))
        if len(rows):
            chosen = int64_array(rows)
            columns = [plain(batch.column(name)).take(chosen) for name in _TOLD]
            told.append(pa.Table.from_arrays(columns, schema=empty))
            names.append(mine[rows])
    return np.concatenate(names), pa.concat_tables(told).combine_chunks()


def _indices(
    place: np.ndarray[tuple[int], np.dtype[np.int64]], found: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> pa.Array:
    return pa.array(
        [one if there else None for one, there in zip(place.tolist(), found.tolist(), strict=True)],
        pa.int64(),
    )


def _timed(batch: pa.RecordBatch, told: pa.Table) -> pa.RecordBatch:
    """Spans with what was told of them. A span without an end keeps the log's times."""
    columns = {name: batch.column(name) for name in batch.schema.names}
    parent, start, end = (_whole(told.column(name)) for name in _TOLD)
    timed = pc.and_(pc.is_valid(start), pc.is_valid(end))
    columns["parent_span_id"] = parent
    columns["start"] = pc.if_else(timed, start, columns["start"])
    columns["end"] = pc.if_else(timed, end, columns["end"])
    took = pc.subtract(end.cast(pa.int64()), start.cast(pa.int64()))
    columns["duration"] = pc.if_else(timed, took, pa.scalar(None, pa.int64()))
    columns["times_from"] = pc.if_else(timed, "trace", columns["times_from"])
    return pa.RecordBatch.from_arrays(
        [columns[name].cast(SPEC.schema.field(name).type) for name in SPEC.schema.names], schema=SPEC.schema
    )


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
