"""Trace spans: one row a span of a trace that BuildKit exported, as OTLP or in a build record.

Such a trace lies beside the log; its request spans name the host in every version of BuildKit.
"""

from __future__ import annotations

import pyarrow as pa

from analyzer.tables.schema import Column, TableSpec

SPEC = TableSpec(
    name="trace_spans",
    row="a span of an exported trace, when one is given",
    columns=(
        Column("source", pa.string(), "the file of the trace"),
        Column("trace_id", pa.string(), "the trace, as `traceID` in the log"),
        Column("span_id", pa.string(), "the span; a log's span ID is an ancestor of the request's span"),
        Column("parent_span_id", pa.string(), "the span it lies in, null of a root"),
        Column("name", pa.string(), "its name, such as HTTP GET or resolving docker.io/library/alpine:3.20"),
        Column("start", pa.timestamp("ns", tz="UTC"), "when it started"),
        Column("end", pa.timestamp("ns", tz="UTC"), "when it ended"),
        Column("status", pa.string(), "unset, ok or error; a 401 or 404 is an error here and may be normal"),
        Column("url", pa.string(), "the URL asked for, without secrets"),
        Column("host", pa.string(), "the URL's host, with the port where one is written"),
        Column("method", pa.string(), "GET, HEAD, POST, PUT, PATCH"),
        Column("status_code", pa.int64(), "the HTTP answer's status, null without an answer"),
        Column("tls", pa.string(), "done (a handshake succeeded), error, or none (nothing said)"),
        Column("error", pa.string(), "the failure's text"),
        Column("attributes", pa.map_(pa.string(), pa.string()), "the span's attributes, as text"),
    ),
)
