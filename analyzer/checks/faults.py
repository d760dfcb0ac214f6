"""Faults of a rule's SQL, told as its author can mend them: the place in the rule file, and what was probably meant."""

from __future__ import annotations

import re

from analyzer.checks.facts import known_specs
from analyzer.checks.loading import suggest
from analyzer.checks.messages import clean
from analyzer.checks.rule import Rule
from analyzer.errors import RuleError

_TABLE = re.compile(r"Table with name (\w+) does not exist")
_COLUMN = re.compile(r'(?:column "|does not have a column named "|no column |column named )"?(\w+)')
_NEAR = re.compile(r'at or near "([^"]+)"')
_FUNCTION = re.compile(r"Function with name (\w+) does not exist")
_SHOWN = 40
"""Columns that a hint names, at most."""


def fault_of(rule: Rule, key: str, what: str) -> RuleError:
    """The error for SQL that cannot be run.

    Args:
        rule: The rule.
        key: The key of the table ``check`` that holds the SQL.
        what: What is wrong, in DuckDB's words.
    """
    hint = "docs/tables.md names the tables and columns; `rules schema` what a rule may hold"
    specs = known_specs()
    token = None
    if found := _TABLE.search(what):
        token = found[1]
        meant = suggest(token, specs)
        what = f"there is no table {token}"
        hint = f"did you mean {meant}?" if meant else f"tables: {', '.join(specs)}"
    elif (found := _FUNCTION.search(what)) or (found := _NEAR.search(what)):
        token = found[1]
    elif found := _COLUMN.search(what):
        token = found[1]
        words = set(re.findall(r"\w+", f"{rule.subjects} {rule.rows}".lower()))
        named = [name for name in specs if name in words]
        columns = list(dict.fromkeys(column.name for name in named for column in specs[name].columns))
        meant = suggest(token, columns)
        if columns and token not in columns:
            known = f"columns of {', '.join(named)}: {', '.join(columns[:_SHOWN])}"
            hint = f"did you mean {meant}? {known}" if meant else known
            what = what.split("! Candidate", 1)[0].split(" Candidate", 1)[0]
    where = _place(rule, key, token)
    return RuleError(f"rule {rule.id}: {key}: {clean(what)}", where=where, hint=hint)


def _place(rule: Rule, key: str, token: str | None) -> str:
    """Where a word stands in the SQL of a key; where the key stands if it is not found."""
    where = rule.where(f"check.{key}")
    if token is None or rule.path is None or f"check.{key}" not in rule.places:
        return where
    try:
        lines = rule.path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return where
    begin = int(where.rsplit(":", 2)[1])
    end = min(
        (line for line in (int(place.rsplit(":", 2)[1]) for place in rule.places.values()) if line > begin),
        default=len(lines) + 1,
    )
    word = re.compile(rf"(?<!\w){re.escape(token)}(?!\w)")
    for number in range(begin, end):
        text = lines[number - 1]
        # not in the key itself
        first = text.find("=") + 1 if number == begin else 0
        if match := word.search(text, first):
            return f"{rule.path}:{number}:{match.start() + 1}"
    return where
