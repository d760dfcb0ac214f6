"""Evaluation: rules over tables give findings.

SQL's three truth values are the verdicts of a row. A subject fails if any of its rows is false, else is
unknown if any is NULL, else passes. What a pass hangs on is looked at last: without the coverage that the
rule needs, or without evidence, it is no pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from analyzer.checks.engine import Engine, SqlError
from analyzer.checks.facts import complete
from analyzer.checks.faults import fault_of
from analyzer.checks.findings import Finding, RuleResult, conclude
from analyzer.checks.folding import Judged, fold_query, fold_table
from analyzer.checks.messages import clean, columns_of, fill, value_in_words
from analyzer.checks.rule import EVIDENCE, Rule
from analyzer.errors import QueryError, RuleError
from analyzer.limits import LIMITS

if TYPE_CHECKING:
    import pyarrow as pa

    from analyzer.tables.spool import Rows

T = TypeVar("T")

Locate = Callable[[int], "tuple[str, int] | None"]
"""Gives the source and first physical line of a record."""

_MISSING = {
    "debug": "the log has no debug lines",
    "startup": "the start-up lines are missing",
    "trace_ids": "the records carry no trace IDs",
    "complete": "the log is not complete",
}
_KEPT = (
    *("subject", "records", "record", "evidence", "evidence_why"),
    *("file", "line", "config_file", "config_line"),
)
"""Columns of the rows that mean something to every rule."""

_NOT_IN_EXCERPTS = ("startup", "complete")
_LOG_ALONE = frozenset(("spans", "traces", "workers", "daemons", "networks"))
"""Tables that no trace can fill: a whole trace makes up for debug lines only where a rule asks for none of them."""

_OF_RECORDS = re.compile(r"\b(?:from|join)\s+(?:\w+(?:\s+(?:as\s+)?\w+)?\s*,\s*)*records\b")
"""The table `records` is asked for, not the column of that name."""

_RECORDED = ("debug", "complete", "trace_ids")
"""Coverage that a whole trace makes up for."""

_HIDING = ("debug", "complete", "startup")
"""Missing coverage that may hide what should be judged; without trace IDs everything is still there."""


def evaluate(
    tables: Mapping[str, pa.Table | Rows],
    rules: Sequence[Rule],
    *,
    require_proof: bool = False,
    locate: Locate | None = None,
) -> list[RuleResult]:
    """Judge the tables by rules.

    Args:
        tables: The tables by name, those beyond memory as spooled rows; a known table that is missing counts as empty.
        rules: The rules, in the order of the results.
        require_proof: A pass by inference is only unknown.
        locate: Gives the source and line of a record; without it findings name records only.

    Returns:
        A result for each rule.

    Raises:
        RuleError: The SQL of a rule cannot be run, or takes more than a rule may.
    """
    whole = complete(tables, require_proof=require_proof)
    with Engine(_named(whole, rules)) as engine:
        coverage = engine.rows("SELECT * FROM coverage")
        context = engine.rows("SELECT * FROM context")[0]
        return [
            _Evaluation(engine, rule, coverage, context, require_proof, locate).result() for rule in rules
        ]


def run_query(
    tables: Mapping[str, pa.Table | Rows],
    sql: str,
    *,
    seconds: float = LIMITS.rule_seconds,
    memory: str = LIMITS.rule_memory,
) -> pa.Table:
    """Ask the tables a question of one's own, in the same closed engine.

    Args:
        tables: The tables by name, those beyond memory as spooled rows; a known table that is missing counts as empty.
        sql: A single SELECT, in DuckDB's SQL.
        seconds: Time that it may take.
        memory: Memory that it may take, in DuckDB's notation.

    Returns:
        The answer.

    Raises:
        QueryError: It is no single SELECT, cannot be run, or takes more than it may.
    """
    try:
        with Engine(complete(tables), seconds=seconds, memory=memory) as engine:
            engine.require_select(sql)
            return engine.table(sql)
    except SqlError as error:
        raise QueryError(
            str(error),
            where="query",
            hint="the tables and their columns: docs/tables.md, or DESCRIBE requests",
        ) from None


class _Evaluation:
    """One rule over the tables."""

    def __init__(
        self,
        engine: Engine,
        rule: Rule,
        coverage: Sequence[Mapping[str, Any]],
        context: Mapping[str, Any],
        require_proof: bool,
        locate: Locate | None,
    ) -> None:
        self.engine = engine
        self.rule = rule
        self.context = context
        self.require_proof = require_proof
        self.locate = locate
        told = _told_by_traces(rule)
        self.missing = [
            need
            for need in rule.needs
            if not coverage
            or not all(
                row.get(need) or (told and need in _RECORDED and row.get("recorded")) for row in coverage
            )
        ]
        # an excerpt shows neither start nor end, and what it shows still counts: by inference for the whole
        self.excerpt = bool(coverage) and all(row.get("excerpt") for row in coverage)
        self.doubtful = [need for need in self.missing if not (self.excerpt and need in _NOT_IN_EXCERPTS)]
        self.gaps = _gap_reasons(coverage)
        self.alone = bool(coverage) and all(
            row.get("daemon") is None and row.get("recorded") is not None for row in coverage
        )

    def result(self) -> RuleResult:
        subjects = self._subjects()
        if not subjects:
            return conclude(self.rule, [self._finding("", "skipped", "none", self._nothing())])
        judged = self._judged(next(iter(subjects.values())))
        return conclude(
            self.rule, [self._verdict(name, row, judged.get(name)) for name, row in subjects.items()]
        )

    def _ask(self, key: str, ask: Callable[[], T]) -> T:
        """Run SQL of the rule; what is wrong with it is told with its place in the rule file."""
        try:
            return ask()
        except SqlError as error:
            raise self._fault(key, str(error)) from None

    def _fault(self, key: str, what: str) -> RuleError:
        return fault_of(self.rule, key, what)

    def _subjects(self) -> dict[str, dict[str, Any]]:
        """What is judged, each once, in the order of the query."""

        def ask() -> list[dict[str, Any]]:
            self.engine.require_select(self.rule.subjects)
            return self.engine.rows(
                f"SELECT CAST(subject AS VARCHAR) AS _subject, * FROM (\n{self.rule.subjects}\n) "
                f"WHERE subject IS NOT NULL LIMIT {LIMITS.rule_subjects + 1}"
            )

        rows = self._ask("subjects", ask)
        if len(rows) > LIMITS.rule_subjects:
            raise self._fault("subjects", f"more than {LIMITS.rule_subjects:,} subjects to judge")
        subjects: dict[str, dict[str, Any]] = {}
        for row in rows:
            subjects.setdefault(row["_subject"], row)
        return subjects

    def _judged(self, subject: Mapping[str, Any]) -> dict[str, Judged]:
        """The rows by subject. Only what verdict and message need is kept, and only the first few leave.

        A rule that gives many rows is asked once more, since they do not all fit into memory.

        Args:
            subject: Any subject, for the columns that a message may name.
        """
        rule = self.rule
        named = columns_of(rule.message)
        self._ask("rows", lambda: self.engine.require_select(rule.rows))
        self._ask("expect", lambda: self.engine.require_select(f"SELECT (\n{rule.expect}\n)"))
        kept = "|".join(dict.fromkeys((*named, *_KEPT)))
        judged = (
            f"SELECT CAST((\n{rule.expect}\n) AS BOOLEAN) AS _verdict, COLUMNS('(?i)^({kept})$') "
            f"FROM (\n{rule.rows}\n) WHERE subject IS NOT NULL"
        )
        try:
            self.engine.execute(
                f"CREATE OR REPLACE TEMP TABLE _judged AS {judged} LIMIT {LIMITS.rule_rows + 1}"
            )
        except SqlError as error:
            found = self._ask("rows", lambda: self.engine.columns(rule.rows))
            if "subject" not in map(str.lower, found):
                raise self._fault("rows", "no column is called subject") from None
            raise self._fault("expect", str(error)) from None
        columns = [name.lower() for name in self.engine.columns("SELECT * FROM _judged")]
        known = [*columns, *map(str.lower, subject)]
        for name in named:
            if name.lower() not in known:
                raise self._fault("message", f"the rows have no column {name}")
        (held,) = self.engine.rows("SELECT count(*) AS rows FROM _judged")
        few = held["rows"] <= LIMITS.rule_rows
        if not few:
            self.engine.execute("DROP TABLE _judged")
        fold, origin = (fold_table, "_judged") if few else (fold_query, judged)
        return self._ask(
            "rows",
            lambda: fold(self.engine, origin, columns, evidence=rule.evidence, first=LIMITS.finding_lines),
        )

    def _verdict(self, subject: str, row: Mapping[str, Any], judged: Judged | None) -> Finding:
        if judged is None:
            return self._without_rows(subject, row)
        truth = False if False in judged.count else None if None in judged.count else True
        rows = judged.rows[truth]
        strength = EVIDENCE[rows[0]["_rank"]]
        message = self._message(row, rows, judged.count[truth], sure=truth is not None)
        if truth is False:
            return self._finding(subject, "fail", strength, message, rows, row)
        if truth is None:
            return self._finding(subject, "unknown", "none", message, rows, row)
        doubt = ""
        if self.missing and not self.doubtful:
            strength = "inference" if strength == "proof" else strength
            message += "; this is an excerpt, and nothing is known of the rest of the log"
        if self.doubtful:
            doubt = f"but {self._what_is_missing()}"
        elif strength == "none":
            doubt = "but nothing proves it"
        elif strength == "inference" and self.require_proof:
            doubt = "but this is inferred, and proof is required"
        if doubt:
            return self._finding(subject, "unknown", "none", f"{message}; {doubt}", rows, row)
        return self._finding(subject, "pass", strength, message, rows, row)

    def _without_rows(self, subject: str, row: Mapping[str, Any]) -> Finding:
        message = fill(self.rule.no_rows or "nothing was seen that could be judged", row)
        if any(need in _HIDING for need in self.missing):
            message += f"; but {self._what_is_missing()}"
            return self._finding(subject, "unknown", "none", message, about=row)
        return self._finding(subject, self.rule.empty, "none", message, about=row)

    def _nothing(self) -> str:
        if not self.context.get("config_given") and re.search(r"\bintended_", self.rule.subjects):
            return "no configuration was given that says what was meant (--config FILE)"
        if not self.context.get("effective_known") and re.search(r"\beffective_", self.rule.subjects):
            return "it is not known what the daemon was given (--effective FILE)"
        return clean(self.rule.no_subjects or "there is nothing to judge")

    def _what_is_missing(self) -> str:
        if self.alone and "startup" not in self.missing:
            why = f" ({'; '.join(self.gaps)})" if self.gaps else ""
            return f"the trace alone does not tell it whole{why}"
        if self.alone:
            return "there is no log, and no trace tells it"
        reasons = [_MISSING[need] for need in self.missing]
        if "complete" in self.missing and self.gaps:
            reasons[self.missing.index("complete")] += f" ({'; '.join(self.gaps)})"
        return " and ".join(reasons)

    def _message(
        self, subject: Mapping[str, Any], rows: Sequence[dict[str, Any]], count: int, *, sure: bool
    ) -> str:
        first = rows[0]
        message = fill(self.rule.message, {**subject, **first})
        why = first.get("evidence_why")
        if first["_evidence"] != "proof" and why:
            known = "inferred" if sure and first["_evidence"] == "inference" else "not certain"
            message += f" ({known}: {value_in_words(why)})"
        return f"{message} (and {count - 1} more)" if count > 1 else message

    def _finding(
        self,
        subject: str,
        verdict: str,
        evidence: str,
        message: str,
        rows: Sequence[Mapping[str, Any]] = (),
        about: Mapping[str, Any] | None = None,
    ) -> Finding:
        """A finding.

        Args:
            subject: What is judged.
            verdict: The verdict.
            evidence: What it rests on.
            message: What happened.
            rows: The rows that decide, the one that the message is about first.
            about: The row of the subject.
        """
        rule = self.rule
        # those of the row that the message is about come first, whatever is cut
        told = (record for row in rows for record in row["_records"] or () if record is not None)
        records = list(islice(dict.fromkeys(told), LIMITS.finding_lines))
        source, lines = self._places(records, rows)
        config_file, config_line = _blamed([*rows[:1], about or {}])
        return Finding(
            rule=rule.id,
            family=rule.family,
            severity=rule.severity,
            subject=clean(subject),
            verdict=verdict,
            evidence=evidence,
            message=clean(message),
            source=source,
            lines=lines,
            records=tuple(sorted(records)),
            fix=rule.fix,
            references=rule.references,
            config_file=config_file,
            config_line=config_line,
        )

    def _places(
        self, records: Sequence[int], rows: Sequence[Mapping[str, Any]]
    ) -> tuple[str | None, tuple[int, ...]]:
        """Source and lines of a finding: of the log that the message is about, else of the configuration."""
        places: list[tuple[str, int]] = []
        if self.locate is not None:
            places = [place for record in records if (place := self.locate(record)) is not None]
        if not places:
            places = [
                (str(row["file"]), int(row["line"]))
                for row in rows
                if row.get("file") is not None and row.get("line") is not None
            ]
        if not places:
            return None, ()
        source = places[0][0]
        lines = sorted({line for name, line in places if name == source})
        return source, tuple(lines[: LIMITS.finding_lines])


def _blamed(rows: Iterable[Mapping[str, Any]]) -> tuple[str | None, int | None]:
    """File and line of the configuration that the first of the rows blames that blames any; a flag has no line."""
    for row in rows:
        file, line = row.get("config_file"), row.get("config_line")
        if file is not None and line is not None:
            return str(file), int(line)
    return None, None


def _named(tables: Mapping[str, pa.Table | Rows], rules: Iterable[Rule]) -> dict[str, pa.Table | Rows]:
    """The tables that the rules name; a table that nobody asks costs a millisecond of start-up too."""
    asked = tables_asked(rules)
    return {name: table for name, table in tables.items() if name.lower() in asked}


def tables_asked(rules: Iterable[Rule]) -> set[str]:
    """The words of the rules' SQL, among which are the names of the tables that they need."""
    words = {"coverage", "context"}
    for rule in rules:
        words.update(re.findall(r"\w+", f"{rule.subjects} {rule.rows} {rule.expect}".lower()))
    return words


def _told_by_traces(rule: Rule) -> bool:
    """Whether a rule asks for nothing of the log but what an exported trace tells too: requests and failures."""
    asked = f"{rule.subjects} {rule.rows} {rule.expect}".lower()
    return _LOG_ALONE.isdisjoint(tables_asked([rule])) and not _OF_RECORDS.search(asked)


def _gap_reasons(coverage: Iterable[Mapping[str, Any]]) -> list[str]:
    """The first two distinct reasons for gaps."""
    reasons = (gap.get("reason") for row in coverage for gap in row.get("gaps") or ())
    return [value_in_words(reason) for reason in dict.fromkeys(reasons) if reason][:2]
