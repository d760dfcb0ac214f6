"""Bytes of an exported trace, of whatever form, as spans."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

from analyzer.limits import LIMITS
from analyzer.records.exportedspans import ExportedSpan
from analyzer.records.jsonobjects import Broken, read_objects
from analyzer.records.otlp import (
    is_otlp,
    is_otlp_span,
    read_otlp_span,
    scope_of,
    service_of,
    spans_of_request,
)
from analyzer.records.spanstubs import is_stub, read_stub


class SpanReader:
    """Reads the spans of a stream. Which form an object has is seen by its members, object by object.

    Args:
        stream: The bytes.
        size: Bytes that are read as one object.

    Attributes:
        damaged: Objects and spans that could not be read, counted as they are met.
        others: Objects that hold no spans, such as the metrics that a Collector may write into the same file.
    """

    def __init__(self, stream: BinaryIO, *, size: int = LIMITS.trace_object_bytes) -> None:
        self._stream = stream
        self._size = size
        self._service: str | None = None
        self._scope: str | None = None
        self.damaged = 0
        self.others = 0

    def __iter__(self) -> Iterator[ExportedSpan]:
        for found in read_objects(self._stream, _is_span, size=self._size):
            for span in self._spans(found):
                if span is None:
                    self.damaged += 1
                else:
                    yield span

    def _spans(self, found: dict[str, Any] | Broken) -> Iterator[ExportedSpan | None]:
        if isinstance(found, Broken):
            if found.damaged:
                self.damaged += 1
            for name, inner in found.inner:
                yield from self._inner(name, inner)
            return
        # what follows a whole request is no part of a broken one before it
        self._service = self._scope = None
        if is_stub(found):
            yield read_stub(found)
        elif is_otlp(found):
            yield from spans_of_request(found)
        elif is_otlp_span(found):
            yield read_otlp_span(found, None, None)
        else:
            self.others += 1

    def _inner(self, name: str | None, value: dict[str, Any]) -> Iterator[ExportedSpan | None]:
        """Spans of an object found within a broken one; a resource or scope speaks for those after it."""
        if is_stub(value):
            yield read_stub(value)
        elif is_otlp(value):
            yield from spans_of_request(value, self._service)
        elif is_otlp_span(value):
            yield read_otlp_span(value, self._service, self._scope)
        elif name == "resource":
            self._service, self._scope = service_of(value), None
        elif name in ("scope", "instrumentationLibrary"):
            self._scope = scope_of(value)


def _is_span(value: dict[str, Any]) -> bool:
    return is_stub(value) or is_otlp(value) or is_otlp_span(value)
