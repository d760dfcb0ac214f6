"""Events: the few records that tell of requests to registries, picked out of a batch.

A log is mostly other things. The pick is made by Arrow, on whole columns; only what it leaves becomes Python.
The messages are those of containerd's ``remotes/docker`` (resolver.go, fetcher.go, pusher.go), of BuildKit's
``util/resolver`` and of its session manager, the same words from BuildKit v0.9 to v0.32.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.eventfields import EventFields
from analyzer.tables.given import Given, GivenColumns, find_given
from analyzer.tables.routine import Routine, find_routine
from analyzer.tables.selection import codes_of, int64_array, int64s, is_one_of, starts_with_any, texts

Numbers = np.ndarray[Any, np.dtype[np.int64]]

EXACT = (
    "resolving",
    "resolved",
    "fetch",
    "push",
    "do request",
    "fetch response received",
    "Unauthorized",
    "fetching layer",
    "fetch failed",
    "trying next host",
    "checking and pushing to",
    "unexpected response",
    "diff applied",
    "session started",
    "stopping server",
    "token request failed",
    "transient transport error, retrying",
    "no Docker-Content-Digest header, fetching manifest instead",
)
PREFIXES = (
    "trying next host ",
    "fetch failed after status: ",
    "session finished: ",
    "running server on ",
    "found worker ",
    "found ",
    "/moby.buildkit.v1.",
)

WANTED = frozenset(
    {
        "url",
        "host",
        "digest",
        "mediatype",
        "size",
        "desc.digest",
        "header",
        "offset",
        "request.method",
        "request.header.accept",
        "request.header.range",
        "response.status",
        "response.header.content-length",
        "response.header.content-type",
        "response.header.docker-content-digest",
        "response.header.docker-ratelimit-source",
        "response.header.location",
        "response.header.www-authenticate",
        "response.header.x-goog-generation",
        "response.header.x-goog-hash",
        "response.header.x-goog-stored-content-length",
        "response.header.x-guploader-uploadid",
    }
)


@dataclass(slots=True)
class Event:
    """A record that tells of a request, an attempt, a session or the daemon itself.

    Attributes:
        record: Number of the record.
        line: Its first physical line, from 1.
        source: The log.
        stream: The wrapper's name for where the line came from, None without one.
        time: Nanoseconds since 1970, None where the record has no time.
        level: The level's name.
        message: What was logged.
        trace_id: The build's trace, None where the log has none.
        span_id: The span, None where the log has none.
        span: The span's name.
        error: The text of the ``error`` key.
        fields: The keys of ``WANTED`` that the record has.
    """

    record: int
    line: int
    source: str
    stream: str | None
    time: int | None
    level: str | None
    message: str
    trace_id: str | None
    span_id: str | None
    span: str | None
    error: str | None
    fields: dict[str, str]

    def __deepcopy__(self, memo: dict[int, Any]) -> Event:
        return self  # what was logged does not change


@dataclass(frozen=True, slots=True)
class EventColumns:
    """Events as columns: small, and cheap to hand from one process to another.

    Attributes:
        columns: record, line, source, stream, time, level, message, trace_id, span_id, span, error of each.
        rows: The event of each field, ascending.
        keys: The field's key, an index into ``names``.
        names: Keys of `WANTED`.
        values: The field's value.
    """

    columns: pa.RecordBatch
    rows: Numbers
    keys: Numbers
    names: list[str]
    values: pa.Array

    def events(self) -> list[Event]:
        """The events, in the order of their records."""
        columns, names = self.columns, self.names
        fields: list[dict[str, str]] = [{} for _ in range(columns.num_rows)]
        entries = zip(self.rows.tolist(), self.keys.tolist(), self.values.to_pylist(), strict=True)
        for row, key, value in entries:
            fields[row][names[key]] = value
        return list(map(Event, *(texts(columns.column(name)) for name in _COLUMNS), fields))

    def event(self, row: int) -> Event:
        """One of the events."""
        begin, end = np.searchsorted(self.rows, (row, row + 1)).tolist()
        keys = (self.names[key] for key in self.keys[begin:end].tolist())
        fields = dict(zip(keys, self.values.slice(begin, end - begin).to_pylist(), strict=True))
        columns = self.columns.slice(row, 1)
        told: Any = (*(texts(columns.column(name))[0] for name in _COLUMNS), fields)
        return Event(*told)

    def only(self, mask: Numbers) -> EventColumns:
        """Some of the events."""
        entries = mask[self.rows]
        moved = np.cumsum(mask) - 1
        return EventColumns(
            self.columns.take(int64_array(np.flatnonzero(mask))),
            moved[self.rows[entries]],
            self.keys[entries],
            self.names,
            self.values.take(int64_array(np.flatnonzero(entries))),
        )


@dataclass(frozen=True, slots=True)
class Picked:
    """The events of a batch, those of requests that were answered well at once made rows.

    Attributes:
        others: All other events.
        given: The requests that were answered well at once.
        order: What comes, in the order of the records: a given request, or -1 for the next of the others.
        routine: Events that are taken together, None where none are.
        parts: The events that make up the given requests, and the routine ones.
    """

    others: EventColumns
    given: GivenColumns
    order: Numbers
    routine: Routine | None
    parts: EventColumns

    def __iter__(self) -> Iterator[Event | Given]:
        """The events, in the order of their records; a given request stands where its request stood."""
        given, others = self.given.build(), iter(self.others.events())
        for one in given:
            one.columns = self.given.columns
        for place in self.order.tolist():
            yield next(others) if place < 0 else given[place]

    def events_of(self, given: Given) -> list[Event]:
        """The events that make up a given request, in their order."""
        return [self.parts.event(row) for row in self.given.rows[given.row].tolist() if row >= 0]


_COLUMNS = (
    "record",
    "line",
    "source",
    "stream",
    "time",
    "level",
    "message",
    "trace_id",
    "span_id",
    "span",
    "error",
)


def pick_events(batch: pa.RecordBatch) -> Picked:
    """The events of a batch of records."""
    message = batch.column("message")
    chosen = pc.indices_nonzero(pc.or_(is_one_of(message, EXACT), starts_with_any(message, PREFIXES)))
    columns = batch.select(list(_COLUMNS)).take(chosen)
    place = columns.schema.get_field_index("time")
    columns = columns.set_column(place, "time", columns.column("time").cast(pa.int64()))
    picked = EventColumns(columns, *_entries(batch.column("fields"), chosen))
    fields = EventFields(columns.num_rows, picked.rows, picked.keys, picked.names, picked.values)
    given = find_given(columns, fields)
    taken = np.zeros(columns.num_rows, np.bool_)
    taken[given.rows[given.rows >= 0]] = True
    routine, together = find_routine(columns, fields, ~taken)
    order = np.full(columns.num_rows, -1, np.int64)
    order[given.rows[:, 2]] = np.arange(len(given.rows))
    turns = (~taken | (order >= 0)) & ~together
    taken |= together
    place = np.cumsum(taken) - 1
    given = replace(given, rows=np.where(given.rows >= 0, place[given.rows], -1))
    if routine is not None:
        applied = [(int(place[row]), digest, size) for row, digest, size in routine.applied]
        routine = replace(routine, applied=applied)
    return Picked(picked.only(~taken), given, order[turns], routine, picked.only(taken))


def _entries(column: pa.MapArray, rows: pa.Array) -> tuple[Numbers, Numbers, list[str], pa.Array]:
    """Row, key, names of keys, and value of the wanted fields of some rows of a map column."""
    offsets = np.frombuffer(column.offsets.buffers()[1], np.int32)
    offsets = offsets[column.offsets.offset : column.offsets.offset + len(column) + 1].astype(np.int64)
    chosen = int64s(pc.cast(rows, pa.int64()))
    begins, lengths = offsets[chosen], offsets[chosen + 1] - offsets[chosen]
    owner = np.repeat(np.arange(len(chosen)), lengths)
    ends = np.cumsum(lengths)
    entries = np.arange(len(owner)) + np.repeat(begins - (ends - lengths), lengths)
    codes, names = codes_of(column.keys.take(int64_array(entries)))
    kept = np.array([name in WANTED for name in names] + [False], bool)[codes]
    return owner[kept], codes[kept], names, column.items.take(int64_array(entries[kept]))
