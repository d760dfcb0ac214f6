"""Spans as Go's SDK prints them: the trace that BuildKit keeps beside a build's record.

BuildKit keeps each ``tracetest.SpanStub`` of a build (opentelemetry-go ``sdk/trace/tracetest/span.go``; moby/buildkit
``util/tracing/detect/recorder.go``) and writes them as JSON objects, one after the other, each on a line at first and
on many lines later (``solver/llbsolver``, recordBuildHistory); buildx prints them anew, on many lines
(docker/buildx ``util/desktop/bundle/trace.go``).
Its status codes are Go's, 1 for an error and 2 for ok, the reverse of OTLP's.
"""

from __future__ import annotations

from typing import Any

from analyzer.records.exportedspans import (
    KINDS,
    Event,
    ExportedSpan,
    clean,
    dictionaries,
    go_time,
    identifier,
    is_told,
    shown,
)

Members = dict[str, Any]

_STATUSES = {0: "unset", 1: "error", 2: "ok"}
"""opentelemetry-go ``codes/codes.go``, whose own JSON is the name; buildx prints the number."""


def is_stub(value: Members) -> bool:
    """Whether an object is a span as Go prints it."""
    return "SpanContext" in value


def read_stub(stub: Members) -> ExportedSpan | None:
    """A span; None where it has no IDs."""
    trace_id, span_id = _context(stub.get("SpanContext"))
    if trace_id is None or span_id is None:
        return None
    # a parent in another trace is a link, not a parent
    parent_trace, parent = _context(stub.get("Parent"))
    status = stub.get("Status")
    status = status if isinstance(status, dict) else {}
    message, called = status.get("Description"), stub.get("Name")
    scope = stub.get("InstrumentationScope") or stub.get("InstrumentationLibrary")
    scope_name = scope.get("Name") if isinstance(scope, dict) else None
    return ExportedSpan(
        trace_id,
        span_id,
        parent if parent_trace in (None, trace_id) else None,
        clean(called) if isinstance(called, str) else "",
        _kind(stub.get("SpanKind")),
        go_time(stub.get("StartTime")),
        go_time(stub.get("EndTime")),
        _status(status.get("Code")),
        clean(message) if isinstance(message, str) and message else None,
        _attributes(stub.get("Resource")).get("service.name") or None,
        clean(scope_name) if isinstance(scope_name, str) and scope_name else None,
        _attributes(stub.get("Attributes")),
        tuple(
            Event(clean(name), _attributes(event.get("Attributes")))
            for event in dictionaries(stub.get("Events"))
            if isinstance(name := event.get("Name"), str) and is_told(name)
        ),
    )


def _context(value: object) -> tuple[str | None, str | None]:
    if not isinstance(value, dict):
        return None, None
    return identifier(value.get("TraceID"), 32), identifier(value.get("SpanID"), 16)


def _kind(value: object) -> str:
    if isinstance(value, str):
        return value.lower() if value.lower() in KINDS else KINDS[0]
    return KINDS[value] if isinstance(value, int) and 0 <= value < len(KINDS) else KINDS[0]


def _status(value: object) -> str:
    if isinstance(value, str):
        return value.lower() if value.lower() in _STATUSES.values() else "unset"
    return _STATUSES.get(value, "unset") if isinstance(value, int) else "unset"


def _attributes(value: object) -> dict[str, str]:
    found = {}
    for one in dictionaries(value):
        key, inner = one.get("Key"), one.get("Value")
        if isinstance(key, str) and key:
            key = clean(key)
            told = inner.get("Value") if isinstance(inner, dict) else inner
            found[key] = clean(shown(key, told))
    return found
