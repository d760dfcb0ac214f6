"""All tables as files that other tools read: a Parquet dataset, CSV, JSON lines or a DuckDB database.

An export appears whole or not at all: it is written beside its target and renamed. ``manifest.json`` is
written last and lists every file with its size, so that a folder without it is no finished export. Two runs
over one log give identical bytes: nothing in an export tells when, where or by whom it was made. A DuckDB
file is the exception: DuckDB puts a random identifier into each, so that only its content is the same.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa

from analyzer.errors import OutputError
from analyzer.reports import unknown_name
from analyzer.reports.escaping import dump_json
from analyzer.reports.files import neighbour, translate_errors
from analyzer.reports.tables import find_table_writer, write_json_lines

FORMAT = "buildkit-analyzer/export/1"
MANIFEST = "manifest.json"

ROW_GROUP_ROWS = 131_072
"""Rows of a Parquet row group: about 32 MB of log, the size that was measured to be cheap and small."""

Batches = Iterable[pa.RecordBatch]
Named = tuple[str, pa.Schema, Batches]
"""A table to export: its name, its schema and its rows as a stream."""


def named_tables(tables: Mapping[str, pa.Table]) -> Iterator[Named]:
    """Tables in memory as streams of batches, in the order of their names."""
    for name in sorted(tables):
        yield name, tables[name].schema, tables[name].to_batches()


def write_export(target: str | os.PathLike[str], tables: Iterable[Named], name: str) -> dict[str, int]:
    """Write an export.

    Args:
        target: The folder, or for ``duckdb`` the file. An earlier export there is replaced.
        tables: The tables; each stream is read once.
        name: ``parquet``, ``csv``, ``json`` or ``duckdb``.

    Returns:
        Rows written, a table.

    Raises:
        UsageError: There is no such format.
        OutputError: The target is something else than an earlier export, or cannot be written.
    """
    if name not in EXPORT_FORMATS:
        raise unknown_name("format", name, EXPORT_FORMATS)
    place = Path(os.path.realpath(target))
    with translate_errors(target):
        _refuse_foreign(place, target)
        place.parent.mkdir(parents=True, exist_ok=True)
        partial = neighbour(place)
        try:
            rows = EXPORT_FORMATS[name](partial, tables)
            if name != "duckdb":
                _write_manifest(partial, name, rows)
            _put(partial, place)
        finally:
            _remove(partial)
    return rows


def _write_parquet(folder: Path, tables: Iterable[Named]) -> dict[str, int]:
    import pyarrow.parquet as pq

    rows = {}
    for name, schema, batches in tables:
        (folder / name).mkdir(parents=True)
        labels = [field.name for field in schema if pa.types.is_dictionary(field.type)]
        with pq.ParquetWriter(
            folder / name / "part-0.parquet", schema, compression="zstd", use_dictionary=labels or False
        ) as writer:
            rows[name] = 0
            for group in _groups(schema, batches):
                writer.write_table(group, row_group_size=ROW_GROUP_ROWS)
                rows[name] += group.num_rows
    return rows


def _groups(schema: pa.Schema, batches: Batches) -> Iterator[pa.Table]:
    """Batches drawn together to row groups; their dictionaries become one."""
    waiting: list[pa.RecordBatch] = []
    number = 0
    for batch in batches:
        waiting.append(batch)
        number += batch.num_rows
        if number >= ROW_GROUP_ROWS:
            yield pa.Table.from_batches(waiting, schema).unify_dictionaries()
            waiting, number = [], 0
    if waiting:
        yield pa.Table.from_batches(waiting, schema).unify_dictionaries()


def _write_csv(folder: Path, tables: Iterable[Named]) -> dict[str, int]:
    writer = find_table_writer("csv")
    rows = {}
    for name, schema, batches in tables:
        counted = _Counted(batches)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as stream:
            writer(schema, counted, stream, None)
        rows[name] = counted.rows
    return rows


def _write_json(folder: Path, tables: Iterable[Named]) -> dict[str, int]:
    rows = {}
    for name, schema, batches in tables:
        counted = _Counted(batches)
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{name}.jsonl").open("w", encoding="utf-8", newline="\n") as stream:
            write_json_lines(schema, counted, stream)
        rows[name] = counted.rows
    return rows


def _write_duckdb(file: Path, tables: Iterable[Named]) -> dict[str, int]:
    import duckdb

    rows: dict[str, int] = {}
    try:
        # one thread, so that the order of rows, and with it the file, is the same every time
        with duckdb.connect(str(file), config={"threads": "1"}) as connection:
            for name, schema, batches in tables:
                reader = pa.RecordBatchReader.from_batches(schema, batches)
                connection.register("incoming", reader)
                connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM incoming')
                connection.unregister("incoming")
                [[rows[name]]] = connection.execute(f'SELECT count(*) FROM "{name}"').fetchall()
            connection.execute("CREATE TABLE manifest (format VARCHAR, name VARCHAR, rows BIGINT)")
            for name in sorted(rows):
                connection.execute("INSERT INTO manifest VALUES (?, ?, ?)", [FORMAT, name, rows[name]])
            connection.execute("CHECKPOINT")
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise OutputError(f"the database cannot be written: {reason}", where=str(file)) from error
    finally:
        with suppress(OSError):
            file.with_name(file.name + ".wal").unlink()
    return rows


class _Counted:
    """A stream of batches that counts its rows on the way."""

    def __init__(self, batches: Batches) -> None:
        self._batches = batches
        self.rows = 0

    def __iter__(self) -> Iterator[pa.RecordBatch]:
        for batch in self._batches:
            self.rows += batch.num_rows
            yield batch


def _write_manifest(folder: Path, name: str, rows: Mapping[str, int]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    manifest = {
        "format": FORMAT,
        "as": name,
        "tables": {table: {"rows": rows[table]} for table in sorted(rows)},
        "files": files,
    }
    (folder / MANIFEST).write_text(dump_json(manifest, indent=2) + "\n", encoding="utf-8")


def _refuse_foreign(place: Path, shown: str | os.PathLike[str]) -> None:
    """Refuse to replace anything that an export did not write."""
    if not os.path.lexists(place):
        return
    if place.is_dir():
        present = {path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir()}
        foreign = present - _manifest_files(place)
    else:
        foreign = set() if _is_database(place) else {place.name}
    if foreign:
        raise OutputError(
            f"exists and is not only an earlier export: it holds {min(foreign)!r}",
            where=os.fspath(shown),
            hint="name a new folder, or empty this one yourself",
        )


def _manifest_files(folder: Path) -> set[str]:
    try:
        manifest: Any = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        if manifest["format"] == FORMAT:
            return {MANIFEST, *map(str, manifest["files"])}
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        pass
    return set()


def _is_database(file: Path) -> bool:
    """Whether the file is a DuckDB database that an export wrote."""
    with file.open("rb") as stream:
        if stream.read(12)[8:] != b"DUCK":
            return False
    import duckdb

    try:
        with duckdb.connect(str(file), read_only=True) as connection:
            found = connection.execute("SELECT any_value(format) FROM manifest").fetchall()
    except duckdb.Error:
        return False
    return bool(found == [(FORMAT,)])


def _put(partial: Path, place: Path) -> None:
    """Rename the finished export over its target; a folder moves aside first: no rename replaces one."""
    if not place.is_dir():
        partial.replace(place)
        return
    aside = neighbour(place)
    place.rename(aside)
    try:
        partial.rename(place)
    except OSError:
        aside.rename(place)
        raise
    _remove(aside)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()


EXPORT_FORMATS: dict[str, Callable[[Path, Iterable[Named]], dict[str, int]]] = {
    "parquet": _write_parquet,
    "csv": _write_csv,
    "json": _write_json,
    "duckdb": _write_duckdb,
}
"""The formats of an export, by the name that ``--format`` takes."""
