"""The program as a library: read a log, attribute its requests, check it.

``analyzer`` itself offers these names; see there.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, Literal

import pyarrow as pa

from analyzer.attribution.ladder import Configuration, attribute_hosts
from analyzer.attribution.pulls import build_pulls, build_pushes
from analyzer.checks import Finding, Rule, RuleResult, evaluate, exit_code, findings_table, load_rules
from analyzer.errors import UsageError
from analyzer.intent import Config, parse_config
from analyzer.scan import Scan, SourceInfo, coverage_by_source, scan_sources
from analyzer.sources import Source, open_sources
from analyzer.tables.requests import build_requests

if TYPE_CHECKING:
    import pandas as pd

Spec = str | os.PathLike[str] | BinaryIO


class Log:
    """One or more logs, read together.

    Attributes:
        sources: What was read, in order.
    """

    def __init__(self, sources: Sequence[Source], *, redact: bool = True) -> None:
        self._opened = list(sources)
        self._redact = redact
        self._scan = scan_sources(self._opened, redact=redact)

    @property
    def sources(self) -> tuple[SourceInfo, ...]:
        """What was read, in order."""
        return tuple(self._scan.infos)

    @property
    def scan(self) -> Scan:
        """What one pass over the records left, for later layers."""
        return self._scan

    @property
    def table_names(self) -> tuple[str, ...]:
        """The tables that this log has by itself."""
        return ("records", *self._tables)

    @cached_property
    def _tables(self) -> dict[str, pa.Table]:
        scan = self._scan
        tables = dict(scan.tables)
        tables["requests"] = build_requests(scan.exchanges, scan.daemons_of(scan.exchanges))
        tables["coverage"] = scan.coverage(())
        return tables

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
        try:
            return self._tables[name]
        except KeyError:
            known = ", ".join(self.table_names)
            raise UsageError(f"there is no table {name!r}", hint=f"tables: {known}") from None

    def __getattr__(self, name: str) -> pa.Table:
        if not name.startswith("_") and name in self.table_names:
            return self.table(name)
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The records once more, batch by batch, redacted unless `read` was told not to."""
        from analyzer.scan import read_records

        yield from read_records(self._opened, redact=self._redact)

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
        """Write every table as a Parquet dataset, one folder a table."""
        from analyzer.reports.export import named_tables, write_export

        write_export(directory, self.named(named_tables(self._tables)), "parquet")

    def named(self, tables: Any) -> Iterator[Any]:
        """Tables for an export, the records streamed before them."""
        from analyzer.records.schema import RECORDS

        yield ("records", RECORDS, self.batches())
        yield from tables


@dataclass(frozen=True)
class Seen:
    """What a log shows once a configuration stands beside it.

    Attributes:
        tables: Every table but ``records``, by name; hosts are attributed.
        log: The log.
    """

    tables: dict[str, pa.Table]
    log: Log

    def __getattr__(self, name: str) -> pa.Table:
        tables: dict[str, pa.Table] = object.__getattribute__(self, "tables")
        if name in tables:
            return tables[name]
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")


@dataclass(frozen=True)
class Report:
    """The verdicts on a log.

    Attributes:
        results: A result for each rule.
        sources: What was read.
        tables: Every table that the rules could ask, ``findings`` included.
        exit_code: What a command ends with: 0, 1 or 3.
        fail_on: The severity from which a failure counts.
    """

    results: list[RuleResult]
    sources: tuple[SourceInfo, ...]
    tables: dict[str, pa.Table]
    exit_code: int
    fail_on: str = "error"

    @property
    def findings(self) -> list[Finding]:
        """All findings, in the order of their rules."""
        return [finding for result in self.results for finding in result.findings]

    @property
    def summary(self) -> dict[str, int]:
        """Rules by verdict."""
        counts = dict.fromkeys(("pass", "fail", "unknown", "skipped", "waived"), 0)
        for result in self.results:
            counts[result.verdict] += 1
        return counts

    def verdict(self, rule: str) -> str:
        """The verdict of a rule.

        Raises:
            UsageError: No such rule was judged.
        """
        for result in self.results:
            if result.rule.id == rule:
                return result.verdict
        raise UsageError(f"the rule {rule!r} was not judged")

    def write(self, format: str, path: str | os.PathLike[str]) -> None:  # noqa: A002 - the word of the command line
        """Write the report in a format of ``check --format``, beside its target and then renamed."""
        from analyzer.reports import write_report
        from analyzer.reports.files import replace_text

        with replace_text(path) as stream:
            write_report(self, format, stream)


