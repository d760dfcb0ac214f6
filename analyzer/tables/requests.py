"""Requests: one row an HTTP exchange with a registry, as the log tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.coverage import DaemonLocator
from analyzer.tables.events import Picked, pick_events
from analyzer.tables.exchanges import OBJECT_REACH, Exchange, Gap, Ledger, Window
from analyzer.tables.given import COLUMNS, REACH, Given
from analyzer.tables.runs import Fetches, Run
from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.selection import codes_of, int64_array, int64s, texts
from analyzer.tables.spool import Rows, Spool
from analyzer.tables.starts import OF_REQUESTS, Start

SPEC = TableSpec(
    name="requests",
    row="an HTTP exchange with a registry: the `do request` line and its answer",
    columns=(
        Column(
            "record",
            pa.int64(),
            "the `do request` record; of an answer whose request is lost, the answer's; null of a request that "
            "only an exported trace tells of",
        ),
        Column("response_record", pa.int64(), "the `fetch response received` record, null without an answer"),
        Column("line", pa.int64(), "first physical line of `record`"),
        Column("response_line", pa.int64(), "first physical line of `response_record`"),
        Column("source", pa.string(), "the log it stands in"),
        Column("daemon", pa.int64(), "the start of the daemon (table `daemons`)"),
        Column("time", pa.timestamp("ns", tz="UTC"), "when it was sent"),
        Column("response_time", pa.timestamp("ns", tz="UTC"), "when the log tells of its answer"),
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
        Column("trace_span_id", pa.string(), "its own span in an exported trace (table `trace_spans`)"),
        Column(
            "tls",
            pa.string(),
            "done, error or none: the TLS handshake, as an exported trace tells it; none on a connection used before",
        ),
    ),
)

Numbers = np.ndarray[Any, np.dtype[np.int64]]

_SCHEMA = SPEC.schema

OF_TRACES = (
    *(column for column in SPEC.columns if column.name in ("trace_span_id", "tls")),
    Column("place", pa.int64(), "its place in the order of records; its record, where it has one"),
)
"""What only exported traces tell, of requests that were joined with them."""

_ADDED = ("daemon", "attempt", *(column.name for column in OF_TRACES))
_INTERNAL = (
    Column("stream", pa.string(), "the wrapper's name for where the line came from"),
    Column("epoch", pa.int64(), "the start that the requests were seen in"),
    Column("mirror", pa.bool_(), "the URL names another registry than its host"),
    Column("doubtful", pa.bool_(), "its place hangs on an earlier request that got no answer"),
    Column("last", pa.bool_(), "its refusal is logged as the last host's"),
)
OBSERVED = pa.schema(
    [
        *(field for field in SPEC.schema if field.name not in _ADDED),
        *(pa.field(column.name, column.type) for column in _INTERNAL),
    ]
)
"""Requests as the log tells them: the table without what other layers add, and what those need for it."""

_TOGETHER = 1 << 12
"""Exchanges made columns at once."""

_Stream = tuple[str, str | None]


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


def place_of(batch: pa.RecordBatch) -> pa.Array:
    """The place of each request in the order of records."""
    return batch.column("place" if "place" in batch.schema.names else "record")


class RequestTable:
    """Makes the table of observed requests, batch by batch: each gets its daemon and its attempt.

    Args:
        locator: Tells the daemon of a record.
    """

    def __init__(self, locator: DaemonLocator) -> None:
        self._locator = locator
        self._attempts: dict[int, tuple[int, object, int]] = {}

    def add(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The rows of the table for these requests, which follow those before them in the order of records."""
        columns = {name: batch.column(name) for name in batch.schema.names}
        for one in OF_TRACES:
            if one.name not in columns:
                columns[one.name] = pa.nulls(batch.num_rows, one.type)
        place = batch.schema.get_field_index("record")
        ordered = batch.set_column(place, "record", place_of(batch))
        columns["daemon"] = self._locator.daemons_of(ordered)
        columns["attempt"] = int64_array(self._count(ordered))
        return pa.RecordBatch.from_arrays([columns[name] for name in _SCHEMA.names], schema=_SCHEMA)

    def _count(self, batch: pa.RecordBatch) -> Numbers:
        """The attempt of each request: it goes up where another host is asked for the same object."""
        count = batch.num_rows
        if not count:
            return np.zeros(0, np.int64)
        object_, record = (int64s(pc.fill_null(batch.column(name), -1)) for name in ("object", "record"))
        order = np.argsort(object_, kind="stable")
        first = np.concatenate(([True], object_[order][1:] != object_[order][:-1]))
        other = first.copy()
        for name in ("host", "position"):
            codes, _ = codes_of(batch.column(name))
            other[1:] |= codes[order][1:] != codes[order][:-1]
        total = np.cumsum(other)
        starts = np.flatnonzero(first)
        ends = np.concatenate((starts[1:], [count])) - 1
        attempt = total - np.repeat(total[starts] - 1, ends - starts + 1)
        hosts, positions = texts(batch.column("host")), batch.column("position").to_pylist()
        objects = object_[order][starts].tolist()
        known = self._attempts
        for number, one in enumerate(objects):
            if one in known:
                before, here, _ = known[one]
                row = int(order[starts[number]])
                again = here == (hosts[row], positions[row])
                attempt[starts[number] : ends[number] + 1] += before - again
        for one, end in zip(objects, ends.tolist(), strict=True):
            row = int(order[end])
            known[one] = int(attempt[end]), (hosts[row], positions[row]), int(record[row])
        oldest = int(record[-1]) - OBJECT_REACH
        self._attempts = {key: value for key, value in known.items() if value[2] >= oldest}
        found = np.empty(count, np.int64)
        found[order] = attempt
        return found


