"""The program as a library: read a log, attribute its requests, check it.

``analyzer`` itself offers these names; see there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, Literal, TypedDict

import pyarrow as pa

from analyzer.checks import Rule, load_rules
from analyzer.conclusion import Report as Report
from analyzer.conclusion import conclude_report
from analyzer.errors import UsageError
from analyzer.intent import Config, load_config, parse_config
from analyzer.judging import judge, observed_tables, see
from analyzer.limits import LIMITS
from analyzer.looking import look_around, missing_builds, read_effective
from analyzer.project import Project as Project
from analyzer.project import load_project as load_project
from analyzer.redaction import Redactor
from analyzer.relations import Relations, join_relations
from analyzer.scan import Scan, SourceInfo, read_records, scan_source
from analyzer.sources import Source, open_sources
from analyzer.tables.spool import Rows, Spool
from analyzer.tracing import Traces as Traces
from analyzer.tracing import load_traces as load_traces
from analyzer.tracing import traces_beside, traces_of

if TYPE_CHECKING:
    import pandas as pd

    from analyzer.sources.surroundings import Surroundings
    from analyzer.tables.trace_spans import TraceSpans

Spec = str | os.PathLike[str] | BinaryIO


class _Beside(TypedDict):
    traces: TraceSpans | None
    sole: bool


class Log:
    """One or more logs, read together; each stands for itself, and their numbers run on.

    Args:
        sources: The logs.
        redact: Replace secrets by marks.
        jobs: Processes that may read a large log.

    Raises:
        SourceError: A log cannot be read.
    """

    def __init__(self, sources: Sequence[Source], *, redact: bool = True, jobs: int = 1) -> None:
        self._opened = list(sources)
        self._redact = redact
        self.scans: list[Scan] = []
        """What one pass over each source left, for later layers."""
        following = 0
        for source in self._opened:
            scan = scan_source(source, Redactor(enabled=redact), first_record=following, jobs=jobs)
            following += scan.records
            self.scans.append(scan)

    @property
    def redact(self) -> bool:
        """Secrets are replaced by marks."""
        return self._redact

    @property
    def notes(self) -> list[str]:
        """What was looked for beside the logs and is not there; nothing that they say hangs on it."""
        return missing_builds(self._opened)

    @property
    def sources(self) -> tuple[SourceInfo, ...]:
        """What was read, in order."""
        return tuple(scan.info(scan.coverage()) for scan in self.scans)

    @property
    def table_names(self) -> tuple[str, ...]:
        """The tables that this log has by itself."""
        return ("records", *self.tables)

    @cached_property
    def tables(self) -> Relations:
        """Every table but ``records``; a request has a host where the log itself names it."""
        return join_relations([observed_tables(scan) for scan in self.scans])

    def table(self, name: str) -> pa.Table:
        """A table of what the log says.

        Args:
            name: One of `table_names`.

        Raises:
            UsageError: There is no such table.
        """
        if name == "records":
            from analyzer.records.schema import RECORDS

            return pa.Table.from_batches(self.batches(), schema=RECORDS).unify_dictionaries()
        if name not in self.tables:
            known = ", ".join(self.table_names)
            raise UsageError(f"there is no table {name!r}", hint=f"tables: {known}")
        return self.tables[name]

    def __getattr__(self, name: str) -> pa.Table:
        if not name.startswith("_") and name in self.table_names:
            return self.table(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The records once more, batch by batch, redacted unless `read` was told not to."""
        yield from read_records(self._opened, redact=self._redact)

    def record_rows(self) -> Rows:
        """The records as rows that may wait in a file."""
        from analyzer.records.schema import RECORDS

        spool = Spool(RECORDS)
        for batch in self.batches():
            spool.append(batch)
        return spool.finish()

    def to_pandas(self, name: str) -> pd.DataFrame:
        """A table as an Arrow-backed pandas frame."""
        import pandas as pd

        frame: pd.DataFrame = self.table(name).to_pandas(types_mapper=pd.ArrowDtype)
        return frame

    def groupby(self, by: Literal["trace", "span"]) -> Any:
        """The records as a pandas groupby, by trace or by (trace, span id, span)."""
        keys = {"trace": "trace_id", "span": ["trace_id", "span_id", "span"]}
        if by not in keys:
            raise UsageError(f"records are grouped by trace or span, not by {by!r}")
        return self.to_pandas("records").groupby(keys[by], sort=False, dropna=False)

    def write_parquet(self, directory: str | os.PathLike[str]) -> None:
        """Write every table as a Parquet dataset, as ``export`` does without a configuration."""
        from analyzer.exporting import export_sources
        from analyzer.fleet import Question

        export_sources(self._opened, directory, Question(load_rules(), redact=self._redact))


