"""All tables as files that other tools read: a Parquet dataset, CSV, JSON lines or a DuckDB database.

An export appears whole or not at all: it is written beside its target and renamed. ``manifest.json`` is
written last and lists every file with its size, so that a folder without it is no finished export. Two runs
over one log give identical bytes: nothing in an export tells when, where or by whom it was made. A DuckDB
file is the exception: DuckDB puts a random identifier into each, so that only its content is the same.

`write_export` does all of it for tables in one process. A dataset whose parts are written elsewhere is a
`Publication`: one process opens it and takes what the others report.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import chain, islice
from pathlib import Path
from typing import Any

import pyarrow as pa

from analyzer import __version__
from analyzer.errors import OutputError
from analyzer.reports import unknown_name
from analyzer.reports.dataset import FORMAT, PARTITIONS, SCHEMA_VERSION, Part, Stamp, first_date, write_part
from analyzer.reports.escaping import dump_json
from analyzer.reports.files import replace_whole, translate_errors
from analyzer.reports.tables import find_table_writer, write_json_lines

MANIFEST = "manifest.json"
"""The file of an export that lists the others, written last."""

Batches = Iterable[pa.RecordBatch]
Named = tuple[str, pa.Schema, Batches]
"""A table to export: its name, its schema and its rows as a stream."""


def named_tables(tables: Mapping[str, pa.Table]) -> Iterator[Named]:
    """Tables in memory as streams of batches, in the order of their names."""
    for name in sorted(tables):
        yield name, tables[name].schema, tables[name].to_batches()


def write_export(
    target: str | os.PathLike[str],
    tables: Iterable[Named],
    name: str,
    *,
    builder: str = "buildkitd",
    redacted: bool | None = None,
    default_date: str | None = None,
) -> dict[str, int]:
    """Write an export.

    Args:
        target: The folder, or for ``duckdb`` the file. An earlier export there is replaced.
        tables: The tables; each stream is read once.
        name: ``parquet``, ``csv``, ``json`` or ``duckdb``.
        builder: For ``parquet``, the builder that the rows come from.
        redacted: For ``parquet``, whether secrets were replaced; ``None`` is stated as unknown.
        default_date: For ``parquet``, the day of rows without a time; see `write_part`. Without one, the first
            day that was found at the head of a table: the table that has the times should come first.

    Returns:
        Rows written, a table.

    Raises:
        UsageError: There is no such format.
        OutputError: The target is something else than an earlier export, or cannot be written.
    """
    if name not in EXPORT_FORMATS:
        raise unknown_name("format", name, EXPORT_FORMATS)
    if name == "parquet":
        return _write_parquet(target, tables, builder, Stamp(redacted), default_date)
    with _stage(target) as partial:
        rows = _WRITERS[name](partial, tables)
        if name != "duckdb":
            _write_manifest(partial, name, {table: {"rows": rows[table]} for table in sorted(rows)})
    return rows


class Publication:
    """A dataset in the making, by `publish`.

    Attributes:
        folder: Where its parts are to be written, by `write_part`, from any process.
    """

    def __init__(self, folder: Path, stamp: Stamp) -> None:
        self.folder = folder
        self._stamp = stamp
        self._parts: dict[str, Part] = {}

    @property
    def rows(self) -> dict[str, int]:
        """Rows so far, a table."""
        rows = dict.fromkeys(sorted({part.table for part in self._parts.values()}), 0)
        for part in self._parts.values():
            rows[part.table] += part.rows
        return rows

    def add(self, parts: Iterable[Part]) -> None:
        """Take parts that were written; one that is reported twice, because it was tried again, counts once.

        Raises:
            ValueError: Two different parts have one path: they had the same number.
        """
        for part in parts:
            if self._parts.setdefault(part.path, part) != part:
                raise ValueError(f"two parts are called {part.path}")

    def _seal(self) -> None:
        """Write the manifest, after a look at every file.

        Raises:
            ValueError: A part that was written was not added.
            OutputError: A part that was added is not there as it was written.
        """
        import pyarrow.parquet as pq

        present = {}
        for path in sorted(self.folder.rglob("*")):
            if path.name.endswith(".partial"):
                path.unlink()  # of a worker that was lost
            elif path.is_file():
                present[path.relative_to(self.folder).as_posix()] = path.stat().st_size
        if strange := present.keys() - self._parts.keys():
            raise ValueError(f"{min(strange)} was written and not added")
        for part in self._parts.values():
            if present.get(part.path) != part.bytes:
                raise OutputError("was lost or cut after it was written", where=part.path)
        tables: dict[str, Any] = {}
        for table, rows in self.rows.items():
            first = min(part.path for part in self._parts.values() if part.table == table)
            schema = pq.read_schema(self.folder / first)
            columns = {field.name: str(field.type) for field in schema}
            tables[table] = {"rows": rows, "schema": f"{table}/{SCHEMA_VERSION}", "columns": columns}
        _write_manifest(
            self.folder,
            "parquet",
            tables,
            partitions=list(PARTITIONS),
            version=__version__,
            redaction=self._stamp.redaction,
            builders=sorted({part.builder for part in self._parts.values()}),
        )


@contextmanager
def publish(target: str | os.PathLike[str], stamp: Stamp) -> Iterator[Publication]:
    """Make a dataset: its parts are written into a folder beside the target, which takes its place at the end.

    Args:
        target: The folder. An earlier export there is replaced once the new one is whole, and stays as it is
            if the new one fails.
        stamp: What all its files say alike; `write_part` wants the same.

    Raises:
        OutputError: The target is something else than an earlier export, or cannot be written.
    """
    with _stage(target) as partial:
        partial.mkdir()
        publication = Publication(partial, stamp)
        yield publication
        publication._seal()


@contextmanager
def _stage(target: str | os.PathLike[str]) -> Iterator[Path]:
    """A place beside the target whose content takes the target's place, once all of it is there."""
    place = Path(os.path.realpath(target))
    with translate_errors(target):
        _refuse_foreign(place, target)
        place.parent.mkdir(parents=True, exist_ok=True)
        with replace_whole(place) as partial:
            yield partial


def _write_parquet(
    target: str | os.PathLike[str],
    tables: Iterable[Named],
    builder: str,
    stamp: Stamp,
    default_date: str | None,
) -> dict[str, int]:
    with publish(target, stamp) as publication:
        for table, schema, batches in tables:
            stream = iter(batches)
            head = list(islice(stream, 1))
            default_date = default_date or first_date(head)
            parts = write_part(
                publication.folder,
                table,
                schema,
                chain(head, stream),
                builder=builder,
                number=0,
                stamp=stamp,
                default_date=default_date,
            )
            publication.add(parts)
    return publication.rows


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


def _write_manifest(folder: Path, name: str, tables: Mapping[str, Any], **more: Any) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    manifest = {"format": FORMAT, "as": name, **more, "tables": tables, "files": files}
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


_WRITERS: dict[str, Callable[[Path, Iterable[Named]], dict[str, int]]] = {
    "csv": _write_csv,
    "json": _write_json,
    "duckdb": _write_duckdb,
}

EXPORT_FORMATS = ("parquet", *_WRITERS)
"""The formats of an export, by the name that ``--format`` takes."""
