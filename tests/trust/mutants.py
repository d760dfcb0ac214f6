"""Mutants of the built-in rules: one thing changed in the SQL of one, which its examples should notice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, cast

import pyarrow as pa
import sqlglot
from sqlglot import exp

import analyzer as bk
from analyzer.checks import with_all_examples
from analyzer.checks.examples import Run, run_examples
from analyzer.cli.pipeline import example_tables
from analyzer.errors import RuleError

SWAPS: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.EQ: exp.NEQ,
    exp.NEQ: exp.EQ,
    exp.NullSafeEQ: exp.NullSafeNEQ,
    exp.NullSafeNEQ: exp.NullSafeEQ,
    exp.LT: exp.GTE,
    exp.LTE: exp.GT,
    exp.GT: exp.LTE,
    exp.GTE: exp.LT,
    exp.And: exp.Or,
    exp.Or: exp.And,
}

OTHER_EVIDENCE = {"none": "proof", "inference": "proof", "proof": "inference"}
"""What evidence is taken for instead: any other word counts as none."""


@dataclass(frozen=True)
class Mutant:
    """A rule with one change.

    Attributes:
        rule: The changed rule.
        part: Where: subjects, rows or one of the conditions.
        change: What was changed.
    """

    rule: bk.Rule
    part: str
    change: str


def mutants(rule: bk.Rule) -> list[Mutant]:
    """Every mutant of a rule that is SQL still, and is not the rule itself."""
    found = []
    for part in ("subjects", "rows", "expect"):
        own = sqlglot.parse_one(getattr(rule, part), dialect="duckdb").sql("duckdb")
        for change, sql in mutate(getattr(rule, part)):
            if sql != own:
                found.append(Mutant(replace(rule, **cast(dict[str, Any], {part: sql})), part, change))
    return found


def is_caught(mutant: Mutant, run: Run) -> bool:
    """Whether an example of the rule comes to something else, or the SQL cannot be run any more."""
    alone = (replace(mutant.rule, examples=(example,)) for example in mutant.rule.examples)
    try:
        return not all(result.ok for rule in alone for result in run_examples(rule, run))
    except RuleError:
        return True


@dataclass
class Caught:
    """How many mutants of a rule were tried, and how many its examples caught."""

    tried: int = 0
    caught: int = 0


def try_all() -> Iterator[tuple[str, Caught]]:
    """Every mutant of each built-in rule, tried on its examples."""
    for rule in map(with_all_examples, bk.load_rules()):
        counted = Caught()
        for mutant in mutants(rule):
            counted.tried += 1
            counted.caught += is_caught(mutant, example_tables_of)
        yield rule.id, counted


@cache
def example_tables_of(
    log: str | Path, config: str | None, effective: str | None = None
) -> Mapping[str, pa.Table]:
    """The tables of an example, made once for all the mutants."""
    return dict(example_tables(log, config, effective))


def mutate(sql: str) -> Iterator[tuple[str, str]]:
    """The SQL with one thing changed: what was changed, and the SQL that came of it."""
    tree = sqlglot.parse_one(sql, dialect="duckdb")
    for number, node in enumerate(tree.walk()):
        for change, new in _changes(node):
            copy = tree.copy()
            place = list(copy.walk())[number]
            if place is copy:
                copy = new
            else:
                place.replace(new)
            yield f"{change}: {node.sql('duckdb')[:60]}", copy.sql("duckdb")


def _changes(node: exp.Expr) -> Iterator[tuple[str, exp.Expr]]:
    swap = SWAPS.get(type(node))
    if swap is not None:
        yield swap.__name__, swap(this=node.this.copy(), expression=node.expression.copy())
    if isinstance(node, exp.Boolean) and node.arg_key != "nulls_first":  # sqlglot's own, not the rule's
        yield "not", exp.Boolean(this=not node.this)
    if isinstance(node, exp.Not):
        yield "without not", node.this.copy()
    if isinstance(node, exp.Literal) and not _decides_nothing(node):
        yield "literal", exp.Literal(this=_other(node), is_string=node.is_string)
    if isinstance(node, exp.Where):
        yield "without where", exp.Where(this=exp.true())


def _other(node: exp.Literal) -> str:
    """Another text or number than a literal's."""
    if node.is_string:
        return OTHER_EVIDENCE.get(node.this, f"{node.this}~")
    return str(float(node.this) - 1).removesuffix(".0")


def _decides_nothing(node: exp.Literal) -> bool:
    """Whether a literal is words for people, or what EXISTS selects."""
    words = node.is_string and " " in node.this
    select = node.parent
    return words or (select is not None and isinstance(select.parent, exp.Exists))
