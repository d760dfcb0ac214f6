"""Traces: one row a trace, as a rule a build.

Where no record of a daemon carries a trace ID (v0.10 to v0.15 without an exporter, dockerd), the daemon's run
is one row, named ``daemon-<number>``: its builds cannot be told apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.selection import codes_of, int64_array, matches, truths
from analyzer.tables.spans import FOLD, KEYS, TIME, TalliedBuilder, fold, fold_rows, in_shape, with_daemons
from analyzer.tables.spool import Rows, Spool

Numbers = np.ndarray[Any, np.dtype[np.int64]]

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

_IMAGE = r"^(resolving \S+$|\[[^\]]*\] FROM \S)"
"""What `title_of` finds images in, for RE2."""
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
    placed = placed.filter(pc.is_valid(placed.column("trace_id"))).sort_by("first_record").combine_chunks()
    traces = fold(placed, KEYS_OF_TRACE)
    number = _numbers_of(placed, traces)
    traces = traces.append_column("spans", _count_spans(placed, number, traces.num_rows))
    traces = traces.append_column("title", _titles(placed.column("span"), number, traces.num_rows))
    return in_shape(traces, SPEC)


KEYS_OF_TRACE = ("daemon", "source", "stream", "trace_id")


def _numbers_of(placed: pa.Table, traces: pa.Table) -> Numbers:
    """For each count the row of its trace. A daemon has one source and stream."""
    both = [
        pa.concat_arrays([one for part in (traces, placed) for one in part.column(name).chunks])
        for name in ("daemon", "trace_id")
    ]
    (daemon, _), (trace, names) = (codes_of(one) for one in both)
    joined = daemon * (len(names) + 1) + trace
    known = joined[: traces.num_rows]
    order = np.argsort(known)
    found: Numbers = order[np.searchsorted(known[order], joined[traces.num_rows :])]
    return found


def _count_spans(placed: pa.Table, number: Numbers, traces: int) -> pa.Array:
    """How many spans each trace names: span IDs, or names where there are none."""
    name = pc.coalesce(_filled(placed.column("span_id")), _filled(placed.column("span")))
    codes, names = codes_of(name.combine_chunks() if isinstance(name, pa.ChunkedArray) else name)
    there = codes < len(names)
    pairs = np.unique(number[there] * len(names) + codes[there])
    return int64_array(np.bincount(pairs // max(len(names), 1), minlength=traces))


def _filled(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Texts, null for empty ones."""
    return pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)


def _titles(span: pa.ChunkedArray, number: Numbers, traces: int) -> pa.Array:
    """The title of each trace. Only spans that can be one become Python's."""
    span = _filled(span)
    images = matches(_one(span), _IMAGE)
    step = pc.and_(pc.starts_with(span, "["), pc.invert(pc.starts_with(span, "[internal]")))
    chosen = np.zeros(len(number), np.bool_)
    chosen[np.flatnonzero(truths(images))] = True
    for mask in (step, pc.is_valid(span)):
        rows = np.flatnonzero(truths(_one(mask)))
        _, first = np.unique(number[rows], return_index=True)
        chosen[rows[first]] = True
    rows = np.flatnonzero(chosen)
    names: dict[int, list[str]] = {}
    for trace, name in zip(number[rows].tolist(), span.take(int64_array(rows)).to_pylist(), strict=True):
        names.setdefault(trace, []).append(name)
    return pa.array([title_of(names.get(trace, [])) for trace in range(traces)], pa.string())


def _one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


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
