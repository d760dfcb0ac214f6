"""Events: the few records that tell of requests to registries, picked out of a batch.

A log is mostly other things. The pick is made by Arrow, on whole columns; only what it leaves becomes Python.
The messages are those of containerd's ``remotes/docker`` (resolver.go, fetcher.go, pusher.go), of BuildKit's
``util/resolver`` and of its session manager, the same words from BuildKit v0.9 to v0.32.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

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
_PREFIX_PATTERN = "^(?:" + "|".join(prefix.replace(".", r"\.") for prefix in PREFIXES) + ")"
_EXACT_SET = pa.array(EXACT, pa.string())

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


def _texts(column: pa.Array) -> list[str | None]:
    values: list[str | None] = column.to_pylist()
    return values


def select_events(batch: pa.RecordBatch) -> Iterator[Event]:
    """The events of a batch of records, in its order.

    Args:
        batch: Records, as ``analyzer.records.schema.RECORDS``.
    """
    message = batch.column("message")
    wanted = pc.or_kleene(
        pc.is_in(message, value_set=_EXACT_SET), pc.match_substring_regex(message, _PREFIX_PATTERN)
    )
    picked = batch.filter(pc.fill_null(wanted, False))
    rows = picked.num_rows
    if not rows:
        return
    fields: list[dict[str, str]] = [{} for _ in range(rows)]
    for row, key, value in _entries(picked.column("fields")):
        fields[row][key] = value
    columns = zip(
        picked.column("record").to_pylist(),
        picked.column("line").to_pylist(),
        _texts(picked.column("source")),
        _texts(picked.column("stream")),
        picked.column("time").cast(pa.int64()).to_pylist(),
        _texts(picked.column("level")),
        _texts(picked.column("message")),
        _texts(picked.column("trace_id")),
        _texts(picked.column("span_id")),
        _texts(picked.column("span")),
        _texts(picked.column("error")),
        fields,
        strict=True,
    )
    for values in columns:
        yield Event(*values)


def _entries(column: pa.MapArray) -> Iterator[tuple[int, str, str]]:
    """Row, key and value of each wanted entry of a map column."""
    offsets = np.frombuffer(column.offsets.buffers()[1], np.int32)
    offsets = offsets[column.offsets.offset : column.offsets.offset + len(column) + 1]
    first, last = int(offsets[0]), int(offsets[-1])
    if last == first:
        return
    encoded = column.keys.slice(first, last - first).dictionary_encode()
    codes = np.frombuffer(encoded.indices.buffers()[1], np.int32)[: last - first]
    names: list[str] = encoded.dictionary.to_pylist()
    kept = np.array([name in WANTED for name in names], bool)[codes]
    entries = np.flatnonzero(kept)
    rows = np.searchsorted(offsets, entries + first, side="right") - 1
    values = column.items.slice(first, last - first).take(
        pa.Array.from_buffers(pa.int64(), len(entries), [None, pa.py_buffer(entries.astype(np.int64))])
    )
    texts: list[str] = values.to_pylist()
    for row, code, value in zip(rows.tolist(), codes[entries].tolist(), texts, strict=True):
        yield row, names[code], value
