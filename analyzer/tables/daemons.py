"""Daemons: one row a start of the daemon, with what its lines tell of the program.

A daemon covers the records of its source and stream from its first to its last; several streams may lie
interleaved in one source. A log names no version at its start. What tells it: the head of a stack that the
daemon prints (``51 v0.17.3 /usr/bin/buildkitd --config ...``, from v0.10 on, at debug level); the user-agent
``buildkit/v0.17`` of its requests (from v0.10 on, the series only); for v0.9, which sends containerd's name,
containerd's version, or that the worker's labels lack a network (label since v0.10.0); for dockerd its own
``Docker daemon`` line, which is Docker's version. ``log.level``, which a warning names, exists from v0.30 on.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.lifetimes import (
    AGENTS_READ,
    AT_WORK,
    Lifetime,
    ends_with_words,
    learn,
    opening_line,
    series_of_agent,
)
from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.selection import by_stream, int64_array, int64s, is_one_of, rows_of

SPEC = TableSpec(
    name="daemons",
    row="a start of the daemon, or the rest of one whose start the log lacks",
    columns=(
        Column("daemon", pa.int64(), "its number, from 0, in the order of the records"),
        Column("source", pa.string(), "the log it stands in"),
        Column("stream", pa.string(), "the wrapper's name for the process, null without a wrapper"),
        Column("first_record", pa.int64(), "its first record"),
        Column("last_record", pa.int64(), "its last record"),
        Column("records", pa.int64(), "how many records are its own"),
        Column("startup", pa.bool_(), "its start-up lines are there"),
        Column("running", pa.bool_(), "it came to serve (`running server on`)"),
        Column("program", pa.string(), "buildkitd or dockerd"),
        Column(
            "version",
            pa.string(),
            "v0.17.3, or only the series (v0.17), or dockerd's version; null if unknown",
        ),
        Column("version_evidence", pa.string(), "proof, inference or none"),
        Column("version_from", pa.string(), "what the version is known by"),
        Column(
            "version_at_least", pa.string(), "the oldest series that writes lines as these, such as v0.30"
        ),
        Column("command_line", pa.string(), "the daemon's command line, where a stack shows it"),
        Column("network_default_warned", pa.bool_(), "it warned that it uses the host's network by default"),
        Column("startup_failure", pa.string(), "why it did not start"),
        Column("clean_exit", pa.bool_(), "it stopped because it was told to"),
        Column("end_seen", pa.bool_(), "its end is in the log, clean or not"),
        Column("rootless", pa.bool_(), "it runs without root"),
        Column("tracing", pa.bool_(), "its records carry trace IDs"),
        Column("debug", pa.bool_(), "records at debug or trace level are there"),
    ),
    notes="Start-up lines are those of v0.9.3 to v0.32.2; a log that starts later has startup = false.",
)

# The interesting non-debug messages, for RE2: a superset of what `_Stream` looks at.
_EVENTS = (
    r"^(auto snapshotter|using |'debug' configuration|'trace' configuration|found |CDI setup error|TLS is "
    r"|skipping |git source cannot|currently, only|running server on|stopping server|Starting up$"
    r"|Docker daemon$|API listen on|Daemon shutdown complete|Processing signal |running in rootless mode)"
)


class DaemonsBuilder:
    """Builds `daemons` from batches of records, and tells which daemon a record belongs to."""

    spec: ClassVar[TableSpec] = SPEC

    def __init__(self) -> None:
        self._daemons: list[Lifetime] = []
        self._current: dict[tuple[str, str | None], int] = {}

    def update(self, batch: pa.RecordBatch) -> None:
        """Take a batch of records, in the order of the input."""
        self.assign(batch)

    def assign(self, batch: pa.RecordBatch) -> pa.Array:
        """Take a batch, and say to which daemon each of its records belongs.

        Call this or `update`, once a batch.

        Returns:
            An int64 a record: a provisional number, that `numbers` turns into the table's.
        """
        owner = np.empty(batch.num_rows, dtype=np.int64)
        if batch.num_rows:
            events = self._events(batch)
            records = int64s(batch.column("record"))
            for key, rows in by_stream(batch):
                self._take(key, rows, events, batch, records, owner)
        return int64_array(owner)

    def numbers(self) -> list[int | None]:
        """The table's number of each provisional number; null of what proved to be no daemon."""
        order = sorted(
            (index for index, one in enumerate(self._daemons) if one.is_daemon),
            key=lambda index: self._daemons[index].first,
        )
        final: list[int | None] = [None] * len(self._daemons)
        for number, index in enumerate(order):
            final[index] = number
        return final

    def finish(self) -> pa.Table:
        """The table, in the order of the daemons' first records."""
        numbered = zip(self.numbers(), self._daemons, strict=True)
        known = sorted((number, one) for number, one in numbered if number is not None)  # numbers are unique
        return SPEC.build(_row(number, one) for number, one in known)

    def describe(self, provisional: int) -> tuple[str, str | None, bool]:
        """Source, stream and whether trace IDs were seen, of a provisional number."""
        one = self._daemons[provisional]
        return one.source, one.stream, one.tracing

    def _events(self, batch: pa.RecordBatch) -> dict[int, dict[str, Any]]:
        """The rows that may change a daemon's phase, by their position in the batch."""
        message = batch.column("message")
        quiet = is_one_of(batch.column("level"), ("debug", "trace"))
        # Debug lines are most of a log and none of them ends or starts anything; one tells of rootless mode.
        loud = pc.or_(pc.invert(quiet), is_one_of(message, ("running in rootless mode",)))
        named = pc.fill_null(
            pc.match_substring_regex(pc.if_else(loud, message, pa.scalar(None, pa.string())), _EVENTS), False
        )
        fatal = is_one_of(batch.column("level"), ("fatal", "panic"))
        raw = pc.and_(is_one_of(batch.column("form"), ("stack", "other")), pc.is_valid(batch.column("text")))
        mask = pc.or_(pc.or_(named, fatal), raw)
        places = pc.indices_nonzero(mask).to_pylist()
        rows = rows_of(batch, mask, ["message", "level", "form", "text", "fields"])
        return dict(zip(places, rows, strict=True))

    def _take(
        self,
        key: tuple[str, str | None],
        rows: np.ndarray[Any, Any],
        events: dict[int, dict[str, Any]],
        batch: pa.RecordBatch,
        records: np.ndarray[Any, Any],
        owner: np.ndarray[Any, Any],
    ) -> None:
        """Take the rows of one stream, cut where a new daemon starts."""
        begin = 0
        inside = np.flatnonzero(np.isin(rows, list(events))).tolist() if events else []
        for place in inside:
            event = events[int(rows[place])]
            opening = opening_line(event)
            if opening:
                # Whether a new daemon starts depends on what the rows before it were: give them first.
                self._give(key, rows[begin:place], batch, records, owner)
                begin = place
                index = self._current.get(key)
                if index is None or self._daemons[index].ended_before(opening):
                    self._open(key, int(records[rows[place]]))
            elif key not in self._current:
                self._open(key, int(records[rows[begin]]))
            if ends_with_words(event):
                # What follows the last words shows whether they were the last.
                self._give(key, rows[begin : place + 1], batch, records, owner)
                begin = place + 1
            learn(self._daemons[self._current[key]], event, opening)
        self._give(key, rows[begin:], batch, records, owner)

    def _open(self, key: tuple[str, str | None], record: int) -> None:
        self._daemons.append(Lifetime(key[0], key[1], record, record))
        self._current[key] = len(self._daemons) - 1

    def _give(
        self,
        key: tuple[str, str | None],
        rows: np.ndarray[Any, Any],
        batch: pa.RecordBatch,
        records: np.ndarray[Any, Any],
        owner: np.ndarray[Any, Any],
    ) -> None:
        """Give rows of the batch to the stream's daemon, and learn from them what needs no order."""
        if len(rows) == 0:
            return
        if key not in self._current:
            self._open(key, int(records[rows[0]]))
        index = self._current[key]
        one = self._daemons[index]
        owner[rows] = index
        one.last = int(records[rows[-1]])
        one.records += len(rows)
        whole = len(rows) == int(rows[-1]) - int(rows[0]) + 1
        part = batch.slice(int(rows[0]), len(rows)) if whole else batch.take(int64_array(rows))
        one.tracing = one.tracing or part.column("trace_id").null_count < part.num_rows
        level = part.column("level")
        one.levelled = one.levelled or level.null_count < part.num_rows
        one.debug = one.debug or bool(pc.any(is_one_of(level, ("debug", "trace"))).as_py())
        if pc.any(is_one_of(part.column("message"), AT_WORK)).as_py():
            one.work()
        if one.agents_read < AGENTS_READ:
            self._read_agents(one, part)

    def _read_agents(self, one: Lifetime, part: pa.RecordBatch) -> None:
        requests = pc.indices_nonzero(is_one_of(part.column("message"), ("do request",)))
        requests = requests.slice(0, AGENTS_READ - one.agents_read)
        for pairs in part.column("fields").take(requests).to_pylist():
            agent = dict(pairs or ()).get("request.header.user-agent") or ""
            one.agents_read += 1
            if series := series_of_agent(agent):
                one.agents[series] += 1


def _row(number: int, one: Lifetime) -> dict[str, Any]:
    version, evidence, known_by = one.version()
    return {
        "daemon": number,
        "source": one.source,
        "stream": one.stream,
        "first_record": one.first,
        "last_record": one.last,
        "records": one.records,
        "startup": one.startup,
        "running": one.ran,
        "program": one.program,
        "version": version,
        "version_evidence": evidence,
        "version_from": known_by,
        "version_at_least": one.at_least,
        "command_line": one.command_line(),
        "network_default_warned": one.network_default_warned,
        "startup_failure": one.startup_failure,
        "clean_exit": one.clean_exit,
        "end_seen": one.end_seen,
        "rootless": one.rootless,
        "tracing": one.tracing,
        "debug": one.debug,
    }
