"""What a viewer of traces shows of a log: its traces, spans and requests as spans.

Where an exported trace was given, its own spans are shown, with their true times and parents. Of the rest spans are
made of what the log says, whose clock has steps of a second: they bear the scope `OWN_SCOPE`, by which they are never
taken for what BuildKit recorded, and the attribute ``buildkit_analyzer.clock``.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

import pyarrow as pa

from analyzer.records.exportedspans import OWN_SCOPE, Event, ExportedSpan
from analyzer.reports.otlp import spans_of
from analyzer.tables.spool import Rows

SERVICE = "buildkitd"

_OWN = "buildkit_analyzer."
_CLOCK = {f"{_OWN}clock": "1s"}
_TRACE_ID = re.compile(r"(?!0{32})[0-9a-f]{32}\Z")
_SPAN_ID = re.compile(r"(?!0{16})[0-9a-f]{16}\Z")

_TRACE = ("trace_id", "daemon", "source", "title", "start", "end", "requests", "errors")
_SPAN = ("trace_id", "daemon", "span_id", "span", "source", "start", "end", "first_record")
_REQUEST = (
    "record",
    "line",
    "source",
    "daemon",
    "time",
    "response_time",
    "trace_id",
    "span_id",
    "span",
    "method",
    "url",
    "scheme",
    "host",
    "host_evidence",
    "role",
    "registry",
    "repository",
    "reference",
    "kind",
    "digest",
    "size",
    "status_code",
    "error",
    "error_kind",
    "trace_span_id",
)
_PROBLEM = ("trace_id", "span_id", "span", "time", "kind", "text", "host", "line")


def view_spans(tables: Mapping[str, Rows]) -> Iterator[ExportedSpan]:
    """The spans of a log for a viewer: those that BuildKit exported, then those that are made of the log.

    Args:
        tables: ``traces``, ``spans``, ``requests``, ``problems``, and ``trace_spans`` where traces were given.
    """
    recorded: set[str] = set()
    if "trace_spans" in tables:
        for batch in tables["trace_spans"].batches(("trace_id",)):
            recorded.update(batch.column("trace_id").unique().to_pylist())
        yield from spans_of(tables["trace_spans"])
    yield from _Made(tables, recorded).spans()


class _Made:
    """Spans that are made of what a log says."""

    def __init__(self, tables: Mapping[str, Rows], recorded: set[str]) -> None:
        self.tables = tables
        self.recorded = recorded
        self.roots: dict[str, str] = {}
        self.homes: dict[tuple[str, str | None, str | None], str] = {}
        self.taken: set[tuple[str, str]] = set()
        self.events = self._events()

    def spans(self) -> Iterator[ExportedSpan]:
        for row in _rows(self.tables["traces"], _TRACE):
            if row["trace_id"] not in self.recorded:
                yield self._root(row)
        for row in _rows(self.tables["spans"], _SPAN):
            if row["trace_id"] not in self.recorded:
                yield self._span(row)
        for number, row in enumerate(_rows(self.tables["requests"], _REQUEST)):
            if row["trace_span_id"] is None:
                yield from self._request(row, number)

    def _events(self) -> dict[tuple[str, str | None, str | None], list[Event]]:
        """Failures that the log reports, by the span that failed."""
        found: dict[tuple[str, str | None, str | None], list[Event]] = defaultdict(list)
        for row in _rows(self.tables["problems"], _PROBLEM):
            if row["trace_id"] is not None and row["trace_id"] not in self.recorded:
                told = {
                    "exception.type": row["kind"],
                    "exception.message": row["text"],
                    "server.address": row["host"],
                }
                event = Event("exception", _texts(told | {f"{_OWN}line": row["line"]}), row["time"])
                found[row["trace_id"], row["span_id"], row["span"]].append(event)
        return found

    def _root(self, row: dict[str, Any]) -> ExportedSpan:
        """A span for all of a trace, under which those stand whose parent is not known."""
        trace_id = row["trace_id"]
        self.roots[trace_id] = _derived(16, "trace", row["source"], trace_id)
        self.taken.add((trace_id, self.roots[trace_id]))
        told = {f"{_OWN}source": row["source"], f"{_OWN}trace": trace_id, f"{_OWN}requests": row["requests"]}
        return _made(
            _trace_id(trace_id),
            self.roots[trace_id],
            None,
            row["title"] or f"trace {trace_id}",
            row["start"],
            row["end"],
            attributes=told,
            failed=bool(row["errors"]),
            events=self.events.pop((trace_id, None, None), []),
        )

    def _span(self, row: dict[str, Any]) -> ExportedSpan:
        trace_id, span_id, name = row["trace_id"], row["span_id"], row["span"]
        own = span_id if span_id is not None and _SPAN_ID.match(span_id) else None
        # one ID may bear several names
        if own is None or (trace_id, own) in self.taken:
            own = _derived(16, "span", row["source"], trace_id, span_id, name)
        self.taken.add((trace_id, own))
        self.homes[trace_id, span_id, name] = own
        events = self.events.pop((trace_id, span_id, name), [])
        return _made(
            _trace_id(trace_id),
            own,
            self.roots.get(trace_id),
            name or f"span {span_id}",
            row["start"],
            row["end"],
            attributes={f"{_OWN}record": row["first_record"]},
            failed=bool(events),
            events=events,
        )

    def _request(self, row: dict[str, Any], number: int) -> Iterator[ExportedSpan]:
        trace_id = row["trace_id"]
        home = self.homes.get((trace_id, row["span_id"], row["span"])) or self.roots.get(trace_id)
        if home is None and trace_id in self.recorded:
            home = row["span_id"]
        if row["time"] is None:
            return
        host, colon, port = (row["host"] or "").rpartition(":")
        told = {
            "http.request.method": row["method"],
            "url.full": row["url"],
            "url.scheme": row["scheme"],
            "server.address": (host if colon and port.isdecimal() else row["host"]),
            "server.port": port if colon and port.isdecimal() else None,
            "http.response.status_code": row["status_code"],
            "error.type": row["error_kind"],
            **{
                f"{_OWN}{name}": row[name]
                for name in ("host_evidence", "role", "registry", "repository", "reference", "kind", "digest")
            },
            f"{_OWN}size": row["size"],
            f"{_OWN}line": row["line"],
        }
        refused = row["status_code"] is not None and row["status_code"] >= 400 and row["status_code"] != 401
        yield _made(
            _trace_id(trace_id),
            _derived(16, "request", row["source"], trace_id, row["record"], number),
            home,
            " ".join(part for part in ("HTTP", row["method"], row["host"] or "host unknown") if part),
            row["time"],
            row["response_time"],
            kind="client",
            attributes=told,
            failed=refused or row["error"] is not None,
            message=row["error"],
        )


def _made(
    trace_id: str,
    span_id: str,
    parent: str | None,
    name: str,
    start: int | None,
    end: int | None,
    *,
    attributes: Mapping[str, Any],
    kind: str = "internal",
    failed: bool = False,
    message: str | None = None,
    events: list[Event] | None = None,
) -> ExportedSpan:
    first = start or 0
    return ExportedSpan(
        trace_id,
        span_id,
        parent,
        name,
        kind,
        first,
        max(end or first, first),
        "error" if failed else "unset",
        message,
        SERVICE,
        OWN_SCOPE,
        _CLOCK | _texts(attributes),
        tuple(events or ()),
    )


def _texts(attributes: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(value) for name, value in attributes.items() if value is not None}


def _trace_id(trace_id: str | None) -> str:
    """A trace's ID as OpenTelemetry has them; of a daemon that writes none, one of its own."""
    return trace_id if trace_id is not None and _TRACE_ID.match(trace_id) else _derived(32, "trace", trace_id)


def _derived(digits: int, *parts: object) -> str:
    """An ID that the same log gives again."""
    return hashlib.sha256("\0".join(map(repr, parts)).encode("utf-8", "replace")).hexdigest()[:digits]


def _rows(rows: Rows, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    """Rows as plain values, their times as nanoseconds since 1970."""
    for batch in rows.batches(columns):
        for place, field in enumerate(batch.schema):
            if pa.types.is_timestamp(field.type):
                batch = batch.set_column(place, field.name, batch.column(place).cast(pa.int64()))
        for row in batch.to_pylist():
            # a daemon that writes no trace IDs is a trace of its own
            if row["trace_id"] is None and row.get("daemon") is not None:
                row["trace_id"] = f"daemon-{row['daemon']}"
            yield row
