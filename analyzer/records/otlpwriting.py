"""Spans as OTLP in JSON, a request a line, as an OpenTelemetry Collector writes them and `otlp` reads them.

What is written is opentelemetry-proto v1's own JSON: camel case, IDs in hexadecimal, 64-bit numbers as text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import groupby
from typing import Any

from analyzer.records.exportedspans import KINDS, ExportedSpan

_STATUSES = {"unset": 0, "ok": 1, "error": 2}
"""opentelemetry-proto v1 ``trace.proto``, ``Status.StatusCode``."""

_NUMBERS = frozenset({"http.response.status_code", "server.port"})
"""Attributes that are numbers (OpenTelemetry semantic conventions 1.30, HTTP spans)."""


def write_requests(spans: Iterable[ExportedSpan]) -> Iterator[bytes]:
    """Spans as lines; those that follow each other and were recorded by the same are in one.

    Args:
        spans: The spans.
    """
    for (service, scope), together in groupby(spans, key=lambda span: (span.service, span.scope)):
        scoped: dict[str, Any] = {"scope": {"name": scope}} if scope else {}
        scoped["spans"] = [_span(span) for span in together]
        resource = {"attributes": _attributes({"service.name": service})} if service else {}
        line = {"resourceSpans": [{"resource": resource, "scopeSpans": [scoped]}]}
        yield json.dumps(line, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"


def _span(span: ExportedSpan) -> dict[str, Any]:
    status: dict[str, Any] = {"code": _STATUSES[span.status]} if span.status != "unset" else {}
    if span.message:
        status["message"] = span.message
    written: dict[str, Any] = {
        "traceId": span.trace_id,
        "spanId": span.span_id,
        "parentSpanId": span.parent_span_id,
        "name": span.name,
        "kind": KINDS.index(span.kind),
        "startTimeUnixNano": None if span.start is None else str(span.start),
        "endTimeUnixNano": None if span.end is None else str(span.end),
        "attributes": _attributes(span.attributes),
        "events": [
            {
                **({} if event.time is None else {"timeUnixNano": str(event.time)}),
                "name": event.name,
                "attributes": _attributes(event.attributes),
            }
            for event in span.events
        ],
        "status": status,
    }
    return {name: value for name, value in written.items() if value not in (None, [], {})}


def _attributes(attributes: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"key": key, "value": _value(key, value)} for key, value in attributes.items()]


def _value(key: str, value: str) -> dict[str, str]:
    return {"intValue": value} if key in _NUMBERS and value.isdecimal() else {"stringValue": value}
