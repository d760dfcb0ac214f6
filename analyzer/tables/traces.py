"""Traces: one row a trace, as a rule a build.

Where no record of a daemon carries a trace ID (v0.10 to v0.15 without an exporter, dockerd), the daemon's run
is one row, named ``daemon-<number>``: its builds cannot be told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.spans import FOLD, KEYS, TIME, TalliedBuilder, fold, fold_rows, in_shape, with_daemons
from analyzer.tables.spool import Rows, Spool

SPEC = TableSpec(
    name="traces",
    row="a trace: as a rule a build, or another call of a client",
    columns=(
        Column("trace_id", pa.string(), "the trace; daemon-<number> where the daemon writes no trace IDs"),
        Column("daemon", pa.int64(), "the start of the daemon (table `daemons`)"),
        Column("source", pa.string(), "the log it stands in"),
        Column("stream", pa.string(), "the wrapper's name for the process, null without a wrapper"),
        Column("first_record", pa.int64(), "its first record"),
        Column("last_record", pa.int64(), "its last record"),
        Column("start", TIME, "the earliest time of its records"),
        Column("end", TIME, "the latest time of its records"),
        Column("records", pa.int64(), "how many records carry it"),
        Column("spans", pa.int64(), "how many spans they name: span IDs, or names where there are none"),
        Column("requests", pa.int64(), "how many of them are requests to a registry (`do request`)"),
        Column("errors", pa.int64(), "how many of them are at level error or worse"),
        Column("title", pa.string(), "what was built: its base images, else its first step"),
    ),
)

_RESOLVING = re.compile(r"^resolving (\S+)$")
_FROM = re.compile(r"^\[[^\]]*\] FROM (\S+)")
_FRONTEND = re.compile(r"^docker\.io/docker/dockerfile(?:-upstream)?[:@]")
_TITLE_IMAGES = 3
_TITLE_LENGTH = 160


class TracesBuilder(TalliedBuilder):
    """Builds `traces` from batches of records."""

    spec: ClassVar[TableSpec] = SPEC

    def finish(self) -> Rows:
        """The table, in the order of the traces' first records."""
        counts = self._tally.rows()
        traces = Spool(SPEC.schema)
        for whole in _whole_traces(counts):
            traces.append(_traces_of(with_daemons(whole, self._daemons)))
        rows = traces.finish()
        if counts.in_memory:
            return rows
        folds = tuple((name, how) for name, how in (*FOLD, ("spans", "sum")))
        keys = ("trace_id", "daemon", "source", "stream", "title")
        ordered = Spool(SPEC.schema)
        for batch in fold_rows(rows, keys, folds, ("first_record", "last_record")).batches():
            ordered.append(batch.select(SPEC.schema.names))
        return ordered.finish()


def _whole_traces(counts: Rows) -> Iterator[pa.Table]:
    """The counts in pieces that hold all of a trace: in one, or sorted by trace where they are many."""
    if counts.in_memory:
        yield counts.table()
        return
    waiting: list[pa.RecordBatch] = []
    for batch in fold_rows(counts, KEYS, FOLD, ("owner", "trace_id", "first_record")).batches():
        owner, trace = batch.column("owner"), pc.fill_null(batch.column("trace_id"), "")
        other = pc.or_(pc.not_equal(owner[1:], owner[:-1]), pc.not_equal(trace[1:], trace[:-1]))
        ends = pc.indices_nonzero(other)
        cut = ends[len(ends) - 1].as_py() + 1 if len(ends) else 0
        if cut:
            yield pa.Table.from_batches([*waiting, batch.slice(0, cut)])
            waiting = []
        waiting.append(batch.slice(cut))
    if waiting:
        yield pa.Table.from_batches(waiting)


def _traces_of(placed: pa.Table) -> pa.Table:
    """The rows of the traces that these counts hold whole."""
    placed = placed.filter(pc.is_valid(placed.column("trace_id"))).sort_by("first_record")
    traces = fold(placed, ("daemon", "source", "stream", "trace_id"))
    names: dict[tuple[int, str], list[str]] = {}
    spans: dict[tuple[int, str], set[str]] = {}
    columns = (placed.column(name).to_pylist() for name in ("daemon", "trace_id", "span_id", "span"))
    for daemon, trace_id, span_id, span in zip(*columns, strict=True):
        key = (daemon, trace_id)
        if span_id or span:
            spans.setdefault(key, set()).add(span_id or span)
        if span:
            names.setdefault(key, []).append(span)
    keys = list(zip(traces.column("daemon").to_pylist(), traces.column("trace_id").to_pylist(), strict=True))
    traces = traces.append_column("spans", pa.array([len(spans.get(key, ())) for key in keys], pa.int64()))
    titles = [title_of(names.get(key, [])) for key in keys]
    traces = traces.append_column("title", pa.array(titles, pa.string()))
    return in_shape(traces, SPEC)


def title_of(spans: list[str]) -> str | None:
    """The best name for what a trace built, from the names of its spans in their order.

    Base images first, without their digest and without the Dockerfile frontend's image; then the first step
    of the Dockerfile; then any name.
    """
    images: dict[str, None] = {}
    for span in spans:
        if match := _RESOLVING.match(span) or _FROM.match(span):
            images.setdefault(match[1].partition("@")[0])
    bases = [image for image in images if not _FRONTEND.match(image)] or list(images)
    if bases:
        more = len(bases) - _TITLE_IMAGES
        return ", ".join(bases[:_TITLE_IMAGES]) + (f" and {more} more" if more > 0 else "")
    steps = [span for span in spans if span.startswith("[") and not span.startswith("[internal]")]
    chosen = next(iter(steps or spans), None)
    return chosen if chosen is None or len(chosen) <= _TITLE_LENGTH else chosen[: _TITLE_LENGTH - 1] + "…"
