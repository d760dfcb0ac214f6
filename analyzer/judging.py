"""One source, judged: what it shows once a configuration stands beside it, and what the rules say to that.

Sources are judged one by one: each is the log of another daemon, and what one of them lacks says nothing of the
others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from analyzer.attribution.ladder import Configuration
from analyzer.attribution.requests import attribute_requests
from analyzer.checks import Finding, Rule, RuleResult, evaluate
from analyzer.checks.evaluation import tables_asked
from analyzer.checks.findings import conclude
from analyzer.exhibits import Exhibit
from analyzer.given import Given, given_of
from analyzer.intent import Config, parse_config
from analyzer.memory import MANY_RECORDS, give_back
from analyzer.relations import Relation, Relations, batches_of
from analyzer.scan import Scan, SourceInfo
from analyzer.tables.requests import SPEC as REQUESTS
from analyzer.tables.requests import RequestTable
from analyzer.tables.spool import Rows, Spool

if TYPE_CHECKING:
    from analyzer.attribution.traces import Joined
    from analyzer.sources.surroundings import Surroundings
    from analyzer.tables.trace_spans import TraceSpans


def observed_tables(scan: Scan) -> Relations:
    """The tables of what a source says by itself."""

    def requests() -> Rows:
        table, spool = RequestTable(scan.locator), Spool(REQUESTS.schema)
        for batch in scan.requests.observed.batches():
            spool.append(table.add(batch))
        return spool.finish()

    return Relations({**_scanned(scan), "requests": requests, "coverage": scan.coverage})


def _scanned(scan: Scan) -> dict[str, Callable[[], Relation]]:
    return {
        "daemons": lambda: scan.daemons,
        "traces": lambda: scan.traces,
        "spans": lambda: scan.spans,
        "workers": lambda: scan.workers,
        "networks": lambda: scan.networks,
        "problems": lambda: scan.problems,
    }


def see(
    scan: Scan,
    config: Config | None = None,
    *,
    effective: Config | Surroundings | None = None,
    version: str | None = None,
    traces: TraceSpans | None = None,
    sole: bool = True,
) -> Relations:
    """The tables of a source, each request with its host, and those of the configurations.

    Args:
        scan: The source.
        config: What was meant. It names hosts only where the log agrees with it. Without it, what the daemon was
            given is taken for what was meant, where that is known.
        effective: What the daemon was given, where that is known otherwise than by the source itself.
        version: BuildKit's version, such as ``v0.17.3``; read from the log where not given.
        traces: The traces that were exported beside it, or instead of it.
        sole: There is no other source that the traces may belong to.
    """
    return _see(scan, config, given_to(scan, effective), version, traces, sole).tables


def given_to(scan: Scan, effective: Config | Surroundings | None) -> Given:
    """What the daemon of a source was given: as the user says, or else as the source itself knows."""
    if isinstance(effective, Config):
        return Given(effective)
    flags = [row["command_line"] for row in scan.daemons.select(["command_line"]).to_pylist()]
    known = [line for line in flags if line]
    return given_of(effective or scan.source.surroundings, known[-1] if known else None)


@dataclass(frozen=True)
class _Sight:
    """What a source shows.

    Attributes:
        tables: Its tables.
        joined: What the traces beside it made of its requests; None without any.
    """

    tables: Relations
    joined: Joined | None


def _see(
    scan: Scan,
    meant: Config | None,
    given: Given,
    version: str | None,
    traces: TraceSpans | None,
    sole: bool,
) -> _Sight:
    version = version or known_version(scan, given, traces)
    effective = given.config
    config = meant or given.intended or effective
    configuration = _configuration(config, effective, version)
    observed, joined = scan.requests.observed, None
    if traces is not None:
        joined = _join(scan, traces, sole)
        observed = joined.observed
    found = attribute_requests(observed, scan.locator, configuration, cut=scan.cut)
    tables: dict[str, Callable[[], Relation] | Relation] = {
        **_scanned(scan),
        "requests": found.requests,
        "pulls": found.pulls,
        "pushes": found.pushes,
        "coverage": scan.coverage(found.gaps),
    }
    if traces is not None and joined is not None:
        from analyzer.attribution.spantimes import time_spans
        from analyzer.attribution.traces import with_recorded

        told, more = scan.problems, joined.problems
        tables |= {
            "spans": lambda: time_spans(scan.spans, traces.rows),
            "coverage": with_recorded(scan.coverage(found.gaps), joined),
            "problems": lambda: _one_after_the_other(told, more),
            "trace_spans": traces.rows,
            "trace_contradictions": joined.contradictions,
        }
    if config is not None:
        from analyzer.checks.facts import LINT

        tables |= config.tables(version, prefix="intended")
        known = {column.name for column in LINT.columns}
        tables["intended_lint"] = LINT.build(
            {name: getattr(finding, name) for name in known} for finding in config.lint(version)
        )
    if effective is not None:
        tables |= effective.tables(version, prefix="effective")
        if config is not None and config is not effective:
            from analyzer.intent.differences import compare
            from analyzer.intent.tables import differences_table

            found_out = compare(config, effective, driver=given.driver, version=version)
            tables["configuration_differences"] = differences_table(found_out)
    if given.files:
        from analyzer.intent.trust import examine

        tables["certificate_files"] = examine(
            given.files, effective or parse_config(""), source=given.place, intended=meant
        )
    return _Sight(Relations(tables), joined)


def _join(scan: Scan, traces: TraceSpans, sole: bool) -> Joined:
    """A source and the traces beside it."""
    from analyzer.attribution.traces import join_traces

    observed = scan.requests.observed
    if scan.records:
        joined = join_traces(
            observed, traces.rows, traces=scan.traces, problems=scan.problems, cut=scan.cut, sole=sole
        )
    else:
        joined = join_traces(observed, traces.rows)
    if traces.damaged:
        # what was lost may be any span: a damaged trace is no record of everything
        joined = replace(joined, recorded=False, faults=(*joined.faults, *traces.damaged))
    return joined


def known_version(scan: Scan, given: Given, traces: TraceSpans | None = None) -> str | None:
    """BuildKit's version: as the log tells it, what stands around it, or else the traces."""
    return scan.version or given.version or (traces.version if traces is not None else None)


