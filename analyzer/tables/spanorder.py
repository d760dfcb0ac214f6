"""Spans of traces put in order, each once, in memory that grows with their IDs and not with what they hold.

Rows wait in a file where they are many. Their order is found out of their keys alone, some sixty bytes a span; then the
file is read once for each part of the result. IDs are random, so a part takes rows from everywhere: sorting the rows
themselves would move them as often, and needs more memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pyarrow as pa

from analyzer.tables.selection import int64_array, int64s
from analyzer.tables.spool import GROUP_ROWS, Rows, Spool

Numbers = np.ndarray[Any, Any]

FILE, WEIGHT = "file", "weight"
"""Columns of the rows beside those of the table: the number of the file, and how full the span is."""

_PARTS = 64
_PART_ROWS = 4 * GROUP_ROWS
"""Parts that the result is made in, as long as none gets more rows than these: each reads the whole file."""

_NEVER = int(np.iinfo(np.int64).max)
_DIGITS = np.zeros(256, np.uint8)
_DIGITS[np.frombuffer(b"0123456789abcdef", np.uint8)] = np.arange(16, dtype=np.uint8)


def order_spans(rows: Rows, schema: pa.Schema) -> Rows:
    """Spans by file, trace, start and span ID; of those that came twice the fullest one, or else the last.

    Args:
        rows: Spans with the columns `FILE` and `WEIGHT`, texts not encoded.
        schema: Schema of the result.
    """
    order = _order(rows)
    spool = Spool(schema)
    step = min(max(GROUP_ROWS, -(-len(order) // _PARTS)), _PART_ROWS)
    for begin in range(0, len(order), step):
        chosen = order[begin : begin + step]
        places = np.sort(chosen)
        taken = pa.Table.from_batches(_take(rows, places, schema.names))
        back = int64_array(np.searchsorted(places, chosen))
        for batch in taken.combine_chunks().take(back).to_batches():
            spool.append(_shaped(batch, schema))
    return spool.finish()


def _order(rows: Rows) -> Numbers:
    """The places of the rows that stay, in their new order."""
    keys: list[list[Numbers]] = [[] for _ in range(6)]
    for batch in rows.batches():
        trace = _identifiers(batch.column("trace_id"), 32)
        span = _identifiers(batch.column("span_id"), 16)
        start = batch.column("start").cast(pa.int64()).fill_null(_NEVER)
        parts: list[Numbers] = [trace[:, 0], trace[:, 1], span[:, 0], int64s(start)]
        parts += [int64s(batch.column(FILE)), int64s(batch.column(WEIGHT))]
        for column, part in zip(keys, parts, strict=True):
            # a copy: the batch must not stay for the sake of its numbers
            column.append(part.copy())
    if not keys[0]:
        return np.zeros(0, np.int64)
    high, low, span, start, file, weight = (np.concatenate(column) for column in keys)
    places = np.arange(len(high))
    ranked = np.lexsort((-places, -weight, span, low, high))
    same = np.zeros(len(ranked), bool)
    same[1:] = True
    for key in (high, low, span):
        same[1:] &= key[ranked][1:] == key[ranked][:-1]
    kept = ranked[~same]
    return kept[np.lexsort((span[kept], start[kept], low[kept], high[kept], file[kept]))].astype(np.int64)


def _identifiers(column: pa.Array, digits: int) -> Numbers:
    """IDs as numbers that sort as they do: a row for each, eight bytes a column."""
    count = len(column)
    _, offsets, data = column.buffers()
    bounds = np.frombuffer(offsets, np.int32)[column.offset : column.offset + count + 1]
    text = np.frombuffer(data, np.uint8)[bounds[0] : bounds[-1]].reshape(count, digits)
    values = _DIGITS[text]
    packed = np.ascontiguousarray(values[:, ::2] << 4 | values[:, 1::2])
    return packed.view(">u8").astype(np.uint64)


def _take(rows: Rows, places: Numbers, names: list[str]) -> Iterator[pa.RecordBatch]:
    """The rows at some places, which ascend."""
    first = 0
    for batch in rows.batches():
        begin, end = np.searchsorted(places, (first, first + batch.num_rows))
        if end > begin:
            yield batch.select(names).take(int64_array(places[begin:end] - first))
        first += batch.num_rows


def _shaped(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """A batch with the types of a schema, its texts encoded where that wants them so."""
    columns = [
        column.dictionary_encode().cast(field.type) if pa.types.is_dictionary(field.type) else column
        for column, field in zip(batch.columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
