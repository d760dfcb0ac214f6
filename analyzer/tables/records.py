"""Records: one row a log record, the table that all others are read from.

Built by `analyzer.records`; here stands what its columns mean.
"""

from __future__ import annotations

from analyzer.records.schema import RECORDS
from analyzer.tables.schema import Column, TableSpec

_MEANINGS = {
    "record": "its number, from 0, in the order of the input; every other table refers to it",
    "source": "the log it stands in",
    "stream": "the wrapper's name for the process (a compose service, a pod and container), null without one",
    "line": "its first physical line, from 1",
    "lines": "how many physical lines it takes",
    "offset": "its first byte in the uncompressed input",
    "length": "its bytes, with the line's end",
    "time": "when it was written",
    "time_from": "record, or wrapper where only the wrapper tells the time",
    "level": "trace, debug, info, warning, error, fatal or panic",
    "message": "its message (`msg`)",
    "trace_id": "OpenTelemetry's trace (`traceID`)",
    "span_id": "OpenTelemetry's span (`spanID`)",
    "span": "the span's name (`span`)",
    "error": "the error's text (`error`)",
    "form": "logfmt, json, terminal, stack (a Go stack with its error) or other",
    "status": "ok, malformed or truncated",
    "fields": "all further keys and values, as text",
    "text": "the text itself where it is not understood as fields, null else",
}

SPEC = TableSpec(
    name="records",
    row="a log record",
    columns=tuple(Column(field.name, field.type, _MEANINGS[field.name]) for field in RECORDS),
)