def _one_after_the_other(*parts: Rows) -> Rows:
    spool = Spool(parts[0].schema)
    for part in parts:
        for batch in batches_of(part):
            spool.append(batch)
    return spool.finish()


@dataclass(frozen=True)
class Verdicts:
    """The verdicts on a source, and nothing that is large.

    Attributes:
        results: A result for each rule.
        info: The source.
        records_of_daemons: Records that belong to a daemon.
        readable: It could be read.
        exhibit: What the source shows, where that was asked for: rows that wait in files, and the way to its lines.
    """

    results: list[RuleResult]
    info: SourceInfo
    records_of_daemons: int
    readable: bool = True
    exhibit: Exhibit | None = field(default=None, compare=False, repr=False)

    def named(self) -> list[RuleResult]:
        """The results, every finding with its source."""
        return [replace(result, findings=tuple(_named(result, self.info))) for result in self.results]


@dataclass(frozen=True)
class Judgement:
    """A source, judged.

    Attributes:
        verdicts: The verdicts.
        tables: Every table that the rules could ask.
        written: What a sink said of each segment.
        day: The day of the log (UTC), as ``2026-11-24``; None where nothing tells it.
    """

    verdicts: Verdicts
    tables: Relations
    written: list[Any]
    day: str | None

    def shown(self, scan: Scan, *, redact: bool = True) -> Verdicts:
        """The verdicts, and beside them what the source shows.

        Args:
            scan: The source.
            redact: Replace secrets in the lines that are quoted.
        """
        exhibit = Exhibit(self.tables, scan.source, scan.first_record, redact)
        return replace(self.verdicts, exhibit=exhibit)