class RequestsBuilder:
    """Builds the requests of one or more logs from events, in memory that does not grow with the log."""

    spec: ClassVar[TableSpec] = SPEC

    def __init__(self) -> None:
        self.starts: list[Start] = []
        self._window = Window()
        self._running: dict[_Stream, Run] = {}
        self._ledgers: list[Ledger] = []
        self._settled: list[Exchange | Given] = []
        self._spool = Spool(OBSERVED)
        self._sweep_at = REACH

    @property
    def gaps(self) -> Sequence[Gap]:
        """What is seen to be missing so far, whatever may still follow."""
        return self._window.gaps

    @property
    def running(self) -> dict[str | None, int]:
        """The first event of the start that is running now, by stream."""
        return {stream: run.start.first_record for (_, stream), run in self._running.items()}

    def update(self, batch: pa.RecordBatch) -> None:
        """Take a batch of records."""
        self.take(pick_events(batch))

    def take(self, picked: Picked) -> None:
        """Take the events of a batch, which follow those of the batches before."""
        run, source, stream = None, None, None
        routine = picked.routine
        if routine is not None:
            source, stream = routine.source, routine.stream
            run = self._running.get((source, stream)) or self._start(source, stream, routine.first)
        fetches = Fetches(run.start, routine) if run and routine else None
        for event in picked:
            while event.record >= self._sweep_at:
                self._sweep()
            if run is None or event.source != source or event.stream != stream:
                source, stream = event.source, event.stream
                run = self._running.get((source, stream)) or self._start(source, stream, event.record)
            if isinstance(event, Given):
                if run.handle_given(event):
                    continue
                for part in picked.events_of(event):
                    run.handle(part)
                continue
            if event.message not in OF_REQUESTS:
                if run.start.ends_before(event):
                    run = self._start(source, stream, event.record)
            elif fetches is not None:
                fetches.take_until(event.record)
            run.handle(event)
        if run and routine and fetches:
            fetches.take_until(None)
            run.start.take_routine(routine, picked.parts.event)
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

    def _start(self, source: str, stream: str | None, record: int) -> Run:
        key = (source, stream)
        if key in self._running:
            self._running[key].finish()
        start = Start(len(self.starts), source, stream, record)
        ledger = Ledger(self._window, start.number)
        self.starts.append(start)
        self._ledgers.append(ledger)
        self._running[key] = Run(ledger, start)
        return self._running[key]

    def _sweep(self) -> None:
        """Let go of what nothing was heard of for long. When this is done hangs on the records alone."""
        for run in self._running.values():
            run.forget(self._sweep_at - REACH)
        self._sweep_at += REACH

    def _release(self, *, everything: bool = False) -> None:
        """Turn exchanges that are settled into rows."""
        for exchange in self._window.release():
            self.starts[exchange.epoch].note(exchange)
            self._settled.append(exchange)
            if len(self._settled) >= 2 * _TOGETHER:
                self._spool.append(_observed(self._settled))
                self._settled = []
        if len(self._settled) >= _TOGETHER or everything:
            self._spool.append(_observed(self._settled))
            self._settled = []


