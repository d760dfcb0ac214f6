"""Sources as one Parquet dataset: each is read, judged and written by itself, here or on a cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from analyzer.attribution.spantimes import time_spans
from analyzer.checks import findings_table
from analyzer.checks.findings import SPEC as FINDINGS
from analyzer.fleet import (
    Question,
    Task,
    each_result,
    judge_scan,
    reachable,
    scan_task,
    settle_traces,
    unreadable,
)
from analyzer.judging import Verdicts
from analyzer.reading import read_pieces
from analyzer.records.schema import RECORDS
from analyzer.redaction import Redactor
from analyzer.relations import Relations, batches_of
from analyzer.scan import SourceInfo
from analyzer.sources import Source, Unreadable
from analyzer.tables.spool import Rows
from analyzer.tracing import Traces, traces_beside

if TYPE_CHECKING:
    from analyzer.cluster import Progress
    from analyzer.reports.dataset import Part, Stamp

_NO_DAY = "1970-01-01"


@dataclass(frozen=True)
class ExportTask(Task):
    """A source to judge and to write.

    Attributes:
        folder: Where its parts of the dataset go; all machines see it.
        stamp: What all files of the dataset say alike.
        tables: The tables that are wanted; None for all.
    """

    folder: Path = Path()
    stamp: Stamp | None = None
    tables: frozenset[str] | None = None

    def wants(self, table: str) -> bool:
        """Whether a table is wanted."""
        return self.tables is None or table in self.tables


@dataclass(frozen=True)
class Exported:
    """What became of an export of one source."""

    verdicts: Verdicts
    parts: list[Part]
    day: str | None


@dataclass(frozen=True)
class RecordSink:
    """Writes the records of a segment as a part of the dataset."""

    folder: Path
    builder: str
    stamp: Stamp

    def write(self, number: int, batches: Sequence[pa.RecordBatch]) -> list[Part]:
        """Write the records of a segment.

        Raises:
            OutputError: They cannot be written.
        """
        from analyzer.reports.dataset import first_date, write_part
        from analyzer.reports.files import translate_errors

        with translate_errors(self.folder):
            return write_part(
                self.folder,
                "records",
                RECORDS,
                batches,
                builder=self.builder,
                number=number,
                stamp=self.stamp,
                default_date=first_date(batches),
                keep_empty=False,
            )


def export_source(task: ExportTask) -> Exported:
    """Read a source, judge it, and write its parts of a dataset."""
    from analyzer.reports.dataset import write_part

    assert task.stamp is not None
    stamp, builder = task.stamp, task.source.builder
    sink = RecordSink(task.folder, builder, stamp) if task.wants("records") else None
    if task.tables == frozenset({"records"}):
        return _export_records(task, sink)
    scan = scan_task(task, sink)
    parts: list[Part] = [part for written in scan.written for part in written]

    def write(tables: Relations, names: Iterable[str]) -> list[Part]:
        written = []
        for name in filter(task.wants, names):
            rows = tables.rows(name)
            written += write_part(
                task.folder,
                name,
                rows.schema,
                batches_of(rows),
                builder=builder,
                number=0,
                stamp=stamp,
                default_date=scan.day,
                keep_empty=False,
            )
        return written

    # no rule need ask for them, and sorting them takes as long as the rules do
    traces = task.question.traces_of(task.source)

    def spans() -> Rows:
        return scan.spans if traces is None else time_spans(scan.spans, traces.spans.rows)

    apart = Relations({"traces": lambda: scan.traces, "spans": spans})
    scan.settle()
    with ThreadPoolExecutor(1) as beside:
        others = beside.submit(write, apart, list(apart))
        judgement = judge_scan(scan, task.question)
        tables = judgement.tables.with_tables({"findings": findings_table(judgement.verdicts.named())})
        parts += write(tables, [name for name in tables if name not in ("context", "trace_spans", *apart)])
        parts += others.result()
    return Exported(judgement.verdicts, parts, judgement.day)


def _export_records(task: ExportTask, sink: RecordSink | None) -> Exported:
    """Write the records and nothing else, without a look at what they say."""
    parts: list[Part] = []
    records = lines = 0
    redactor = Redactor(enabled=task.question.redact)
    for piece in read_pieces(task.source, redactor, jobs=task.jobs, sink=sink, extracts=False):
        parts += piece.written
        records, lines = records + piece.records, lines + piece.physical
    info = SourceInfo.unjudged(task.source.name, records, lines, task.source.damaged)
    return Exported(Verdicts([], info, records), parts, None)


def export_sources(
    found: Sequence[Source | Unreadable],
    target: str | os.PathLike[str],
    question: Question,
    *,
    tables: Iterable[str] = (),
    jobs: int = 1,
    cluster: str | None = None,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
) -> tuple[dict[str, int], list[Verdicts]]:
    """Judge sources one by one and write their tables, the verdicts too, as one Parquet dataset.

    Args:
        found: The sources.
        target: The folder.
        question: What the sources are asked.
        tables: The tables that are wanted; none means all. Records alone are written without a look at them.
        jobs: Processes that may read one source.
        cluster: The address of a Dask scheduler; None for this machine.
        progress: Told when a source is done.
        warn: Told what a user should know of the cluster.

    Returns:
        Rows written, a table; and the verdicts.

    Raises:
        UsageError: There is no such table.
        OutputError: The dataset cannot be written.
    """
    from analyzer.reports import unknown_name
    from analyzer.reports.dataset import Stamp, write_part
    from analyzer.reports.export import publish

    question = replace(question, sources=len(found))
    sources = [one for one in found if isinstance(one, Source)]
    traces = traces_beside(sources, question.traces, redact=question.redact)
    known = _schemas(question, found, traces)
    wanted = frozenset(tables) or None
    for name in wanted or ():
        if name not in known:
            raise unknown_name("table", name, tuple(sorted(known)))
    stamp = Stamp(question.redact)
    settle_traces(question, cluster)
    jobs = jobs if cluster is None else 1  # Dask's workers may not start processes of their own
    judged: list[Verdicts] = []
    with publish(target, stamp) as publication:
        folder = publication.folder
        made = [
            ExportTask(reachable(one, cluster), question, jobs, folder, stamp, wanted)
            if isinstance(one, Source)
            else one
            for one in found
        ]
        days: list[str] = []
        for one, source in zip(each_result(export_source, made, cluster, progress, warn), found, strict=True):
            if isinstance(one, Exported):
                publication.add(one.parts)
                judged.append(one.verdicts)
                days += [one.day] if one.day else []
            else:
                judged.append(unreadable(*one))
                _remove_parts(folder, source.builder)
        # pandas reads no dataset in which a table has no date at all
        day = min(days, default=_NO_DAY)

        def write(name: str, schema: pa.Schema, rows: Iterable[pa.RecordBatch], builder: str) -> None:
            publication.add(
                write_part(
                    folder, name, schema, rows, builder=builder, number=0, stamp=stamp, default_date=day
                )
            )

        for verdicts, source in zip(judged, found, strict=True):
            if not verdicts.readable:
                table = findings_table(verdicts.results)
                write("findings", table.schema, table.to_batches(), source.builder)
        if traces is not None and "trace_spans" in (wanted or known):
            # some are of all sources, and stand once
            rows = traces.spans.rows
            write("trace_spans", rows.schema, rows.batches(), found[0].builder)
        for name in sorted((wanted or known.keys()) - publication.rows.keys()):
            write(name, known[name], (), found[0].builder)
    return publication.rows, judged


def _schemas(
    question: Question, found: Sequence[Source | Unreadable], traces: Traces | None
) -> dict[str, pa.Schema]:
    """The tables of a dataset, whether they have rows or not."""
    from analyzer.checks.facts import known_specs

    left_out = {"context"}
    if traces is None:
        left_out |= {"trace_spans", "trace_contradictions"}
    looked_at = question.effective is not None or any(
        isinstance(one, Source) and one.surroundings is not None for one in found
    )
    if question.config is None and not looked_at:
        left_out |= {name for name in known_specs() if name.startswith("intended_")}
    if not looked_at:
        left_out |= {"certificate_files", "configuration_differences"}
        left_out |= {name for name in known_specs() if name.startswith("effective_")}
    schemas = {name: spec.schema for name, spec in known_specs().items() if name not in left_out}
    return schemas | {"records": RECORDS, "findings": FINDINGS.schema}


def _remove_parts(folder: Path, builder: str) -> None:
    """What was written of a source before it proved unreadable."""
    from analyzer.reports.dataset import escape_partition

    for path in folder.glob(f"*/date=*/builder={escape_partition(builder)}/*"):
        path.unlink()
