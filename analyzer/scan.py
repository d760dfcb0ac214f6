"""One pass over the records of all sources, folded into what every later question needs.

Records themselves are not kept: whatever the size of a log, what stays is its small tables, its requests and an
index of lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from analyzer.lineindex import LineIndex
from analyzer.records import read_batches
from analyzer.redaction import Redactor
from analyzer.sources import Source
from analyzer.tables.coverage import CoverageBuilder, DaemonLocator
from analyzer.tables.daemons import DaemonsBuilder
from analyzer.tables.exchanges import Exchange, Gap
from analyzer.tables.networks import NetworksBuilder
from analyzer.tables.problems import ProblemsBuilder
from analyzer.tables.requests import RequestsBuilder
from analyzer.tables.spans import SpansBuilder, SpanTally
from analyzer.tables.traces import TracesBuilder
from analyzer.tables.workers import WorkersBuilder


@dataclass(frozen=True)
class SourceInfo:
    """A source that was read.

    Attributes:
        name: The path, or ``<stdin>``.
        records: Records in it.
        lines: Physical lines in it.
        buildkit_version: The version of the daemon that wrote it, of the last start where several are known.
        coverage: startup, debug, trace_ids, complete, excerpt, lines_not_understood, gaps: the worst of all starts.
        damaged: What was wrong with its stored bytes, None if nothing was.
        program: ``dockerd`` with Docker's version, where BuildKit is embedded in it; else None.
    """

    name: str
    records: int
    lines: int
    buildkit_version: str | None
    coverage: dict[str, Any]
    damaged: str | None = None
    program: str | None = None


@dataclass
class Scan:
    """What one pass left.

    Attributes:
        tables: daemons, traces, spans, workers, networks, problems.
        exchanges: The requests, hosts only where the log names them.
        infos: The sources.
        lines: Record to source and line.
    """

    tables: dict[str, pa.Table]
    exchanges: list[Exchange]
    infos: list[SourceInfo]
    lines: LineIndex
    _coverage: CoverageBuilder
    _daemons: DaemonsBuilder
    _gaps: list[Gap]
    _starts: list[Any]
    _redactions: dict[str, int]

    @property
    def version(self) -> str | None:
        """BuildKit's version, of the last start for which it is known; None where nothing tells it."""
        rows = self.tables["daemons"].select(["program", "version"]).to_pylist()
        known = [row["version"] for row in rows if row["version"] and row["program"] != "dockerd"]
        return known[-1] if known else None

    @property
    def cut(self) -> bool:
        """Lines are seen to be missing, be it only the rest of a build that still runs."""
        return bool(self._gaps)

    def daemons_of(self, exchanges: Sequence[Exchange]) -> list[int | None]:
        """The daemon of each request."""
        locator = DaemonLocator(self.tables["daemons"])
        return [locator.daemon_of(one.source, one.stream, one.record) for one in exchanges]

    def coverage(self, gaps: Iterable[Gap]) -> pa.Table:
        """The table ``coverage``, with gaps that attribution found beside those of the log."""
        numbers = self._daemons.numbers()
        return self._coverage.finish(
            numbers,
            {index: self._daemons.describe(index) for index in range(len(numbers))},
            self.tables["daemons"],
            self._starts,
            [*self._gaps, *gaps],
            self._redactions,
        )


def read_records(sources: Sequence[Source], *, redact: bool) -> Iterator[pa.RecordBatch]:
    """The records of all sources, batch by batch, redacted on request."""
    redactor = Redactor(enabled=redact)
    following = 0
    for source in sources:
        for batch in _read_source(source, redactor, following):
            following += batch.num_rows
            yield batch


def _read_source(source: Source, redactor: Redactor, first: int) -> Iterator[pa.RecordBatch]:
    """The records of one source, numbered from `first`, redacted."""
    with source.open() as stream:
        for batch in read_batches(stream, source.name, first_record=first):
            yield redactor.batch(batch)


def scan_sources(sources: Sequence[Source], *, redact: bool = True) -> Scan:
    """Read all sources once.

    Raises:
        SourceError: A source cannot be read.
    """
    redactor = Redactor(enabled=redact)
    daemons, coverage, requests = DaemonsBuilder(), CoverageBuilder(), RequestsBuilder()
    tally = SpanTally()
    others = (
        TracesBuilder(daemons, tally),
        SpansBuilder(daemons, tally),
        WorkersBuilder(),
        NetworksBuilder(),
        ProblemsBuilder(),
    )
    lines = LineIndex()
    counted: list[tuple[Source, int, int]] = []
    redactions: dict[str, int] = {}
    torn: list[Gap] = []
    following = 0
    for source in sources:
        first, physical, before = following, 0, redactor.counts.total()
        batch: pa.RecordBatch | None = None
        for batch in _read_source(source, redactor, following):
            following += batch.num_rows
            physical = batch.column("line")[-1].as_py() + batch.column("lines")[-1].as_py() - 1
            lines.update(batch, source.name)
            owners = daemons.assign(batch)
            coverage.update(batch, owners)
            tally.add(batch, owners)
            requests.update(batch)
            for builder in others:
                builder.update(batch)
        counted.append((source, following - first, physical))
        if source.damaged and batch is not None:
            last = batch.slice(batch.num_rows - 1).to_pylist()[0]
            reason = f"the file is damaged: {source.damaged}"
            torn.append(Gap(reason, last["record"], last["line"], source.name, last["stream"]))
        redactions[source.name] = redactor.counts.total() - before
    told = requests.finish()
    tables = {builder.spec.name: builder.finish() for builder in (daemons, *others)}
    scan = Scan(
        tables, told.exchanges, [], lines, coverage, daemons, [*told.gaps, *torn], told.starts, redactions
    )
    versions = _versions(tables["daemons"], "buildkitd")
    dockers = {
        name: f"dockerd {version}" for name, version in _versions(tables["daemons"], "dockerd").items()
    }
    told_of = coverage_by_source(scan.coverage(()))
    scan.infos = [
        SourceInfo(
            source.name,
            records,
            physical,
            versions.get(source.name),
            told_of.get(source.name) or _summarise([]),
            source.damaged,
            dockers.get(source.name),
        )
        for source, records, physical in counted
    ]
    return scan


def _versions(daemons: pa.Table, program: str) -> dict[str, str]:
    """The version of a program in each source that it wrote, of the last start that tells it."""
    rows = daemons.select(["source", "version", "program"]).to_pylist()
    return {row["source"]: row["version"] for row in rows if row["version"] and row["program"] == program}


def coverage_by_source(coverage: pa.Table) -> dict[str, dict[str, Any]]:
    """The coverage of each source, as `SourceInfo` holds it."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for row in coverage.to_pylist():
        rows.setdefault(row["source"], []).append(row)
    return {source: _summarise(found) for source, found in rows.items()}


def _summarise(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The coverage of a source out of that of its starts: the worst of each."""
    told = [row for row in rows if row["daemon"] is not None]
    worst: dict[str, Any] = {
        name: bool(told) and all(row[name] for row in told)
        for name in ("startup", "debug", "trace_ids", "complete", "excerpt")
    }
    worst["lines_not_understood"] = sum(row["lines_not_understood"] for row in rows)
    worst["redactions"] = max((row["redactions"] for row in rows), default=0)
    worst["gaps"] = [gap for row in rows for gap in row["gaps"]]
    return worst