def _observed(settled: Sequence[Exchange | Given]) -> pa.Table:
    """Exchanges as columns, in the order of their records."""
    exchanges = [
        one if isinstance(one, Exchange) else _failed(one)
        for one in settled
        if isinstance(one, Exchange) or one.failures
    ]
    tables = [pa.Table.from_batches([_made(exchanges)])]
    given: dict[int, list[Given]] = {}
    for one in settled:
        if isinstance(one, Given) and not one.failures:
            given.setdefault(id(one.columns), []).append(one)
    alike: dict[pa.Schema, list[Given]] = {}
    for some in given.values():
        assert some[0].columns is not None
        alike.setdefault(some[0].columns.schema, []).extend(some)
    tables += [pa.Table.from_batches([_completed(some)]) for some in alike.values()]
    return pa.concat_tables(tables).sort_by("record").combine_chunks()


def _made(exchanges: Sequence[Exchange]) -> pa.RecordBatch:
    columns = [pa.array(list(map(attrgetter(one.name), exchanges)), one.type) for one in OBSERVED]
    return pa.RecordBatch.from_arrays(columns, schema=OBSERVED)


def _failed(given: Given) -> Exchange:
    """A given request of which a failure was told later."""
    assert given.columns is not None
    [row] = given.columns.slice(given.row, 1).to_pylist()
    known = {name: row[name] for name in COLUMNS if name not in ("host_evidence", "role")}
    found = {name: getattr(given, name) for name in _COUNTED}
    exchange = Exchange(**known, **found, accept=row["accept"], pairing="exact", closed=True)
    for event in given.failures:
        exchange.fail(event)
    return exchange


_COUNTED = ("object", "position", "doubtful", "epoch")


def _completed(given: Sequence[Given]) -> pa.RecordBatch:
    """Given requests of one shape: what was known of them, and what was found out."""
    batches = {id(one.columns): one.columns for one in given}
    starts, rows = {}, 0
    for key, batch in batches.items():
        assert batch is not None
        starts[key], rows = rows, rows + batch.num_rows
    whole = pa.Table.from_batches(list(batches.values()))
    # a log that came in many small pieces has as many batches
    [known] = whole.unify_dictionaries().combine_chunks().to_batches()
    known = known.take(pa.array([starts[id(one.columns)] + one.row for one in given], pa.int64()))
    columns = {name: known.column(name) for name in known.schema.names}
    for name in _COUNTED:
        columns[name] = pa.array(list(map(attrgetter(name), given)), OBSERVED.field(name).type)
    constants = {"action": "pull", "pairing": "exact", "last": False}
    for one in OBSERVED:
        if one.name not in columns:
            value = pa.scalar(constants.get(one.name), one.type)
            columns[one.name] = pa.repeat(value, len(given))
    return pa.RecordBatch.from_arrays(
        [_plain(columns[one.name]).cast(one.type) for one in OBSERVED], schema=OBSERVED
    )


def _plain(column: pa.Array) -> pa.Array:
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column
