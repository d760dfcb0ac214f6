"""Routine: events of a batch that change little, and are taken together rather than one by one.

A digest that is fetched, a layer that is unpacked, a session that begins and ends: half of what is left of a log
once requests are taken away. They need no turn of their own where the batch is of one stream and no daemon starts
in it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from analyzer.records.arrays import to_arrow
from analyzer.tables.eventfields import EventFields, Mask, Numbers
from analyzer.tables.selection import int64s, is_one_of, starts_with_any, texts, truths

_STARTING = ("found worker ", "found ", "running server on ", "stopping server")


@dataclass(frozen=True, slots=True)
class Routine:
    """The routine events of a batch.

    Attributes:
        source: The log.
        stream: The wrapper's name for where the lines came from.
        first: The first event of the batch.
        fetch_records: Records that tell of a digest that is fetched, ascending.
        fetch_digests: The digest of each.
        applied: Events that tell of a layer that is unpacked: their rows, digests and sizes.
        sessions: Spans of sessions that begin and end in the batch.
    """

    source: str
    stream: str | None
    first: int
    fetch_records: list[int]
    fetch_digests: list[str | None]
    applied: list[tuple[int, str | None, str | None]]
    sessions: list[str | None]


def find_routine(columns: pa.RecordBatch, fields: EventFields, free: Mask) -> tuple[Routine | None, Mask]:
    """Find the routine events of a batch.

    Args:
        columns: The events.
        fields: Their fields.
        free: Which of them are nothing else.

    Returns:
        The events, None where each must have its turn; and which of the events they are.
    """
    message = columns.column("message")
    nothing = np.zeros(columns.num_rows, np.bool_)
    if not columns.num_rows:
        return None, nothing
    streams = set(zip(texts(columns.column("source")), texts(columns.column("stream")), strict=True))
    if len(streams) != 1 or truths(starts_with_any(message, _STARTING)).any():
        return None, nothing
    [(source, stream)] = streams
    assert source is not None
    record = int64s(columns.column("record"))
    digest = fields.has("digest")
    fetched = truths(is_one_of(message, ("fetch",))) & digest & free
    applied = truths(is_one_of(message, ("diff applied",)))
    sessions = _whole_sessions(columns)
    at_fetch, at_applied = np.flatnonzero(fetched), np.flatnonzero(applied)
    routine = Routine(
        source,
        stream,
        int(record[0]),
        record[at_fetch].tolist(),
        fields.texts("digest", at_fetch).to_pylist(),
        list(
            zip(
                at_applied.tolist(),
                fields.texts("digest", at_applied).to_pylist(),
                fields.texts("size", at_applied).to_pylist(),
                strict=True,
            )
        ),
        list(dict.fromkeys(columns.column("span_id").take(to_arrow(np.flatnonzero(sessions))).to_pylist())),
    )
    return routine, fetched | applied | sessions


def _whole_sessions(columns: pa.RecordBatch) -> Numbers:
    """The events of sessions that begin in the batch, once, and end there, once."""
    message = columns.column("message")
    begun = truths(is_one_of(message, ("session started",)))
    ended = truths(starts_with_any(message, ("session finished: ",)))
    found = np.zeros(columns.num_rows, np.bool_)
    rows = np.flatnonzero(begun | ended)
    if not len(rows):
        return found
    spans = columns.column("span_id").take(to_arrow(rows)).to_pylist()
    begins = Counter(span for span, row in zip(spans, rows.tolist(), strict=True) if begun[row])
    ends = Counter(span for span, row in zip(spans, rows.tolist(), strict=True) if ended[row])
    first = dict(zip(reversed(spans), reversed(rows.tolist()), strict=True))
    whole = {span for span in begins if begins[span] == ends[span] == 1 and begun[first[span]]}
    found[[row for span, row in zip(spans, rows.tolist(), strict=True) if span in whole]] = True
    return found
