"""Trace spans: one row a span of a trace that BuildKit exported, as OTLP or in a build record.

Such a trace lies beside the log; its request spans name the host in every version of BuildKit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO, Protocol

import pyarrow as pa

from analyzer.records.exportedspans import ExportedSpan
from analyzer.records.exportedtraces import SpanReader
from analyzer.redaction import Redactor
from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.spanfacts import AttributeGate, facts_of, version_of
from analyzer.tables.spanorder import FILE, WEIGHT, order_spans
from analyzer.tables.spool import Rows, Spool

_LABEL = pa.dictionary(pa.int32(), pa.string())

SPEC = TableSpec(
    name="trace_spans",
    row="a span of an exported trace, when one is given",
    columns=(
        Column("source", _LABEL, "the file of the trace"),
        Column("trace_id", pa.string(), "the trace, as `traceID` in the log"),
        Column("span_id", pa.string(), "the span; a log's span ID is an ancestor of the request's span"),
        Column("parent_span_id", pa.string(), "the span it lies in, null of a root"),
        Column("name", pa.string(), "its name, such as HTTP GET or resolving docker.io/library/alpine:3.20"),
        Column("service", _LABEL, "who recorded it, such as buildkitd or buildctl"),
        Column("scope", _LABEL, "the instrumentation that recorded it"),
        Column("kind", _LABEL, "client, server, internal, producer, consumer or unspecified"),
        Column("start", pa.timestamp("ns", tz="UTC"), "when it started"),
        Column("end", pa.timestamp("ns", tz="UTC"), "when it ended, null where it did not"),
        Column("status", _LABEL, "unset, ok or error; a 401 or 404 is an error here and may be normal"),
        Column("url", pa.string(), "the URL asked for, without secrets; of an HTTP span, as what follows"),
        Column("host", _LABEL, "the URL's host, with the port where one is written"),
        Column("method", _LABEL, "GET, HEAD, POST, PUT, PATCH"),
        Column("status_code", pa.int64(), "the HTTP answer's status, null without an answer"),
        Column("address", _LABEL, "the address that was connected to, with its port"),
        Column("connection_reused", pa.bool_(), "the connection was there before, null where it is not told"),
        Column("tls", _LABEL, "done (a handshake succeeded), error, or none (nothing said)"),
        Column("error", pa.string(), "the failure's text; an answer such as 404 is none"),
        Column("attributes", pa.map_(pa.string(), pa.string()), "the span's attributes, as text"),
    ),
    notes="A span is there once, however often it was exported. Rows come by file, trace, start and span ID. A "
    "request's span is called `HTTP GET` and the like; its twin `remotes.docker.resolver.HTTPRequest` has no URL here.",
)

_TOGETHER = 1 << 11
"""Spans made columns at once."""

_INNER = pa.schema(
    [
        pa.field(FILE, pa.int64()),
        pa.field(WEIGHT, pa.int64()),
        *(
            pa.field(
                column.name, column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            )
            for column in SPEC.columns
        ),
    ]
)


class TraceSource(Protocol):
    """A file with traces."""

    @property
    def name(self) -> str:
        """What reports call it."""

    def open(self, damage: list[str]) -> Iterator[BinaryIO]:
        """Its JSON, one stream after the other.

        Args:
            damage: Receives what could not be read.
        """


@dataclass(frozen=True, slots=True)
class TraceSpans:
    """The spans of all trace files that were given.

    Attributes:
        rows: The table ``trace_spans``.
        files: Names of the files.
        damaged: What could not be read of them; it cost only itself.
        redactions: Secrets that were replaced.
        version: The series of BuildKit's version, such as ``v0.17``, where all requests name the same one.
    """

    rows: Rows
    files: tuple[str, ...] = ()
    damaged: tuple[str, ...] = ()
    redactions: int = 0
    version: str | None = None


def read_trace_spans(sources: Iterable[TraceSource], redactor: Redactor) -> TraceSpans:
    """Read trace files into the table, in memory that does not grow with them.

    Args:
        sources: The files.
        redactor: Replaces secrets.

    Raises:
        SourceError: A file cannot be read.
    """
    spool, gate = Spool(_INNER), AttributeGate(redactor)
    files: list[str] = []
    damaged: list[str] = []
    versions: set[str] = set()
    for number, source in enumerate(sources):
        files.append(source.name)
        damage: list[str] = []
        lost = found = 0
        for stream in source.open(damage):
            reader = SpanReader(stream)
            spans = iter(reader)
            while together := list(islice(spans, _TOGETHER)):
                found += len(together)
                versions.update(*map(version_of, together))
                spool.append(_columns(together, source.name, number, gate))
            lost += reader.damaged
        if lost:
            objects = "object" if lost == 1 else "objects"
            damage.append(f"{lost} {objects} of the trace could not be read")
        if not found and not damage:
            damage.append("it holds no span")
        damaged += [f"{source.name}: {text}" for text in damage]
    rows = order_spans(spool.finish(), SPEC.schema)
    version = versions.pop() if len(versions) == 1 else None
    return TraceSpans(rows, tuple(files), tuple(damaged), redactor.counts.total(), version)


def _columns(spans: Sequence[ExportedSpan], source: str, file: int, gate: AttributeGate) -> pa.RecordBatch:
    """Spans as columns, without secrets."""
    columns = zip(*(_row(span, source, file, gate) for span in spans), strict=True)
    return pa.RecordBatch.from_arrays(
        [pa.array(values, field.type) for values, field in zip(columns, _INNER, strict=True)], schema=_INNER
    )


def _row(span: ExportedSpan, source: str, file: int, gate: AttributeGate) -> tuple[Any, ...]:
    """A span as a row of `_INNER`."""
    facts = facts_of(span)
    attributes = gate.attributes(span.attributes)
    # of a span that came twice the fuller one counts
    weight = len(attributes) + len(span.events) + 100 * (span.end is not None)
    return (
        file,
        weight,
        source,
        span.trace_id,
        span.span_id,
        span.parent_span_id,
        gate.text(span.name),
        gate.text(span.service),
        gate.text(span.scope),
        span.kind,
        span.start,
        span.end,
        span.status,
        gate.text(facts.url),
        gate.text(facts.host),
        facts.method,
        facts.status_code,
        gate.text(facts.address),
        facts.reused,
        facts.tls,
        gate.text(facts.error),
        list(attributes.items()),
    )