def read(*specs: Spec, redact: bool = True) -> Log:
    """Read logs.

    Args:
        specs: Paths, ``-`` for standard input, folders, or open binary streams.
        redact: Replace secrets by marks; see ``analyzer.redaction``.

    Raises:
        SourceError: There is nothing to read, or it may not be read.
    """
    named: list[Source] = []
    for spec in specs:
        if isinstance(spec, str | os.PathLike):
            named += open_sources([os.fspath(spec)])
        else:
            named += open_sources(["-"], stdin=spec)
    return Log(named or open_sources([]), redact=redact)


def attribute(
    log: Log, config: Config | None = None, *, effective: Config | None = None, version: str | None = None
) -> Seen:
    """Give each request its host, and build pulls and pushes.

    Args:
        log: The log.
        config: What was meant. It names hosts only where the log agrees with it.
        effective: What the daemon was given, where that is known.
        version: BuildKit's version, such as ``v0.17.3``; read from the log where not given.
    """
    scan = log.scan
    version = version or scan.version
    exchanges = [copy(exchange) for exchange in scan.exchanges]
    gaps = attribute_hosts(exchanges, _configuration(config, effective, version), cut=scan.cut)
    daemons = scan.daemons_of(exchanges)
    tables = dict(scan.tables)
    tables["requests"] = build_requests(exchanges, daemons)
    tables["pulls"] = build_pulls(exchanges, daemons)
    tables["pushes"] = build_pushes(exchanges, daemons)
    tables["coverage"] = scan.coverage(gaps)
    if config is not None:
        from analyzer.checks.facts import LINT

        tables |= config.tables(version, prefix="intended")
        known = {column.name for column in LINT.columns}
        tables["intended_lint"] = LINT.build(
            {name: getattr(finding, name) for name in known} for finding in config.lint(version)
        )
    if effective is not None:
        tables |= effective.tables(version, prefix="effective")
    return Seen(tables, log)


def check(
    log: Log,
    config: Config | None = None,
    *,
    rules: Sequence[Rule] | None = None,
    effective: Config | None = None,
    flags: str | Sequence[str] | None = None,
    version: str | None = None,
    require_proof: bool = False,
    fail_on: str = "error",
    allow_unknown: bool = False,
) -> Report:
    """Judge a log by rules.

    Args:
        log: The log.
        config: What was meant.
        rules: The rules; the built-in ones if not given.
        effective: What the daemon was given, where that is known.
        flags: The daemon's flags that were meant, beside the file.
        version: BuildKit's version; read from the log where not given.
        require_proof: A pass by inference is only unknown.
        fail_on: The severity from which a failure counts: error, warning, info or never.
        allow_unknown: Unknown verdicts do not change the exit code.

    Raises:
        RuleError: A rule cannot be run.
    """
    from analyzer.checks.facts import CONTEXT

    if flags:
        config = (config or parse_config("", name="flags")).with_flags(flags)
    seen = attribute(log, config, effective=effective, version=version)
    tables = seen.tables
    tables["context"] = CONTEXT.build(
        [
            {
                "config_given": config is not None,
                "effective_known": effective is not None,
                "trace_given": False,
                "require_proof": require_proof,
                "buildkit_version": version or log.scan.version,
            }
        ]
    )
    results = evaluate(
        tables,
        load_rules() if rules is None else rules,
        require_proof=require_proof,
        locate=log.scan.lines.locate,
    )
    tables["findings"] = findings_table(results)
    found = sum(row["records"] for row in tables["coverage"].to_pylist() if row["daemon"] is not None)
    code = exit_code(results, fail_on=fail_on, allow_unknown=allow_unknown, records=found)
    return Report(results, tuple(_with_coverage(log.sources, tables["coverage"])), tables, code, fail_on)


def _configuration(
    config: Config | None, effective: Config | None, version: str | None
) -> Configuration | None:
    chosen = effective or config
    if chosen is None:
        return None
    mirrored = tuple(key for key, section in chosen.registries.items() if section.mirrors)
    return Configuration(
        "effective" if effective is not None else "intended",
        lambda registry: chosen.registry_hosts(registry, version),
        mirrored,
    )


def _with_coverage(infos: Sequence[SourceInfo], coverage: pa.Table) -> Iterator[SourceInfo]:
    told_of = coverage_by_source(coverage)
    for info in infos:
        yield replace(info, coverage=told_of.get(info.name, info.coverage))
