"""Requests: one row an HTTP exchange with a registry, as the log tells it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import ClassVar

import pyarrow as pa

from analyzer.tables.coverage import DaemonLocator
from analyzer.tables.crowds import Crowd
from analyzer.tables.events import Event, Pair, pick_events
from analyzer.tables.exchanges import OBJECT_REACH, Exchange, Gap, Ledger, Window
from analyzer.tables.lookups import Lookup
from analyzer.tables.named import NamedRequests
from analyzer.tables.pairs import REACH
from analyzer.tables.references import reference_of_span
from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.spool import Rows, Spool
from analyzer.tables.starts import OF_REQUESTS, Start

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

_SCHEMA = SPEC.schema

_INTERNAL = (
    Column("stream", pa.string(), "the wrapper's name for where the line came from"),
    Column("epoch", pa.int64(), "the start that the requests were seen in"),
    Column("mirror", pa.bool_(), "the URL names another registry than its host"),
    Column("doubtful", pa.bool_(), "its place hangs on an earlier request that got no answer"),
    Column("last", pa.bool_(), "its refusal is logged as the last host's"),
)
OBSERVED = pa.schema(
    [
        *(field for field in SPEC.schema if field.name not in ("daemon", "attempt")),
        *(pa.field(column.name, column.type) for column in _INTERNAL),
    ]
)
"""Requests as the log tells them: the table without what other layers add, and what those need for it."""

_TOGETHER = 1 << 12
"""Exchanges made columns at once."""

_Stream = tuple[str, str | None]
_Span = tuple[str | None, str | None]
_NamedSpan = tuple[str | None, str | None, str | None]


@dataclass(frozen=True, slots=True)
class Requests:
    """What the requests of a log come to.

    Attributes:
        observed: The requests in the order of their records, hosts only where the log names them; `OBSERVED`.
        gaps: What is seen to be missing.
        starts: The starts of the daemon that the requests were seen in.
    """

    observed: Rows
    gaps: list[Gap]
    starts: list[Start]


class RequestTable:
    """Makes the table of observed requests, batch by batch: each gets its daemon and its attempt.

    Args:
        locator: Tells the daemon of a record.
    """

    def __init__(self, locator: DaemonLocator) -> None:
        self._locator = locator
        self._attempts: dict[int | None, tuple[int, object, int]] = {}

    def add(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of the table for these requests, which follow those before them in the order of records."""
        columns = {name: batch.column(name) for name in batch.schema.names}
        columns["daemon"] = self._locator.daemons_of(batch)
        columns["attempt"] = pa.array(self._count(batch), pa.int64())
        return pa.RecordBatch.from_arrays([columns[name] for name in _SCHEMA.names], schema=_SCHEMA)

    def _count(self, batch: pa.RecordBatch) -> Iterator[int]:
        attempts = self._attempts
        columns = (batch.column(name).to_pylist() for name in ("object", "host", "position", "record"))
        for one, host, position, record in zip(*columns, strict=True):
            here = (host, position)
            attempt, before, _ = attempts.get(one, (0, None, 0))
            if here != before:
                attempt += 1
            attempts[one] = attempt, here, record
            yield attempt
        if batch.num_rows:
            oldest = record - OBJECT_REACH
            self._attempts = {key: value for key, value in attempts.items() if value[2] >= oldest}


