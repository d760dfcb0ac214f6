"""Tables for people, spreadsheets and programs: aligned text, CSV, a JSON array of row objects."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator
from datetime import date, datetime, time
from decimal import Decimal
from itertools import chain, islice
from typing import Any, TextIO

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.reports import unknown_name
from analyzer.reports.escaping import dump_json, escape_csv, escape_terminal

Row = list[Any]

_SAMPLE_ROWS = 500
"""Rows that are looked at before the widths of the columns are settled."""

_WIDEST_CELL = 60
_NARROWEST_CELL = 8


def write_table(table: pa.Table, name: str, stream: TextIO, *, width: int | None = None) -> None:
    """Write a table.

    Args:
        table: The table; of nested types only what this program's tables hold is expected.
        name: ``terminal``, ``csv`` or ``json``.
        stream: Where to.
        width: Columns that the terminal has; without it nothing is cut.

    Raises:
        UsageError: There is no such format.
    """
    find_table_writer(name)(table.schema, table.to_batches(), stream, width)


def find_table_writer(name: str) -> TableWriter:
    """The writer of a format of tables.

    Raises:
        UsageError: There is no such format.
    """
    if name not in TABLE_FORMATS:
        raise unknown_name("format", name, TABLE_FORMATS)
    return TABLE_FORMATS[name]


def plain_rows(batches: Iterable[pa.RecordBatch]) -> Iterator[Row]:
    """Rows of plain Python values: times as ISO text, maps as dicts, no type that JSON lacks."""
    for batch in batches:
        columns = [_plain_column(column) for column in batch.columns]
        yield from (list(row) for row in zip(*columns, strict=True))


def column_names(schema: pa.Schema) -> list[str]:
    """The names of the columns, made distinct where a query gave one name twice."""
    names: list[str] = []
    for name in schema.names:
        distinct, number = name, 1
        while distinct in names:
            distinct, number = f"{name}_{number}", number + 1
        names.append(distinct)
    return names


def _write_json(schema: pa.Schema, batches: Iterable[pa.RecordBatch], stream: TextIO, _: int | None) -> None:
    names = column_names(schema)
    separator = "[\n  "
    for row in plain_rows(batches):
        stream.write(separator + dump_json(dict(zip(names, row, strict=True))))
        separator = ",\n  "
    stream.write("[]\n" if separator.startswith("[") else "\n]\n")


def write_json_lines(schema: pa.Schema, batches: Iterable[pa.RecordBatch], stream: TextIO) -> None:
    """Write a JSON object a row, one a line."""
    names = column_names(schema)
    for row in plain_rows(batches):
        stream.write(dump_json(dict(zip(names, row, strict=True))) + "\n")


def _write_csv(schema: pa.Schema, batches: Iterable[pa.RecordBatch], stream: TextIO, _: int | None) -> None:
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow([escape_csv(name) for name in column_names(schema)])
    for row in plain_rows(batches):
        writer.writerow([_csv_cell(value) for value in row])


def _csv_cell(value: Any) -> Any:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (dict, list)):
        return dump_json(value)
    return escape_csv(value) if isinstance(value, str) else value


def _write_terminal(
    schema: pa.Schema, batches: Iterable[pa.RecordBatch], stream: TextIO, width: int | None
) -> None:
    names = [escape_terminal(name) for name in column_names(schema)]
    numeric = [
        pa.types.is_integer(type_) or pa.types.is_floating(type_) or pa.types.is_decimal(type_)
        for type_ in schema.types
    ]
    cells = ([_cell(value) for value in row] for row in plain_rows(batches))
    sample = list(islice(cells, _SAMPLE_ROWS))
    rows = chain(sample, cells)
    widths = [
        max([len(name), *(len(row[index]) for row in sample)]) if sample else len(name)
        for index, name in enumerate(names)
    ]
    fitted = _fit(widths, width)
    if fitted is None:
        shown = _write_expanded(names, rows, stream)
    else:
        shown = _write_aligned(names, numeric, fitted, rows, stream, cut=width is not None)
    stream.write(f"({shown:,} row{'' if shown == 1 else 's'})\n")


def _fit(widths: list[int], available: int | None) -> list[int] | None:
    """Widths that fit, the widest columns narrowed first; None where the table cannot stand side by side."""
    if available is None:
        return [min(width, _WIDEST_CELL) for width in widths]
    fitted = list(widths)
    room = available - 2 * (len(widths) - 1)
    while fitted and sum(fitted) > room:
        widest = max(range(len(fitted)), key=fitted.__getitem__)
        if fitted[widest] <= _NARROWEST_CELL * 2:
            return None
        others = sum(fitted) - fitted[widest]
        second = max((width for index, width in enumerate(fitted) if index != widest), default=0)
        fitted[widest] = max(room - others, min(second, fitted[widest] - 1), _NARROWEST_CELL)
    return fitted


def _write_aligned(
    names: list[str],
    numeric: list[bool],
    widths: list[int],
    rows: Iterable[list[str]],
    stream: TextIO,
    *,
    cut: bool,
) -> int:
    def line(cells: list[str]) -> str:
        padded = []
        for cell, width, right in zip(cells, widths, numeric, strict=True):
            text = cell[: width - 3] + "..." if cut and len(cell) > width else cell
            padded.append(text.rjust(width) if right else text.ljust(width))
        return "  ".join(padded).rstrip() + "\n"

    stream.write(line(names))
    stream.write("  ".join("-" * width for width in widths) + "\n")
    shown = 0
    for row in rows:
        stream.write(line(row))
        shown += 1
    return shown


def _write_expanded(names: list[str], rows: Iterable[list[str]], stream: TextIO) -> int:
    """One column a line, for tables wider than the terminal; what is null is left out."""
    label = max(len(name) for name in names)
    shown = 0
    for row in rows:
        shown += 1
        stream.write(f"-- row {shown}\n")
        for name, cell in zip(names, row, strict=True):
            if cell:
                stream.write(f"{name.ljust(label)}  {cell}\n")
    return shown


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return escape_terminal(value)
    if isinstance(value, list) and all(isinstance(item, (str, int)) for item in value):
        return escape_terminal(", ".join(map(str, value)))
    if isinstance(value, dict):
        return escape_terminal(" ".join(f"{key}={_cell(item)}" for key, item in value.items()))
    if isinstance(value, list):
        return "; ".join(_member(item) for item in value)
    return str(value)


def _member(value: Any) -> str:
    """A cell within a list: of a struct, what it holds is enough where its neighbours look alike."""
    if isinstance(value, dict):
        return " ".join(cell for cell in map(_cell, value.values()) if cell)
    return _cell(value)


def _plain_column(column: pa.Array) -> list[Any]:
    type_ = column.type
    if pa.types.is_dictionary(type_):
        column, type_ = column.dictionary_decode(), type_.value_type
    if pa.types.is_timestamp(type_):
        return list(iso_times(column).to_pylist())
    if pa.types.is_duration(type_):
        return list(pc.cast(column, pa.int64()).to_pylist())
    values = column.to_pylist()
    convert = _converter(type_)
    return [None if value is None else convert(value) for value in values] if convert else list(values)


def iso_times(column: pa.Array) -> pa.Array:
    """Timestamps as ISO 8601 text, without the zeros that say nothing; ``Z`` where the zone is known.

    Text is made by Arrow: a nanosecond timestamp as a Python object would import pandas.
    """
    if column.type.tz is not None:
        column = pc.cast(column, pa.timestamp(column.type.unit, "UTC"))
    text = pc.replace_substring(pc.cast(column, pa.string()), " ", "T")
    text = pc.replace_substring_regex(text, r"\.0+(Z?)$", r"\1")
    return pc.replace_substring_regex(text, r"(\.\d*[1-9])0+(Z?)$", r"\1\2")


def _converter(type_: pa.DataType) -> Callable[[Any], Any] | None:
    if pa.types.is_map(type_):
        inner = _converter(type_.item_type)
        return lambda pairs: {str(key): _apply(inner, value) for key, value in pairs}
    if pa.types.is_struct(type_):
        inners = {field.name: _converter(field.type) for field in type_.fields}
        return lambda row: {key: _apply(inners.get(key), value) for key, value in row.items()}
    if pa.types.is_list(type_) or pa.types.is_large_list(type_) or pa.types.is_fixed_size_list(type_):
        inner = _converter(type_.value_type)
        return lambda items: [_apply(inner, item) for item in items]
    if pa.types.is_boolean(type_) or pa.types.is_integer(type_) or pa.types.is_string(type_):
        return None
    return _plain


def _apply(convert: Callable[[Any], Any] | None, value: Any) -> Any:
    return value if convert is None or value is None else convert(value)


def _plain(value: Any) -> Any:
    """A value of a type that JSON lacks, as the nearest that it has."""
    if isinstance(value, (str, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    if isinstance(value, (datetime, date, time)):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, pa.MonthDayNano):
        return _iso_duration(value)
    return str(value)


def _iso_duration(value: Any) -> str:
    """What one time minus another gives in SQL, as ISO 8601: ``PT9.5S``."""
    months = f"{value.months}M" if value.months else ""
    days = f"{value.days}D" if value.days else ""
    seconds = Decimal(value.nanoseconds).scaleb(-9).normalize()
    clock = f"T{seconds:f}S" if seconds or not (months or days) else ""
    return f"P{months}{days}{clock}"


TableWriter = Callable[[pa.Schema, Iterable[pa.RecordBatch], TextIO, int | None], None]

TABLE_FORMATS: dict[str, TableWriter] = {
    "terminal": _write_terminal,
    "csv": _write_csv,
    "json": _write_json,
}
"""The formats of a table, by the name that ``--format`` takes."""
