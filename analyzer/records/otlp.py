"""OTLP in JSON: what an OpenTelemetry Collector's file exporter writes, a request a line.

A request (opentelemetry-proto v1 ``collector/trace/v1/trace_service.proto``, ``ExportTraceServiceRequest``) holds
resources, these hold scopes, and these hold spans. OTLP's JSON writes names in camel case, IDs in hexadecimal and
64-bit numbers as text; other printers of protobuf write ``snake_case``, base64 and numbers. Both are read. What is
not known is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from analyzer.records.exportedspans import (
    KINDS,
    OWN_SCOPE,
    Event,
    ExportedSpan,
    clean,
    dictionaries,
    identifier,
    is_told,
    nanoseconds,
    shown,
)

Members = dict[str, Any]

_STATUSES = {0: "unset", 1: "ok", 2: "error"}
"""opentelemetry-proto v1 ``trace.proto``, ``Status.StatusCode``."""

_SCOPES = ("scopeSpans", "scope_spans", "instrumentationLibrarySpans", "instrumentation_library_spans")
_DEPTH = 16


def is_otlp(value: Members) -> bool:
    """Whether an object is a request, or a part of one that holds spans."""
    return any(name in value for name in ("resourceSpans", "resource_spans", "spans", *_SCOPES))


def is_otlp_span(value: Members) -> bool:
    """Whether an object is a span."""
    return ("spanId" in value or "span_id" in value) and ("name" in value)


def spans_of_request(value: Members, service: str | None = None) -> Iterator[ExportedSpan | None]:
    """The spans of a request, or of a part of one; None for each that cannot be read.

    Args:
        value: The request, a resource of it with its spans, or a scope with its spans.
        service: The service that recorded them, where the part does not say so.
    """
    if any(name in value for name in _SCOPES):
        resources = [value]
    elif "spans" in value:
        resources = [{"scopeSpans": [value]}]
    else:
        resources = list(dictionaries(_member(value, "resourceSpans", "resource_spans")))
    for resource in resources:
        recorder = service_of(resource.get("resource")) or service
        for name in _SCOPES:
            for part in dictionaries(resource.get(name)):
                scope = scope_of(_member(part, "scope", "instrumentationLibrary", "instrumentation_library"))
                spans = part.get("spans")
                for span in spans if isinstance(spans, list) else ():
                    yield read_otlp_span(span, recorder, scope) if isinstance(span, dict) else None


def service_of(resource: object) -> str | None:
    """The name of the service that a resource is."""
    if not isinstance(resource, dict):
        return None
    return _attributes(resource.get("attributes")).get("service.name")


def scope_of(scope: object) -> str | None:
    """The name of a scope."""
    name = scope.get("name") if isinstance(scope, dict) else None
    return clean(name) if isinstance(name, str) and name else None


def read_otlp_span(span: Members, service: str | None, scope: str | None) -> ExportedSpan | None:
    """A span; None where it has no IDs.

    Args:
        span: Its members.
        service: The service that recorded it.
        scope: The instrumentation that recorded it. What this program made of a log is taken for no span: it would be
            proof of itself.
    """
    trace_id = identifier(_member(span, "traceId", "trace_id"), 32)
    span_id = identifier(_member(span, "spanId", "span_id"), 16)
    if trace_id is None or span_id is None or scope == OWN_SCOPE:
        return None
    status = span.get("status")
    status = status if isinstance(status, dict) else {}
    message, called = status.get("message"), span.get("name")
    return ExportedSpan(
        trace_id,
        span_id,
        identifier(_member(span, "parentSpanId", "parent_span_id"), 16),
        clean(called) if isinstance(called, str) else "",
        _kind(span.get("kind")),
        nanoseconds(_member(span, "startTimeUnixNano", "start_time_unix_nano")),
        nanoseconds(_member(span, "endTimeUnixNano", "end_time_unix_nano")),
        _status(status.get("code")),
        clean(message) if isinstance(message, str) and message else None,
        service,
        scope,
        _attributes(span.get("attributes")),
        tuple(
            Event(clean(name), _attributes(event.get("attributes")))
            for event in dictionaries(span.get("events"))
            if isinstance(name := event.get("name"), str) and is_told(name)
        ),
    )


def _member(value: Members, *names: str) -> Any:
    for name in names:
        if name in value:
            return value[name]
    return None


def _kind(value: object) -> str:
    if isinstance(value, str):
        named = value.removeprefix("SPAN_KIND_").lower()
        return named if named in KINDS else _kind(_number(value))
    return KINDS[value] if isinstance(value, int) and 0 <= value < len(KINDS) else KINDS[0]


def _status(value: object) -> str:
    if isinstance(value, str):
        named = value.removeprefix("STATUS_CODE_").lower()
        return named if named in _STATUSES.values() else _STATUSES.get(_number(value), "unset")
    return _STATUSES.get(value, "unset") if isinstance(value, int) else "unset"


def _number(value: str) -> int:
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0


def _attributes(value: object) -> dict[str, str]:
    found = {}
    for one in dictionaries(value):
        key, told = one.get("key"), one.get("value")
        if not isinstance(key, str) or not key:
            continue
        key = clean(key)
        # nearly all are plain texts
        text = told.get("stringValue") if isinstance(told, dict) else None
        found[key] = clean(text if isinstance(text, str) else shown(key, _plain(told)))
    return found


def _plain(value: object, depth: int = _DEPTH) -> object:
    """What an ``AnyValue`` (opentelemetry-proto v1 ``common.proto``) holds."""
    if not isinstance(value, dict) or not value or depth == 0:
        return None
    name, inner = next(iter(value.items()))
    if name in ("stringValue", "string_value", "intValue", "int_value", "bytesValue", "bytes_value"):
        return inner if isinstance(inner, str | int) else None
    if name in ("arrayValue", "array_value") and isinstance(inner, dict):
        return [_plain(one, depth - 1) for one in dictionaries(inner.get("values"))]
    if name in ("kvlistValue", "kvlist_value") and isinstance(inner, dict):
        return {
            str(one.get("key")): _plain(one.get("value"), depth - 1)
            for one in dictionaries(inner.get("values"))
        }
    return inner if isinstance(inner, bool | float | int | str) else None