class RequestsBuilder:
    """Builds the requests of one or more logs from events, in memory that does not grow with the log."""

    spec: ClassVar[TableSpec] = SPEC

    def __init__(self) -> None:
        self.starts: list[Start] = []
        self._window = Window()
        self._running: dict[_Stream, _Run] = {}
        self._ledgers: list[Ledger] = []
        self._settled: list[Exchange] = []
        self._spool = Spool(OBSERVED)
        self._sweep_at = REACH

    def update(self, batch: pa.RecordBatch) -> None:
        """Take a batch of records."""
        self.take(pick_events(batch))

    def take(self, events: Iterable[Event | Pair]) -> None:
        """Take events, in the order of their records."""
        run, source, stream = None, None, None
        for event in events:
            told = event.request if isinstance(event, Pair) else event
            if told.record >= self._sweep_at:
                self._sweep(told.record)
            if run is None or told.source is not source or told.stream != stream:
                source, stream = told.source, told.stream
                run = self._running.get((source, stream))
            if run is None or (told.message not in OF_REQUESTS and run.start.ends_before(told)):
                run = self._start(told)
            if isinstance(event, Pair):
                run.handle_pair(event)
            else:
                run.handle(event)
        self._release()

    def finish(self) -> Requests:
        """The requests of all events."""
        for run in self._running.values():
            run.finish()
        self._running.clear()
        self._release(everything=True)
        for start, ledger in zip(self.starts, self._ledgers, strict=True):
            start.close(ledger)
        return Requests(self._spool.finish(), self._window.gaps, self.starts)

    def _start(self, event: Event) -> _Run:
        stream = (event.source, event.stream)
        if stream in self._running:
            self._running[stream].finish()
        start = Start(len(self.starts), event.source, event.stream, event.record)
        ledger = Ledger(self._window, start.number)
        self.starts.append(start)
        self._ledgers.append(ledger)
        self._running[stream] = _Run(ledger, start)
        return self._running[stream]

    def _sweep(self, record: int) -> None:
        """Let go of what nothing was heard of for long. When this is done hangs on the records alone."""
        for run in self._running.values():
            run.forget(record - REACH)
        self._sweep_at = (record // REACH + 1) * REACH

    def _release(self, *, everything: bool = False) -> None:
        """Turn exchanges that are settled into rows."""
        for exchange in self._window.release():
            self.starts[exchange.epoch].note(exchange)
            self._settled.append(exchange)
        if len(self._settled) >= _TOGETHER or everything:
            self._spool.append(_observed(self._settled))
            self._settled = []


def _observed(exchanges: Sequence[Exchange]) -> pa.RecordBatch:
    """Exchanges as columns."""
    columns = []
    for field in OBSERVED:
        values = list(map(attrgetter(field.name), exchanges))
        columns.append(pa.array(values, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=OBSERVED)


class _Run:
    """One start of the daemon: its events, given to what understands them."""

    def __init__(self, ledger: Ledger, start: Start) -> None:
        self.ledger = ledger
        self.start = start
        self.named: dict[_Span, NamedRequests] = {}
        self.lookups: dict[_NamedSpan, Lookup] = {}
        self.crowds: dict[_NamedSpan, Crowd] = {}

    def handle(self, event: Event) -> None:
        if self.start.handle(event):
            return
        fields, message = event.fields, event.message
        if message == "checking and pushing to":
            if "url" in fields:
                self._named(event).handle(event)
                self._crowd(event).handle(event)
            return
        if "url" in fields or "host" in fields or ("digest" in fields and message != "resolved"):
            self._named(event).handle(event)
            return
        key = (event.trace_id, event.span_id, event.span)
        lookup = self.lookups.get(key)
        if lookup is None:
            reference = reference_of_span(event.span)
            if reference is None:
                self._crowd(event).handle(event)
                return
            lookup = self.lookups[key] = Lookup(self.ledger, reference)
        lookup.handle(event)

    def handle_pair(self, pair: Pair) -> None:
        self.start.note_request(pair.request)
        self.start.note_request(pair.answer)
        self.start.requests_told += pair.layer is not None
        self._named(pair.request).handle_pair(pair)

    def _named(self, event: Event) -> NamedRequests:
        key = (event.trace_id, event.span_id)
        named = self.named.get(key)
        if named is None:
            named = self.named[key] = NamedRequests(self.ledger, self.start.fetched)
        return named

    def _crowd(self, event: Event) -> Crowd:
        key = (event.trace_id, event.span_id, event.span)
        crowd = self.crowds.get(key)
        if crowd is None:
            crowd = self.crowds[key] = Crowd(self.ledger)
        return crowd

    def forget(self, before: int) -> None:
        """Let go of what nothing was heard of since a record."""
        explains = self.start.explains
        for span in [span for span, named in self.named.items() if named.last < before]:
            self.named.pop(span).finish(explains)
        for named in self.named.values():
            named.forget(before, explains)
        for key in [key for key, one in self.lookups.items() if one.last and one.last.record < before]:
            self.lookups.pop(key).finish(explains)
        for key in [key for key, one in self.crowds.items() if one.last and one.last.record < before]:
            self.crowds.pop(key).finish()
        for crowd in self.crowds.values():
            crowd.forget(before)
        self.start.judge_unfinished(self.ledger, before - REACH)

    def finish(self) -> None:
        explains = self.start.explains
        for named in self.named.values():
            named.finish(explains)
        for lookup in self.lookups.values():
            lookup.finish(explains)
        for crowd in self.crowds.values():
            crowd.finish()
        self.start.applied_without_fetch(self.ledger)