def judge(
    scan: Scan,
    config: Config | None,
    rules: Sequence[Rule],
    *,
    effective: Config | Surroundings | None = None,
    version: str | None = None,
    require_proof: bool = False,
    traces: TraceSpans | None = None,
    sole: bool = True,
) -> Judgement:
    """Judge a source by rules.

    Args:
        scan: The source.
        config: What was meant.
        rules: The rules.
        effective: What the daemon was given, where that is known otherwise than by the source itself.
        version: BuildKit's version; read from the log where not given.
        require_proof: A pass by inference is only unknown.
        traces: The traces that were exported beside it, or instead of it.
        sole: There is no other source that the traces may belong to.

    Raises:
        RuleError: A rule cannot be run.
    """
    from analyzer.checks.facts import CONTEXT

    given = given_to(scan, effective)
    sight = _see(scan, config, given, version, traces, sole)
    tables = sight.tables
    context = {
        "config_given": config is not None or given.intended is not None,
        "effective_known": given.config is not None,
        "trace_given": traces is not None,
        "require_proof": require_proof,
        "buildkit_version": version or known_version(scan, given, traces),
        "log_start": scan.earliest,
        "log_end": scan.latest,
    }
    tables = tables.with_tables({"context": CONTEXT.build([context])})
    if scan.records > MANY_RECORDS:
        give_back()
    words = tables_asked(rules)
    asked = {name: tables.rows(name) for name in tables if name in words}
    results = evaluate(asked, rules, require_proof=require_proof, locate=scan.lines.locate)
    coverage = tables["coverage"]
    told = sum(row["records"] for row in coverage.to_pylist() if row["daemon"] is not None)
    info = scan.info(coverage)
    info = replace(
        info,
        buildkit_version=known_version(scan, given, traces),
        coverage={
            **info.coverage,
            "not_read": list(given.not_read),
            **trace_coverage(traces, sight.joined),
        },
    )
    if traces is not None and not scan.records:
        # without a log the spans are what was read
        told = traces.rows.num_rows
    return Judgement(Verdicts(results, info, told), tables, scan.written, scan.day)


def trace_coverage(traces: TraceSpans | None, joined: Joined | None) -> dict[str, Any]:
    """How much a log and the traces beside it say of each other; nothing without traces."""
    if traces is None or joined is None:
        return {}
    told: dict[str, Any] = {"files": list(traces.files), "spans": traces.rows.num_rows}
    told |= {name: value for name, value in asdict(joined.covered).items() if name != "spans"}
    told["request_spans"] = joined.covered.spans
    return {"traces": {**told, "redactions": traces.redactions, "damaged": list(traces.damaged)}}


def merge_results(judged: Sequence[Verdicts]) -> list[RuleResult]:
    """The results on several sources, a rule each: every finding names its source.

    What a rule says of the configuration alone it says of each source in the same words; that stands once.
    """
    if len(judged) == 1:
        return judged[0].results
    readable = [one for one in judged if one.readable]
    unread = [result for one in judged if not one.readable for result in one.results]
    merged: list[RuleResult] = []
    for results in zip(*(one.results for one in readable), strict=True):
        if all(result.findings == results[0].findings for result in results):
            merged.append(results[0])
            continue
        told: dict[Finding, None] = {}
        for one, result in zip(readable, results, strict=True):
            told.update(dict.fromkeys(_named(result, one.info)))
        merged.append(conclude(results[0].rule, list(told)))
    if unread:
        merged.append(conclude(unread[0].rule, [finding for result in unread for finding in result.findings]))
    return merged


def _named(result: RuleResult, info: SourceInfo) -> list[Finding]:
    return [replace(finding, source=finding.source or info.name) for finding in result.findings]


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
