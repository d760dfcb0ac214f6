"""Requests: one row an HTTP exchange with a registry, as the log tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import pyarrow as pa

from analyzer.tables.crowds import Crowd
from analyzer.tables.events import Event, select_events
from analyzer.tables.exchanges import Exchange, Gap, Ledger
from analyzer.tables.lookups import Lookup
from analyzer.tables.named import NamedRequests
from analyzer.tables.references import reference_of_span
from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.starts import Start

SPEC = TableSpec(
    name="requests",
    row="an HTTP exchange with a registry: the `do request` line and its answer",
    columns=(
        Column(
            "record", pa.int64(), "the `do request` record; of an answer whose request is lost, the answer's"
        ),
        Column("response_record", pa.int64(), "the `fetch response received` record, null without an answer"),
        Column("line", pa.int64(), "first physical line of `record`"),
        Column("response_line", pa.int64(), "first physical line of `response_record`"),
        Column("source", pa.string(), "the log it stands in"),
        Column("daemon", pa.int64(), "the start of the daemon (table `daemons`)"),
        Column("time", pa.timestamp("ns", tz="UTC"), "when it was sent"),
        Column("trace_id", pa.string(), "the build's trace, null where the log has no trace IDs"),
        Column("span_id", pa.string(), "the span that asked"),
        Column("span", pa.string(), "the span's name"),
        Column("method", pa.string(), "GET, HEAD, POST, PUT, PATCH"),
        Column("url", pa.string(), "the URL where the log names it, without redirects followed"),
        Column("scheme", pa.string(), "http or https, where known"),
        Column(
            "host", pa.string(), "who was asked, with the port where one is written; null where nothing tells"
        ),
        Column("host_evidence", pa.string(), "proof, inference or none"),
        Column("host_why", pa.string(), "what the host is known by"),
        Column("role", pa.string(), "mirror or upstream, where known"),
        Column("registry", pa.string(), "the registry of the reference, such as docker.io"),
        Column("repository", pa.string(), "the repository, such as library/alpine"),
        Column("reference", pa.string(), "the whole reference, where the log names it"),
        Column("kind", pa.string(), "resolve, index, manifest, config, layer, token, upload or other"),
        Column("digest", pa.string(), "the object's digest, where known"),
        Column("media_type", pa.string(), "the object's media type, where known"),
        Column("offset", pa.int64(), "first byte asked for, of a layer that is resumed or read in parts"),
        Column("size", pa.int64(), "bytes of the object, as its descriptor says"),
        Column("status_code", pa.int64(), "the answer's status, null without an answer"),
        Column("error", pa.string(), "the failure's text, of a request that got no answer"),
        Column("error_kind", pa.string(), "the failure, classified as in `problems`"),
        Column(
            "object",
            pa.int64(),
            "the pull or push that it belongs to: requests for one object share the number",
        ),
        Column(
            "position", pa.int64(), "place in the order of hosts, 0 for the first, where the log tells it"
        ),
        Column("attempt", pa.int64(), "1 for the first host asked for this object, 2 for the next"),
        Column(
            "fingerprint",
            pa.string(),
            "whose headers the answer carries: docker-hub, google or a token realm",
        ),
        Column("action", pa.string(), "pull, push or auth"),
        Column("pairing", pa.string(), "exact, inferred or none: how the answer was found"),
    ),
)

_Stream = tuple[str, str | None]
_Span = tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Requests:
    """What the requests of a log come to.

    Attributes:
        exchanges: The requests in the order of their records, hosts only where the log names them.
        gaps: What is seen to be missing.
        starts: The starts of the daemon that the requests were seen in.
    """

    exchanges: list[Exchange]
    gaps: list[Gap]
    starts: list[Start]


def build_requests(exchanges: Sequence[Exchange], daemons: Sequence[int | None]) -> pa.Table:
    """The table.

    Args:
        exchanges: Requests in the order of their records.
        daemons: The number of the daemon of each of them.
    """
    attempts: dict[int | None, tuple[int, object]] = {}
    rows = []
    for exchange, daemon in zip(exchanges, daemons, strict=True):
        row = {name: getattr(exchange, name) for name in _PLAIN}
        here = (exchange.host, exchange.position)
        attempt, before = attempts.get(exchange.object, (0, None))
        if here != before:
            attempt += 1
            attempts[exchange.object] = (attempt, here)
        row["daemon"], row["attempt"] = daemon, attempt
        rows.append(row)
    return SPEC.build(rows)


_PLAIN = tuple(column.name for column in SPEC.columns if column.name not in ("daemon", "attempt"))


class RequestsBuilder:
    """Builds the requests of one or more logs, batch by batch."""

    spec: ClassVar[TableSpec] = SPEC

    def __init__(self) -> None:
        self.ledger = Ledger()
        self.starts: list[Start] = []
        self._running: dict[_Stream, _Run] = {}

    def update(self, batch: pa.RecordBatch) -> None:
        """Take a batch of records."""
        for event in select_events(batch):
            stream = (event.source, event.stream)
            run = self._running.get(stream)
            if run is None or run.start.ends_before(event):
                if run is not None:
                    run.finish()
                start = Start(len(self.starts), event.source, event.stream, event.record)
                self.starts.append(start)
                run = self._running[stream] = _Run(self.ledger, start)
            run.handle(event)

    def finish(self) -> Requests:
        """The requests of all batches."""
        for run in self._running.values():
            run.finish()
        self._running.clear()
        by_start: dict[int, list[Exchange]] = {}
        for exchange in self.ledger.exchanges:
            by_start.setdefault(exchange.epoch, []).append(exchange)
        for start in self.starts:
            start.close(self.ledger, by_start.get(start.number, []))
        exchanges = sorted(self.ledger.exchanges, key=lambda exchange: exchange.record)
        return Requests(exchanges, self.ledger.gaps, self.starts)


class _Run:
    """One start of the daemon: its events, given to what understands them."""

    def __init__(self, ledger: Ledger, start: Start) -> None:
        self.ledger = ledger
        self.start = start
        self.named = NamedRequests(ledger, start.number)
        self.lookups: dict[_Span, Lookup] = {}
        self.crowds: dict[_Span, Crowd] = {}

    def handle(self, event: Event) -> None:
        if self.start.handle(event):
            return
        fields = event.fields
        if event.message == "checking and pushing to":
            if "url" in fields:
                self.named.handle(event)
                self._crowd(event).handle(event)
            return
        if "url" in fields or "host" in fields or ("digest" in fields and event.message != "resolved"):
            self.named.handle(event)
            return
        reference = reference_of_span(event.span)
        if reference is None:
            self._crowd(event).handle(event)
            return
        key = (event.trace_id, event.span_id, event.span)
        lookup = self.lookups.get(key)
        if lookup is None:
            lookup = self.lookups[key] = Lookup(self.ledger, self.start.number, reference)
        lookup.handle(event)

    def _crowd(self, event: Event) -> Crowd:
        key = (event.trace_id, event.span_id, event.span)
        crowd = self.crowds.get(key)
        if crowd is None:
            crowd = self.crowds[key] = Crowd(self.ledger, self.start.number)
        return crowd

    def finish(self) -> None:
        self.named.finish(self.start.explains)
        for lookup in self.lookups.values():
            lookup.finish(self.start.explains)
        for crowd in self.crowds.values():
            crowd.finish()
        self.start.applied_without_fetch(self.ledger, self.named.fetched)
