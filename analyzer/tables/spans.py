"""Spans: one row a span that the log names, by trace, span ID and name.

Where no record of a daemon carries a trace ID (v0.10 to v0.15 without an exporter, dockerd), the daemon's run
stands for the trace, as ``daemon-<number>``, and spans go by their name. v0.9 writes lines that name a span
and no trace; they are rows without a trace ID.
"""

from __future__ import annotations

from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.daemons import DaemonsBuilder
from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.selection import LOUD_LEVELS, is_one_of

TIME = pa.timestamp("ns", tz="UTC")

SPEC = TableSpec(
    name="spans",
    row="a trace, span ID and span name that records carry",
    columns=(
        Column("trace_id", pa.string(), "the trace; daemon-<number> where the daemon writes no trace IDs"),
        Column("span_id", pa.string(), "the span's ID, null where the records have none"),
        Column("span", pa.string(), "the span's name, null where the records have none"),
        Column("daemon", pa.int64(), "the start of the daemon (table `daemons`)"),
        Column("source", pa.string(), "the log it stands in"),
        Column("stream", pa.string(), "the wrapper's name for the process, null without a wrapper"),
        Column("first_record", pa.int64(), "its first record"),
        Column("last_record", pa.int64(), "its last record"),
        Column("start", TIME, "the earliest time of its records"),
        Column("end", TIME, "the latest time of its records"),
        Column("records", pa.int64(), "how many records carry it"),
        Column("requests", pa.int64(), "how many of them are requests to a registry (`do request`)"),
        Column("errors", pa.int64(), "how many of them are at level error or worse"),
    ),
)

KEYS = ("owner", "trace_id", "span_id", "span")
_FOLD = (
    ("first_record", "min"),
    ("last_record", "max"),
    ("start", "min"),
    ("end", "max"),
    ("records", "sum"),
    ("requests", "sum"),
    ("errors", "sum"),
)
_FOLD_ABOVE = 1 << 15
"""Rows not yet folded together; below, folding costs more than it saves."""


class SpanTally:
    """Counts records by daemon, trace, span ID and span name; memory grows with these, not with the log."""

    def __init__(self) -> None:
        self._folded: pa.Table | None = None
        self._pending: list[pa.Table] = []
        self._pending_rows = 0

    def add(self, batch: pa.RecordBatch, owner: pa.Array) -> None:
        """Count a batch.

        Args:
            batch: Records.
            owner: The daemon of each, as `DaemonsBuilder.assign` gives it.
        """
        if batch.num_rows == 0:
            return
        requests = is_one_of(batch.column("message"), ("do request",))
        errors = is_one_of(batch.column("level"), LOUD_LEVELS)
        record, time = batch.column("record"), batch.column("time")
        counted = pa.table(
            {
                "owner": owner,
                "trace_id": batch.column("trace_id"),
                "span_id": batch.column("span_id"),
                "span": batch.column("span"),
                "first_record": record,
                "last_record": record,
                "start": time,
                "end": time,
                "records": pc.if_else(pc.is_valid(record), pa.scalar(1, pa.int64()), 0),
                "requests": pc.cast(requests, pa.int64()),
                "errors": pc.cast(errors, pa.int64()),
            }
        )
        self._pending.append(fold(counted, KEYS))
        self._pending_rows += self._pending[-1].num_rows
        if self._pending_rows > max(_FOLD_ABOVE, self._folded.num_rows if self._folded else 0):
            self.table()

    def table(self) -> pa.Table:
        """The counts so far: `KEYS`, first_record, last_record, start, end, records, requests, errors."""
        parts = ([self._folded] if self._folded is not None else []) + self._pending
        if self._pending:
            self._folded = fold(pa.concat_tables(parts), KEYS)
            self._pending, self._pending_rows = [], 0
        return self._folded if self._folded is not None else _EMPTY


def fold(table: pa.Table, keys: tuple[str, ...]) -> pa.Table:
    """Rows of equal keys made one."""
    grouped = table.group_by(list(keys), use_threads=False).aggregate(list(_FOLD))
    names = {f"{name}_{how}": name for name, how in _FOLD}
    return grouped.rename_columns([names.get(name, name) for name in grouped.column_names]).select(
        [*keys, *(name for name, _ in _FOLD)]
    )


_EMPTY = pa.schema(
    [
        ("owner", pa.int64()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("span", pa.string()),
        ("first_record", pa.int64()),
        ("last_record", pa.int64()),
        ("start", TIME),
        ("end", TIME),
        ("records", pa.int64()),
        ("requests", pa.int64()),
        ("errors", pa.int64()),
    ]
).empty_table()


def with_daemons(tally: pa.Table, daemons: DaemonsBuilder) -> pa.Table:
    """Counts with the daemon's number, source and stream, and a trace for daemons that write none.

    Returns:
        The columns of `SpanTally.table` but ``owner``, and ``daemon``, ``source``, ``stream``. Rows that
        belong to no daemon are left out.
    """
    numbers = daemons.numbers()
    described = [daemons.describe(index) for index in range(len(numbers))]
    owner = tally.column("owner")

    def looked_up(values: list[object], kind: pa.DataType) -> pa.ChunkedArray:
        return pa.chunked_array([pa.array(values, type=kind)]).take(owner)

    tracing = looked_up([traced for _, _, traced in described], pa.bool_())
    stand_in = looked_up([f"daemon-{number}" for number in numbers], pa.string())
    placed = tally.drop_columns(["owner"])
    placed = placed.set_column(
        placed.column_names.index("trace_id"),
        "trace_id",
        pc.if_else(tracing, placed.column("trace_id"), stand_in),
    )
    placed = placed.append_column("daemon", looked_up(list(numbers), pa.int64()))
    placed = placed.append_column("source", looked_up([source for source, _, _ in described], pa.string()))
    placed = placed.append_column("stream", looked_up([stream for _, stream, _ in described], pa.string()))
    return placed.filter(pc.is_valid(placed.column("daemon")))


class TalliedBuilder:
    """What the builders of `spans` and `traces` share: counts by daemon, trace and span.

    Args:
        daemons: The builder of the daemons, where something else feeds it. Without one the builder keeps its
            own.
        tally: Counts shared with the other builder, where something else feeds them.
    """

    def __init__(self, daemons: DaemonsBuilder | None = None, tally: SpanTally | None = None) -> None:
        self._daemons = daemons or DaemonsBuilder()
        self._tally = tally or SpanTally()
        self._fed_elsewhere = tally is not None

    def update(self, batch: pa.RecordBatch) -> None:
        """Take a batch of records; nothing to do where the counts are fed elsewhere."""
        if not self._fed_elsewhere:
            self._tally.add(batch, self._daemons.assign(batch))


class SpansBuilder(TalliedBuilder):
    """Builds `spans` from batches of records."""

    spec: ClassVar[TableSpec] = SPEC

    def finish(self) -> pa.Table:
        """The table, in the order of the spans' first records."""
        placed = with_daemons(self._tally.table(), self._daemons)
        named = pc.or_(pc.is_valid(placed.column("span_id")), pc.is_valid(placed.column("span")))
        return in_shape(placed.filter(named), SPEC)


def in_shape(table: pa.Table, spec: TableSpec) -> pa.Table:
    """A table's rows with the columns of a specification, in the order of their first records."""
    ordered = table.sort_by([("first_record", "ascending"), ("last_record", "ascending")])
    return ordered.select(spec.schema.names).cast(spec.schema).combine_chunks()