@dataclass(frozen=True)
class Seen:
    """What a log shows once a configuration stands beside it.

    Attributes:
        tables: Every table but ``records``, by name; hosts are attributed.
        log: The log.
    """

    tables: Relations
    log: Log

    def __getattr__(self, name: str) -> pa.Table:
        tables: Relations = object.__getattribute__(self, "tables")
        if name in tables:
            return tables[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


def read(*specs: Spec, redact: bool = True, jobs: int = 1, builds: int = LIMITS.recent_builds) -> Log:
    """Read logs.

    Args:
        specs: Paths, ``-`` for standard input, folders, URLs, bundles, open binary streams, or daemons that run:
            ``builder:NAME``, ``container:NAME``, ``dockerd:``.
        redact: Replace secrets by marks; see ``analyzer.redaction``.
        jobs: Processes that may read a large log. More than one only where the main module can be imported
            without harm, as `multiprocessing` demands.
        builds: Recent builds of a builder that runs whose records are taken along, where Buildx gives them; 0 for
            none.

    Raises:
        SourceError: There is nothing to read, or it may not be read.
    """
    named: list[Source] = []
    for spec in specs:
        if isinstance(spec, str | os.PathLike):
            named += open_sources([os.fspath(spec)])
        else:
            named += open_sources(["-"], stdin=spec)
    return Log(look_around(named or open_sources([]), builds=builds), redact=redact, jobs=jobs)


def load_effective(*paths: str | os.PathLike[str]) -> Surroundings:
    """What a daemon was really given, for `check` and `attribute`.

    Args:
        paths: A buildkitd.toml; a copy of ``/etc/buildkit``; a bundle; the text of ``docker buildx inspect``; the
            JSON of ``docker inspect``. What one does not say another one may.

    Raises:
        ConfigError: One cannot be read, or is none of these.
    """
    found = read_effective([os.fspath(path) for path in paths])
    if found is None:
        raise UsageError("nothing is named that says what the daemon was given")
    return found


def attribute(
    log: Log | None,
    config: Config | None = None,
    *,
    effective: Config | Surroundings | None = None,
    version: str | None = None,
    trace: Traces | Spec | Sequence[Spec] | None = None,
) -> Seen:
    """Give each request its host, and build pulls and pushes.

    Args:
        log: The log; None where traces stand for it.
        config: What was meant. It names hosts only where the log agrees with it.
        effective: What the daemon was given, where that is known otherwise than by the log's own source: a
            configuration, or what `load_effective` read.
        version: BuildKit's version, such as ``v0.17.3``; read from the log where not given.
        trace: Traces that BuildKit exported: what `load_traces` found, or paths.

    Raises:
        UsageError: There is neither a log nor a trace.
    """
    log, traces = _with_traces(log, trace)
    parts = [
        see(scan, config, effective=effective, version=version, **_beside(log, scan, traces))
        for scan in log.scans
    ]
    return Seen(_joined(parts, log, traces), log)


_SHARED = ("intended_", "effective_", "context", "trace_spans")
"""Tables that are the same for all logs, by how their names begin."""


def _beside(log: Log, scan: Scan, given: Traces | None) -> _Beside:
    """The traces beside one of the logs."""
    traces = traces_beside([scan.source], given, redact=log.redact)
    return {"traces": traces.spans if traces else None, "sole": given is None or len(log.scans) == 1}


def _joined(parts: Sequence[Relations], log: Log, given: Traces | None) -> Relations:
    """The tables of all logs; a span stands once, whichever log it is of."""
    shared = [name for part in parts for name in part if name.startswith(_SHARED)]
    joined = join_relations(parts, shared)
    traces = traces_beside([scan.source for scan in log.scans], given, redact=log.redact)
    if len(parts) == 1 or traces is None:
        return joined
    return joined.with_tables({"trace_spans": lambda: traces.spans.rows})


def _with_traces(log: Log | None, trace: Traces | Spec | Sequence[Spec] | None) -> tuple[Log, Traces | None]:
    """A log and its traces; for want of one, a log without a record."""
    if log is not None:
        return log, traces_of(trace, redact=log.redact)
    traces = traces_of(trace)
    if traces is None:
        raise UsageError("there is neither a log nor a trace", hint="read(PATH), or trace=PATH")
    return Log([traces.instead_of_log()], redact=traces.redact), traces


def check(
    log: Log | None,
    config: Config | None = None,
    *,
    rules: Sequence[Rule] | None = None,
    effective: Config | Surroundings | None = None,
    flags: str | Sequence[str] | None = None,
    version: str | None = None,
    require_proof: bool | None = None,
    fail_on: str | None = None,
    allow_unknown: bool | None = None,
    trace: Traces | Spec | Sequence[Spec] | None = None,
    project: Project | str | os.PathLike[str] | None = None,
    today: date | None = None,
) -> Report:
    """Judge a log by rules.

    Args:
        log: The log; None where traces stand for it.
        config: What was meant.
        rules: The rules; the built-in ones if not given.
        effective: What the daemon was given, where that is known otherwise than by the log's own source: a
            configuration, or what `load_effective` read.
        flags: The daemon's flags that were meant, beside the file.
        version: BuildKit's version; read from the log where not given.
        require_proof: A pass by inference is only unknown.
        fail_on: The severity from which a failure counts: error, warning, info or never; error if not given.
        allow_unknown: Unknown verdicts do not change the exit code.
        trace: Traces that BuildKit exported: what `load_traces` found, or paths.
        project: A project file, or what `load_project` read of one; what is given beside it wins.
        today: The day on which the project's waivers hold or have expired; that of UTC if not given.

    Raises:
        RuleError: A rule cannot be run.
        ProjectError: The project file cannot be used.
        UsageError: There is neither a log nor a trace.
    """
    log, traces = _with_traces(log, trace)
    asked = project if isinstance(project, Project) else load_project(project) if project else Project()
    if config is None and asked.config is not None:
        config = load_config(asked.config)
    if effective is None:
        effective = read_effective(asked.effective)
    flags = flags or asked.daemon_flags
    if flags:
        config = (config or parse_config("", name="flags")).with_flags(flags)
    judgements = [
        judge(
            scan,
            config,
            asked.load_rules() if rules is None else rules,
            effective=effective,
            version=version,
            require_proof=bool(asked.require_proof if require_proof is None else require_proof),
            **_beside(log, scan, traces),
        )
        for scan in log.scans
    ]
    return conclude_report(
        [
            judgement.shown(scan, redact=log.redact)
            for scan, judgement in zip(log.scans, judgements, strict=True)
        ],
        _joined([judgement.tables for judgement in judgements], log, traces),
        fail_on=fail_on or asked.fail_on or "error",
        allow_unknown=bool(asked.allow_unknown if allow_unknown is None else allow_unknown),
        terms=asked.terms(today=today),
        project=asked.file,
        redacted=log.redact,
    )
