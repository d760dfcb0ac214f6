"""Rows grouped and sorted, out of core where they are more than memory holds."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa

from analyzer.errors import OutputError
from analyzer.limits import LIMITS
from analyzer.tables.spool import GROUP_ROWS, Rows, Spool, cast_batch, plain_type, told_of


def fold_spilled(
    rows: Rows, keys: Sequence[str], aggregates: Sequence[tuple[str, str]], order_by: Sequence[str]
) -> Rows:
    """Group rows, as Arrow's ``group_by`` does, and sort the groups, both out of core where memory is short.

    Args:
        rows: The rows.
        keys: Columns that make a group; nulls are equal.
        aggregates: Pairs of a column and ``min``, ``max`` or ``sum``.
        order_by: Columns of the result to sort by, ascending, nulls last. They must tell groups apart: the
            order of equals is no promise.

    Returns:
        The keys, then the aggregates, called ``<column>_<function>``. The sum of integers is an int64.
    """
    schema = _folded(rows.schema, keys, aggregates)
    spool = Spool(schema)
    if rows.in_memory:
        table = rows.table().group_by(list(keys), use_threads=False).aggregate(list(aggregates))
        table = table.select(schema.names).sort_by([(name, "ascending") for name in order_by])
        spool.append(table.cast(schema))
        return spool.finish()
    used = list(dict.fromkeys((*keys, *(column for column, _ in aggregates))))
    plain = pa.schema([pa.field(name, _reckoned(rows.schema.field(name).type)) for name in used])
    told = ", ".join(
        [
            *map(_quoted, keys),
            *(
                f"{_sql(function, _quoted(column), plain.field(column).type)} AS {_quoted(f'{column}_{function}')}"
                for column, function in aggregates
            ),
        ]
    )
    order = ", ".join(f"{_quoted(name)} ASC NULLS LAST" for name in order_by)
    sql = f"SELECT {told} FROM given GROUP BY {', '.join(map(_quoted, keys))} ORDER BY {order}"
    for batch in _ask_with_enough(sql, rows, plain):
        spool.append(cast_batch(batch, schema))
    return spool.finish()


def _ask_with_enough(sql: str, rows: Rows, plain: pa.Schema) -> Iterator[pa.RecordBatch]:
    """What a statement over rows gives, with as much memory as it needs: its result comes when all is sorted."""
    import duckdb

    for times in _TIMES:
        batches = (cast_batch(batch.select(plain.names), plain) for batch in rows.batches())
        given = pa.RecordBatchReader.from_batches(plain, batches)
        told = False
        try:
            for batch in _ask_outside(sql, given, f"{times * LIMITS.fold_memory}MB"):
                told = True
                yield batch
            return
        except duckdb.OutOfMemoryException as error:
            if told or times == _TIMES[-1]:
                raise OutputError(
                    "spans cannot be sorted in the memory that they may take",
                    where=tempfile.gettempdir(),
                    hint="read the log in parts, such as a day each",
                ) from error


_TIMES = (1, 2, 4, 8)


def _ask_outside(sql: str, given: pa.RecordBatchReader, memory: str) -> Iterator[pa.RecordBatch]:
    """What a statement of the program's own gives, in little memory: DuckDB puts the rest into a folder."""
    import duckdb

    with told_of("rows cannot be sorted"), tempfile.TemporaryDirectory(prefix="buildkit-analyzer-") as folder:
        settings: dict[str, Any] = {
            "threads": 1,
            "memory_limit": memory,
            "temp_directory": folder,
            "preserve_insertion_order": False,
        }
        with duckdb.connect(":memory:", config=settings) as connection:
            connection.execute("SET TimeZone = 'UTC'")
            connection.register("given", given)
            result: Any = connection.sql(sql)
            # another name since DuckDB 1.5
            read = getattr(result, "to_arrow_reader", None) or result.fetch_arrow_reader
            yield from read(GROUP_ROWS)


def _folded(schema: pa.Schema, keys: Iterable[str], aggregates: Iterable[tuple[str, str]]) -> pa.Schema:
    fields = [pa.field(name, schema.field(name).type) for name in keys]
    for column, function in aggregates:
        kind = schema.field(column).type
        if function == "sum":
            kind = pa.float64() if pa.types.is_floating(kind) else pa.int64()
        elif function not in ("min", "max"):
            raise ValueError(f"no aggregate is called {function}")
        fields.append(pa.field(f"{column}_{function}", kind))
    return pa.schema(fields)


def _sql(function: str, column: str, kind: pa.DataType) -> str:
    if function == "sum":
        return f"CAST(sum({column}) AS {'DOUBLE' if pa.types.is_floating(kind) else 'BIGINT'})"
    return f"{function}({column})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _reckoned(kind: pa.DataType) -> pa.DataType:
    """How DuckDB is given a type: it would cut nanoseconds."""
    return pa.int64() if pa.types.is_timestamp(kind) else plain_type(kind)
