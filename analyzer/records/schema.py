"""The shape of a batch of records, the one thing that this layer gives to all later ones."""

from __future__ import annotations

import pyarrow as pa

LABEL = pa.dictionary(pa.int32(), pa.string())
"""Text of few distinct values."""

TIME = pa.timestamp("ns", tz="UTC")
FIELDS = pa.map_(pa.string(), pa.string())

LEVELS = ("trace", "debug", "info", "warning", "error", "fatal", "panic")
FORMS = ("logfmt", "json", "terminal", "stack", "other")
STATUSES = ("ok", "malformed", "truncated")

RECORDS = pa.schema(
    [
        pa.field("record", pa.int64(), nullable=False),
        pa.field("source", LABEL, nullable=False),
        pa.field("stream", LABEL),
        pa.field("line", pa.int64(), nullable=False),
        pa.field("lines", pa.int64(), nullable=False),
        pa.field("offset", pa.int64(), nullable=False),
        pa.field("length", pa.int64(), nullable=False),
        pa.field("time", TIME),
        pa.field("time_from", LABEL),
        pa.field("level", LABEL),
        pa.field("message", pa.string()),
        pa.field("trace_id", pa.string()),
        pa.field("span_id", pa.string()),
        pa.field("span", pa.string()),
        pa.field("error", pa.string()),
        pa.field("form", LABEL, nullable=False),
        pa.field("status", LABEL, nullable=False),
        pa.field("fields", FIELDS, nullable=False),
        pa.field("text", pa.string()),
    ]
)
"""One row a record, in the order of the input.

``record`` counts from 0, ``line`` (the first physical line) from 1. ``offset`` and ``length`` are bytes of
the uncompressed input: the records of a source follow one another without gap or overlap. ``stream`` is the
name that a wrapper puts before its lines (a compose service, a pod and container), null without one.
``fields`` holds every key but time, level, msg, traceID, spanID, span and error, which have columns.
``text`` holds the verbatim text, wrapper prefixes cut off, of a record that is not understood as fields: a
stack or other block, a malformed or truncated line; null where the fields say everything.
"""
