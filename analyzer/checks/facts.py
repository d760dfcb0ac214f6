"""The tables that rules and queries may name, complete: what is not known is there, without rows."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.spool import Rows

_TIME = pa.timestamp("us", tz="UTC")

CONTEXT = TableSpec(
    name="context",
    row="the check: always one row",
    columns=(
        Column("config_given", pa.bool_(), "a configuration says what was meant"),
        Column("effective_known", pa.bool_(), "it is known what the daemon was given"),
        Column("trace_given", pa.bool_(), "an exported trace stands beside the log"),
        Column("require_proof", pa.bool_(), "passes by inference do not count"),
        Column("buildkit_version", pa.string(), "the version, where it is known"),
        Column("log_start", _TIME, "the earliest time in the log; null where it has none"),
        Column("log_end", _TIME, "the latest time in the log; null where it has none"),
    ),
)

LINT = TableSpec(
    name="intended_lint",
    row="a fault of the configuration file",
    columns=(
        Column("kind", pa.string(), "which fault"),
        Column("severity", pa.string(), "error, warning or info"),
        Column("message", pa.string(), "what is wrong"),
        Column("file", pa.string(), "the configuration file"),
        Column("line", pa.int64(), "its line, from 1"),
        Column("column", pa.int64(), "its column, from 1"),
        Column("fix", pa.string(), "what to do"),
        Column("suggestion", pa.string(), "what was probably meant"),
    ),
)


def known_specs() -> dict[str, TableSpec]:
    """Every table that a rule may name, by name."""
    from analyzer import tables
    from analyzer.attribution import tables as attribution
    from analyzer.intent import tables as intent

    return {spec.name: spec for spec in (LINT, CONTEXT, *tables.SPECS, *intent.SPECS, *attribution.SPECS)}


def complete(
    tables: Mapping[str, pa.Table | Rows], *, require_proof: bool = False
) -> dict[str, pa.Table | Rows]:
    """The tables, with those that are missing added without rows, and one row of `context`.

    A configuration always has a host for docker.io, so `intended_hosts` tells whether there is one.
    """
    whole: dict[str, pa.Table | Rows] = dict(tables)
    for name, spec in known_specs().items():
        if name not in whole:
            # not Schema.empty_table(): that imports pandas
            whole[name] = pa.Table.from_batches([], schema=spec.schema)
    if whole["context"].num_rows == 0:
        flags = (
            whole["intended_hosts"].num_rows > 0,
            whole["effective_hosts"].num_rows > 0,
            whole["trace_spans"].num_rows > 0,
            require_proof,
        )
        version = pa.Array.from_buffers(
            pa.string(), 1, [_bits(False), pa.py_buffer(bytes(8)), pa.py_buffer(b"")]
        )
        columns = [pa.Array.from_buffers(pa.bool_(), 1, [None, _bits(flag)]) for flag in flags]
        times = [pa.nulls(1, _TIME), pa.nulls(1, _TIME)]
        whole["context"] = pa.Table.from_arrays([*columns, version, *times], schema=CONTEXT.schema)
    return whole


def _bits(flag: bool) -> pa.Buffer:
    """One bit, as Arrow holds it; `pa.array` would import pandas."""
    return pa.py_buffer(b"\x01" if flag else b"\x00")
