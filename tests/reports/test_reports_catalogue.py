from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from analyzer.reports.catalogue import CHECK_SCHEMA, all_specs, describe_rules, describe_tables
from analyzer.reports.schema import check_schema
from analyzer.tables.schema import Column, TableSpec

RENEW = "to renew it: python -m analyzer.reports.catalogue docs/"


def test_tables_are_documented_as_they_are(repository: Path) -> None:
    document = (repository / "docs" / "tables.md").read_text(encoding="utf-8")
    assert document == describe_tables(all_specs()), RENEW


def test_rules_are_documented_as_they_are(repository: Path) -> None:
    from analyzer.checks import builtin_rules

    document = (repository / "docs" / "rules.md").read_text(encoding="utf-8")
    assert document == describe_rules(builtin_rules()), RENEW


def test_the_schema_of_the_report_is_published_as_it_is(repository: Path) -> None:
    document = json.loads((repository / "docs" / CHECK_SCHEMA).read_text(encoding="utf-8"))
    assert document == check_schema(), RENEW


def test_no_table_is_described_twice() -> None:
    names = [spec.name for spec in all_specs()]
    assert len(names) == len(set(names))


def test_types_are_in_few_words() -> None:
    attempt = pa.list_(pa.struct([("host", pa.string()), ("outcome", pa.string())]))
    spec = TableSpec(
        "t",
        "a thing",
        (
            Column("a", attempt, "who | what"),
            Column("b", pa.map_(pa.string(), pa.string()), "more"),
            Column("c", pa.dictionary(pa.int32(), pa.string()), "few"),
        ),
    )
    text = describe_tables([spec])
    assert "| `a` | list&lt;struct&lt;host, outcome&gt;&gt; | who \\| what |" in text
    assert "| `b` | map&lt;string, string&gt; | more |" in text
    assert "| `c` | string | few |" in text


def test_families_stand_in_their_order(rule_maker: Any) -> None:
    rules = [
        rule_maker("z", family="configuration"),
        rule_maker("b"),
        rule_maker("a"),
        rule_maker("o", family="own"),
    ]
    text = describe_rules(rules)
    assert [line for line in text.splitlines() if line.startswith("##")] == [
        "## mirrors", "### a", "### b", "## configuration", "### z", "## own", "### o",
    ]  # fmt: skip
