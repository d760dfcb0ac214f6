"""Folding: the rows of a rule become, for each subject, a count of every verdict and the first rows of it.

Both ways give the same. Rows held in a table are folded in one pass; rows too many to hold are asked twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from analyzer.checks.engine import Engine

_LAST = 1 << 59
"""After the number of every record; two bits stay for the place of a row, one for rows without a record."""


@dataclass
class Judged:
    """The rows of a subject: how many there are of each verdict, and the first of them.

    The first failing row is the best proven one, since one is enough for a failure; the first of the others
    is the worst proven one, since a pass is worth no more than that.
    """

    count: dict[bool | None, int] = field(default_factory=dict)
    rows: dict[bool | None, list[dict[str, Any]]] = field(default_factory=dict)


def fold_table(
    engine: Engine, table: str, columns: Sequence[str], *, evidence: str, first: int
) -> dict[str, Judged]:
    """Count the rows of a table by subject and verdict, and take the first of each.

    Args:
        engine: Holds the table.
        table: Judged rows: the verdict as ``_verdict``, and the columns of the rule's rows.
        columns: Names of its columns, in small letters.
        evidence: The strength of rows that do not tell theirs.
        first: Rows to take of each subject and verdict.

    Returns:
        The rows by subject.

    Raises:
        SqlError: A column cannot be read as it is meant, or it takes more than it may.
    """
    placed = _placed(f"SELECT *, rowid AS _row FROM {table}", columns, evidence)
    return _by_subject(
        engine.rows(
            f"""SELECT *, count(*) OVER same AS _count FROM ({placed})
            WINDOW same AS (PARTITION BY _subject, _verdict)
            QUALIFY row_number() OVER (PARTITION BY _subject, _verdict
                                       ORDER BY _place, _first NULLS LAST, _row)
                <= {first}
            ORDER BY _place, _first NULLS LAST, _row"""
        )
    )


def fold_query(
    engine: Engine, query: str, columns: Sequence[str], *, evidence: str, first: int
) -> dict[str, Judged]:
    """The same in two passes over a query: how far in the order the first rows reach, then those rows.

    Place and first record make one number, since DuckDB finds the least numbers in little memory, but keeps
    whatever else it is to find the least of. Rows without a record come after the others, in their order.

    Args:
        engine: Holds what the query asks.
        query: SQL of judged rows: the verdict as ``_verdict``, and the columns of the rule's rows.
        columns: Names of its columns, in small letters.
        evidence: The strength of rows that do not tell theirs.
        first: Rows to take of each subject and verdict.

    Returns:
        The rows by subject.

    Raises:
        SqlError: A column cannot be read as it is meant, or it takes more than it may.
    """
    numbered = f"SELECT *, nextval('_rows') AS _row FROM (\n{query}\n)"
    placed = f"""
        SELECT *, (CAST(_place AS BIGINT) + 2) * {2 * _LAST}
                  + CASE WHEN _first IS NULL THEN {_LAST} + _row
                         ELSE least(greatest(_first, 0), {_LAST - 1}) END AS _key
        FROM ({_placed(numbered, columns, evidence)})"""
    # a sequence counts rows as they come, where row_number() would collect them all behind a join
    engine.execute("CREATE OR REPLACE TEMP SEQUENCE _rows")
    engine.execute(
        f"""CREATE OR REPLACE TEMP TABLE _reach AS
        SELECT _subject, _verdict, count(*) AS _count, list_max(min(_key, {first})) AS _last
        FROM ({placed}) GROUP BY _subject, _verdict"""
    )
    engine.execute("CREATE OR REPLACE TEMP SEQUENCE _rows")
    return _by_subject(
        engine.rows(
            f"""SELECT placed.*, _count FROM ({placed}) AS placed JOIN _reach
            ON placed._subject = _reach._subject AND placed._verdict IS NOT DISTINCT FROM _reach._verdict
            WHERE _key <= _last
            QUALIFY row_number() OVER (PARTITION BY _reach._subject, _reach._verdict
                                       ORDER BY _place, _first NULLS LAST, _row)
                <= {first}
            ORDER BY _place, _first NULLS LAST, _row"""
        )
    )


def _placed(judged: str, columns: Sequence[str], evidence: str) -> str:
    """SQL of judged rows with what they are sorted by: place, first record and row."""
    records = "CAST(NULL AS BIGINT[])"
    if "records" in columns:
        records = "CAST(records AS BIGINT[])"
    elif "record" in columns:
        records = "CASE WHEN record IS NOT NULL THEN [CAST(record AS BIGINT)] END"
    strength = "CAST(evidence AS VARCHAR)" if "evidence" in columns else f"'{evidence}'"
    return f"""
        WITH named AS (
            SELECT CAST(subject AS VARCHAR) AS _subject, {records} AS _records,
                   {strength} AS _evidence, * FROM ({judged})
        ), ranked AS (
            SELECT *, CASE _evidence WHEN 'proof' THEN 0 WHEN 'inference' THEN 1 ELSE 2 END AS _rank,
                   list_min(_records) AS _first
            FROM named
        )
        SELECT *, CASE WHEN _verdict = false THEN _rank ELSE -_rank END AS _place FROM ranked"""


def _by_subject(rows: Iterable[dict[str, Any]]) -> dict[str, Judged]:
    """Rows by subject and verdict, in their order."""
    judged: dict[str, Judged] = {}
    for row in rows:
        part, verdict = judged.setdefault(row["_subject"], Judged()), row["_verdict"]
        part.count[verdict] = row["_count"]
        part.rows.setdefault(verdict, []).append(row)
    return judged
