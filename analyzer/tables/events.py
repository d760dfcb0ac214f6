"""Events: the few records that tell of requests to registries, picked out of a batch.

A log is mostly other things. The pick is made by Arrow, on whole columns; only what it leaves becomes Python.
The messages are those of containerd's ``remotes/docker`` (resolver.go, fetcher.go, pusher.go), of BuildKit's
``util/resolver`` and of its session manager, the same words from BuildKit v0.9 to v0.32.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.pairs import find_pairs
from analyzer.tables.selection import (
    codes_of,
    int64_array,
    int64s,
    is_one_of,
    starts_with_any,
    texts,
    truths,
)

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
        "request.header.user-agent",
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


@dataclass(frozen=True, slots=True)
class Pair:
    """A request for a layer and its good answer, which stood beside each other in their span.

    Attributes:
        request: The request.
        answer: The answer.
        layer: Record and line of the `fetching layer` before the request, None without one.
    """

    request: Event
    answer: Event
    layer: tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class Picked:
    """The events of a batch as columns: small, and cheap to hand from one process to another.

    Attributes:
        columns: record, line, source, stream, time, level, message, trace_id, span_id, span, error of each.
        rows: The event of each field, ascending.
        keys: The field's key, an index into ``names``.
        names: Keys of `WANTED`.
        values: The field's value.
        answers: For the request of a pair its answer, else -1.
        layers: For the request of a pair that was announced the record and line of that, else -1.
    """

    columns: pa.RecordBatch
    rows: Numbers
    keys: Numbers
    names: list[str]
    values: pa.Array
    answers: Numbers
    layers: tuple[Numbers, Numbers]

    def __iter__(self) -> Iterator[Event | Pair]:
        """The events, in the order of their records; a pair stands where its request stood."""
        events = self._events()
        if (self.answers < 0).all():
            yield from events
            return
        answers = self.answers.tolist()
        taken = set(answers)
        records, lines = (column.tolist() for column in self.layers)
        for place, (event, answer) in enumerate(zip(events, answers, strict=True)):
            if answer >= 0:
                layer = (records[place], lines[place]) if records[place] >= 0 else None
                yield Pair(event, events[answer], layer)
            elif place not in taken:
                yield event

    def _events(self) -> list[Event]:
        columns = self.columns
        fields: list[dict[str, str]] = [{} for _ in range(columns.num_rows)]
        names = self.names
        entries = zip(self.rows.tolist(), self.keys.tolist(), self.values.to_pylist(), strict=True)
        for row, key, value in entries:
            fields[row][names[key]] = value
        return list(
            map(
                Event,
                columns.column("record").to_pylist(),
                columns.column("line").to_pylist(),
                texts(columns.column("source")),
                texts(columns.column("stream")),
                columns.column("time").to_pylist(),
                texts(columns.column("level")),
                texts(columns.column("message")),
                columns.column("trace_id").to_pylist(),
                columns.column("span_id").to_pylist(),
                texts(columns.column("span")),
                columns.column("error").to_pylist(),
                fields,
            )
        )


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
    rows, keys, names, values = _entries(batch.column("fields"), chosen)
    answers, layers = find_pairs(columns, rows, keys, names, values)
    told = tuple(
        np.where(layers >= 0, int64s(columns.column(name))[layers], -1) for name in ("record", "line")
    )
    # what announced a pair is told by its place; of a fetch only the digest is
    kept = np.ones(columns.num_rows, np.bool_)
    kept[layers[layers >= 0]] = False
    of_fetch = truths(is_one_of(columns.column("message"), ("fetch",)))
    digest = np.array([name == "digest" for name in names], np.bool_)[keys]
    entries = kept[rows] & (digest | ~of_fetch[rows])
    moved = np.cumsum(kept) - 1
    columns = columns.take(int64_array(np.flatnonzero(kept)))
    answers = np.where(answers >= 0, moved[answers], -1)[kept]
    return Picked(
        columns,
        moved[rows[entries]],
        keys[entries],
        names,
        values.take(int64_array(np.flatnonzero(entries))),
        answers,
        (told[0][kept], told[1][kept]),
    )


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
