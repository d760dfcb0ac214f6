"""Spans: one row a span that the log names, by trace, span ID and name.

Where no record of a daemon carries a trace ID (v0.10 to v0.15 without an exporter, dockerd), the daemon's run
stands for the trace, as ``daemon-<number>``, and spans go by their name. v0.9 writes lines that name a span
and no trace; they are rows without a trace ID.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from datetime import datetime
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.daemons import DaemonsBuilder
from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.selection import LOUD_LEVELS, int64_array, int64s, is_one_of
from analyzer.tables.sorting import fold_spilled
from analyzer.tables.spool import Rows, Spool

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
        Column("start", TIME, "the earliest time of its records; when it began, where a trace tells it"),
        Column("end", TIME, "the latest time of its records; when it ended, where a trace tells it"),
        Column("records", pa.int64(), "how many records carry it"),
        Column("requests", pa.int64(), "how many of them are requests to a registry (`do request`)"),
        Column("errors", pa.int64(), "how many of them are at level error or worse"),
        Column("parent_span_id", pa.string(), "the span it lies in, where an exported trace tells it"),
        Column("duration", pa.int64(), "nanoseconds that it took, where an exported trace tells it"),
        Column("times_from", pa.string(), "log or trace: who tells start and end"),
    ),
)

KEYS = ("owner", "trace_id", "span_id", "span")
FOLD = (
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
_SPILL_ABOVE = 1 << 17
"""Rows kept in memory, where nothing else is said."""

_COUNTED = pa.schema(
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
)


def count_spans(batch: pa.RecordBatch, section: np.ndarray[Any, Any]) -> pa.Table:
    """Count the records of a batch by section, trace, span ID and span name.

    Args:
        batch: Records.
        section: The section of each, as `find_sections` gives it.

    Returns:
        The columns of `SpanTally.rows`; ``owner`` is the section.
    """
    if batch.num_rows == 0:
        return _COUNTED.empty_table()
    requests = is_one_of(batch.column("message"), ("do request",))
    errors = is_one_of(batch.column("level"), LOUD_LEVELS)
    record, time = batch.column("record"), batch.column("time")
    columns = {
        "owner": int64_array(section),
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
    return fold(pa.table(columns), KEYS)


class SpanTally:
    """Counts records by daemon, trace, span ID and span name.

    Memory does not grow with the log: of many spans, those that went quiet wait in a file.

    Args:
        most: Rows kept in memory; beyond, those of spans that went quiet go to a file.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = _SPILL_ABOVE if most is None else most
        self._fold_above = min(_FOLD_ABOVE, self._most // 4)
        self._folded = _COUNTED.empty_table()
        self._pending: list[pa.Table] = []
        self._pending_rows = 0
        self._quiet: Spool | None = None
        self._rows: Rows | None = None
        self.earliest: datetime | None = None
        """The earliest time of a record."""
        self.latest: datetime | None = None
        """The latest time of a record."""

    def __deepcopy__(self, memo: dict[int, Any]) -> SpanTally:
        copied = SpanTally(self._most)
        # tables are replaced and never changed
        copied._folded, copied._pending = self._folded, list(self._pending)
        copied._pending_rows, copied._rows = self._pending_rows, self._rows
        copied._quiet = deepcopy(self._quiet, memo)
        copied.earliest, copied.latest = self.earliest, self.latest
        return copied

    def add(self, batch: pa.RecordBatch, owner: pa.Array) -> None:
        """Count a batch.

        Args:
            batch: Records.
            owner: The daemon of each, as `DaemonsBuilder.assign` gives it.
        """
        self._append(count_spans(batch, int64s(owner)))

    def take(self, counts: pa.Table, owners: Sequence[int]) -> None:
        """Take counts.

        Args:
            counts: Counts by section, as `count_spans` gives them.
            owners: The daemon of each section.
        """
        owner = pa.chunked_array([pa.array(owners, pa.int64())]).take(counts.column("owner"))
        self._append(counts.set_column(0, "owner", owner))

    def rows(self) -> Rows:
        """All counts, a row for each of `KEYS`, in the order of first records; nothing can be taken any more."""
        if self._rows is None:
            self._fold()
            if self._quiet is None:
                self._rows = Rows.of(self._folded.sort_by(ORDER))
            else:
                self._quiet.append(self._folded)
                order = ("first_record", "last_record")
                self._rows = fold_rows(self._quiet.finish(), KEYS, FOLD, order)
            self._folded = _COUNTED.empty_table()
        return self._rows

    def _append(self, counts: pa.Table) -> None:
        start, end = (
            how(counts.column(name)).cast(pa.timestamp("us", "UTC"), safe=False).as_py()
            for how, name in ((pc.min, "start"), (pc.max, "end"))
        )
        if start is not None and (self.earliest is None or start < self.earliest):
            self.earliest = start
        if end is not None and (self.latest is None or end > self.latest):
            self.latest = end
        self._pending.append(counts)
        self._pending_rows += counts.num_rows
        if self._pending_rows > max(self._fold_above, self._folded.num_rows // 2):
            self._fold()
            if self._folded.num_rows > self._most:
                self._spill()

    def _fold(self) -> None:
        if self._pending:
            self._folded = fold(pa.concat_tables([self._folded, *self._pending]), KEYS)
            self._pending, self._pending_rows = [], 0

    def _spill(self) -> None:
        """Move the spans whose last record is longest ago to the file; what comes of them later is added up."""
        last = self._folded.column("last_record")
        quiet = pc.less(last, pc.quantile(last, 0.75)[0])
        self._quiet = self._quiet or Spool(_COUNTED)
        self._quiet.append(self._folded.filter(quiet))
        self._folded = self._folded.filter(pc.invert(quiet))


def fold(table: pa.Table, keys: tuple[str, ...]) -> pa.Table:
    """Rows of equal keys made one."""
    grouped = table.group_by(list(keys), use_threads=False).aggregate(list(FOLD))
    names = {f"{name}_{how}": name for name, how in FOLD}
    return grouped.rename_columns([names.get(name, name) for name in grouped.column_names]).select(
        [*keys, *(name for name, _ in FOLD)]
    )


def fold_rows(
    rows: Rows, keys: Sequence[str], aggregates: Sequence[tuple[str, str]], order: Sequence[str]
) -> Rows:
    """Rows of equal keys made one, sorted, out of core where they are many; columns keep their names."""
    plain = {f"{name}_{how}": name for name, how in aggregates}
    told = {name: f"{name}_{how}" for name, how in aggregates}
    folded = fold_spilled(rows, keys, aggregates, [told.get(name, name) for name in order])
    names = [plain.get(name, name) for name in folded.schema.names]
    schema = pa.schema([field.with_name(name) for field, name in zip(folded.schema, names, strict=True)])
    spool = Spool(schema)
    for batch in folded.batches():
        spool.append(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
    return spool.finish()


def with_daemons(counts: pa.Table, daemons: DaemonsBuilder) -> pa.Table:
    """Counts with the daemon's number, source and stream, and a trace for daemons that write none.

    Returns:
        The columns of `SpanTally.rows` but ``owner``, and ``daemon``, ``source``, ``stream``. Rows that
        belong to no daemon are left out.
    """
    numbers = daemons.numbers()
    described = [daemons.describe(index) for index in range(len(numbers))]
    owner = counts.column("owner")

    def looked_up(values: list[object], kind: pa.DataType) -> pa.ChunkedArray:
        return pa.chunked_array([pa.array(values, type=kind)]).take(owner)

    tracing = looked_up([traced for _, _, traced in described], pa.bool_())
    stand_in = looked_up([f"daemon-{number}" for number in numbers], pa.string())
    placed = counts.drop_columns(["owner"])
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

    def finish(self) -> Rows:
        """The table, in the order of the spans' first records."""
        spans = Spool(SPEC.schema)
        for batch in self._tally.rows().batches():
            placed = with_daemons(pa.Table.from_batches([batch]), self._daemons)
            named = pc.or_(pc.is_valid(placed.column("span_id")), pc.is_valid(placed.column("span")))
            spans.append(in_shape(_of_log(placed.filter(named)), SPEC))
        return spans.finish()


def _of_log(spans: pa.Table) -> pa.Table:
    """Spans as the log alone tells them."""
    nothing = {"parent_span_id": pa.string(), "duration": pa.int64()}
    for name, kind in nothing.items():
        spans = spans.append_column(name, pa.nulls(spans.num_rows, kind))
    return spans.append_column("times_from", pa.repeat(pa.scalar("log"), spans.num_rows))


ORDER = [("first_record", "ascending"), ("last_record", "ascending")]


def in_shape(table: pa.Table, spec: TableSpec) -> pa.Table:
    """A table's rows with the columns of a specification, in the order of their first records."""
    return table.sort_by(ORDER).select(spec.schema.names).cast(spec.schema).combine_chunks()
