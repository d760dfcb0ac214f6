"""The documentation of the tables, the rules and the JSON report, made from the things themselves.

``python -m analyzer.reports.catalogue docs/`` writes ``tables.md``, ``rules.md`` and ``schemas/check-1.json``; a test
keeps them true.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from analyzer.reports.escaping import dump_json
from analyzer.reports.schema import check_schema

if TYPE_CHECKING:
    from analyzer.checks import Rule
    from analyzer.tables.schema import TableSpec

CHECK_SCHEMA = "schemas/check-1.json"
FAMILIES = ("mirrors", "certificates", "network", "configuration")

_TABLES_HEAD = """\
# Tables

Made by `python -m analyzer.reports.catalogue docs/`. Names of tables and columns are stable; more may be
added. `buildkit-analyzer show SOURCE TABLE` prints one, `query` asks them in SQL, `export` writes them all.
Times are `timestamp[ns, UTC]`. Order rows by `record`, never by time: the log's stamps are whole seconds.
"""

_RULES_HEAD = """\
# Rules

Made by `python -m analyzer.reports.catalogue docs/`. Each rule is one TOML file; its SQL gives true for
pass, false for fail and NULL for unknown. `buildkit-analyzer rules show ID` prints one, `check --select ID`
runs it alone.

Columns of a rule's `rows` that mean something to every rule, where they are there: `evidence` and `evidence_why` say
how sure a row is, `records` (or `record`) name the lines of the log that show it, and `config_file` and `config_line`
the line of the configuration that is to blame. The row that decides gives the finding its line; where it names none,
the row of `subjects` does, so that a pass and an unknown have one too. A flag of the daemon has no line.
"""


def describe_tables(specs: Iterable[TableSpec]) -> str:
    """The text of ``docs/tables.md``."""
    parts = [_TABLES_HEAD]
    for spec in specs:
        parts.append(f"\n## {spec.name}\n\nOne row is {spec.row}.\n")
        if spec.notes:
            parts.append(f"\n{_paragraphs(spec.notes)}\n")
        parts.append("\n| column | type | meaning |\n|---|---|---|\n")
        parts.extend(
            f"| `{column.name}` | {_type(column.type)} | {_cell(column.meaning)} |\n"
            for column in spec.columns
        )
    return "".join(parts)


def describe_rules(rules: Iterable[Rule]) -> str:
    """The text of ``docs/rules.md``."""
    ordered = sorted(rules, key=lambda rule: (_place(rule.family), rule.family, rule.id))
    parts = [_RULES_HEAD]
    for family, members in groupby(ordered, key=lambda rule: rule.family):
        parts.append(f"\n## {family}\n")
        for rule in members:
            parts.append(_describe_rule(rule))
    return "".join(parts)


def all_specs() -> list[TableSpec]:
    """The specifications of all tables, in the order in which the layers make them."""
    from analyzer import tables
    from analyzer.attribution.tables import SPECS as ATTRIBUTION
    from analyzer.checks.facts import CONTEXT, LINT
    from analyzer.checks.findings import SPEC as FINDINGS
    from analyzer.intent.tables import SPECS as INTENT

    return [*tables.specs(), *ATTRIBUTION, *INTENT, LINT, CONTEXT, FINDINGS]


def write_documents(folder: Path) -> None:
    """Write ``tables.md``, ``rules.md`` and the schema of the report into a folder."""
    from analyzer.checks import builtin_rules

    (folder / "schemas").mkdir(parents=True, exist_ok=True)
    (folder / CHECK_SCHEMA).write_text(dump_json(check_schema(), indent=2) + "\n", encoding="utf-8")
    (folder / "tables.md").write_text(describe_tables(all_specs()), encoding="utf-8")
    (folder / "rules.md").write_text(describe_rules(builtin_rules()), encoding="utf-8")


def _describe_rule(rule: Rule) -> str:
    parts = [f"\n### {rule.id}\n\n{_sentence(rule.title)} Severity: {rule.severity}.\n"]
    if rule.why:
        parts.append(f"\n*Why:* {_paragraphs(rule.why)}\n")
    if rule.fix:
        parts.append(f"\n*Fix:* {_paragraphs(rule.fix)}\n")
    if rule.needs:
        parts.append(f"\n*A pass needs:* {', '.join(rule.needs)}.\n")
    parts.append(f"\n*Without rows to judge:* {rule.empty}.\n")
    if rule.references:
        parts.append("\n" + "".join(f"- <{reference}>\n" for reference in rule.references))
    return "".join(parts)


def _place(family: str) -> int:
    return FAMILIES.index(family) if family in FAMILIES else len(FAMILIES)


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _paragraphs(text: str) -> str:
    blocks = text.strip().split("\n\n")
    return "\n\n".join(_inline(block) for block in blocks)


def _cell(text: str) -> str:
    return _inline(text).replace("|", "\\|")


def _inline(text: str) -> str:
    """A text on one line; an angle bracket outside a code span is no HTML."""
    spans = " ".join(text.split()).split("`")
    spans[::2] = [words.replace("<", "&lt;").replace(">", "&gt;") for words in spans[::2]]
    return "`".join(spans)


def _type(type_: pa.DataType) -> str:
    """A type in few words: ``list<struct<host, role>>`` rather than Arrow's own."""
    if pa.types.is_dictionary(type_):
        return _type(type_.value_type)
    if pa.types.is_list(type_):
        return f"list&lt;{_type(type_.value_type)}&gt;"
    if pa.types.is_map(type_):
        return f"map&lt;{_type(type_.key_type)}, {_type(type_.item_type)}&gt;"
    if pa.types.is_struct(type_):
        return f"struct&lt;{', '.join(field.name for field in type_.fields)}&gt;"
    return str(type_)


def _main(arguments: Sequence[str]) -> int:
    write_documents(Path(arguments[0] if arguments else "docs"))
    return 0


if __name__ == "__main__":
    sys.exit(_main(sys.argv[1:]))
