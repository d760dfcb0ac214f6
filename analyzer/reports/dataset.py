"""Parts of a Parquet dataset, each written by itself: in this process, in another one or on another machine.

The layout is Hive's: ``<table>/date=YYYY-MM-DD/builder=<name>/part-00000.parquet``. What a part's files hold
depends on its rows, its builder, its number and its stamp alone, so a part that is written again is the same.
Figures in comments were taken over the 83,908 records of 26 MB of debug log: 45 ms of one core and 1.15 MB,
against 53 ms and 1.88 MB with dictionaries for labels and Arrow's own choices for all else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa

from analyzer import __version__
from analyzer.reports.files import neighbour

FORMAT = "buildkit-analyzer/export/1"
"""The layout of an export and of its manifest."""

SCHEMA_VERSION = 1
"""Goes up when a column of a table changes its meaning or its type; a new column is no such change."""

PARTITIONS = ("date", "builder")
"""The keys of the partitions, which stand in the path and not in the files."""

NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""What Hive writes into a path for a value that is not known."""

ROW_GROUP_ROWS = 131_072
"""Rows of a row group: about 32 MB of log, the size that was measured to be cheap and small."""

ROW_GROUP_BYTES = 64 << 20
"""Bytes that wait for a row group, over all dates: rows of 16 MB must not wait for the 131,072nd."""

MOST_DATES = 366
"""Dates that a part is split into; rows of further ones go where those without a time go.

A damaged log can show another day in every line, and each would be a file.
"""

_EPOCH = date(1970, 1, 1)
_UNSAFE = frozenset("\"#%'*/:=?\\{[]^<>|\x7f") | {chr(code) for code in range(32)}
_NAME_BYTES = 200
_MOMENTS = ("time", "start")


@dataclass(frozen=True)
class Stamp:
    """What all files of a dataset say alike.

    Attributes:
        redacted: Whether secrets were replaced; ``None`` when the writer was not told.
    """

    redacted: bool | None

    @property
    def redaction(self) -> str:
        """``on``, ``off`` or ``unknown``."""
        return "unknown" if self.redacted is None else "on" if self.redacted else "off"

    def metadata(self, table: str, builder: str) -> dict[str, str]:
        """The key-value metadata of a file."""
        return {
            "buildkit_analyzer.format": FORMAT,
            "buildkit_analyzer.version": __version__,
            "buildkit_analyzer.schema": f"{table}/{SCHEMA_VERSION}",
            "buildkit_analyzer.redaction": self.redaction,
            "buildkit_analyzer.builder": _encodable(builder),
        }


@dataclass(frozen=True)
class Part:
    """A file that was written.

    Attributes:
        path: Its place in the dataset, with ``/``.
        table: The table that its rows belong to.
        builder: The builder that they come from.
        rows: Their number.
        bytes: The size of the file.
    """

    path: str
    table: str
    builder: str
    rows: int
    bytes: int


def write_part(
    folder: Path,
    table: str,
    schema: pa.Schema,
    batches: Iterable[pa.RecordBatch],
    *,
    builder: str,
    number: int,
    stamp: Stamp,
    default_date: str | None = None,
    keep_empty: bool = True,
) -> list[Part]:
    """Write rows of a table as one part, a file a date.

    A row's date is the UTC day of its ``time``, else of its ``start``, else the default. Rows keep their order.
    At most one row group a date waits in memory, and `ROW_GROUP_BYTES` over all of them.

    Args:
        folder: The dataset, or the place where it is made.
        table: The table's name.
        schema: The table's schema.
        batches: The rows, read once.
        builder: The builder's name; anything, it is made safe for a path.
        number: The number of the part, which must be its own among the parts of this table and builder.
        stamp: What all files of the dataset say alike.
        default_date: The day, ``YYYY-MM-DD``, of rows without a time. `first_date` of the same rows is a good
            one: a batch within one day is then written as it is. Without one, Hive's name for no value,
            beside which pandas must be told the types of the partitions.
        keep_empty: Write one file without rows when there are none, so that the table can be read.

    Returns:
        The files, by date.

    Raises:
        ValueError: The schema has a column named like a partition, or the default is no date.
        OSError: A file cannot be written.
    """
    if clash := set(PARTITIONS) & set(schema.names):
        raise ValueError(f"{table} has columns named like partitions: {sorted(clash)}")
    stamped = schema.with_metadata(stamp.metadata(table, builder))
    calendar = _Calendar(schema, default_date)
    files: dict[str, _File] = {}

    def file_of(day: str) -> _File:
        if day not in files:
            path = f"{table}/date={day}/builder={escape_partition(builder)}/part-{number:05}.parquet"
            files[day] = _File(folder, path, stamped)
        return files[day]

    try:
        for batch in batches:
            for day, piece in calendar.split(batch):
                file_of(day).add(piece)
            # written as soon as they are whole, so that what waits does not grow with the log
            while sum(file.waiting for file in files.values()) >= ROW_GROUP_BYTES:
                max(files.values(), key=lambda file: file.waiting).flush()
        if not files and keep_empty:
            file_of(calendar.default)
        parts = []
        for day in sorted(files):
            size = files[day].finish()
            parts.append(Part(files[day].path, table, builder, rows=files[day].rows, bytes=size))
        return parts
    except BaseException:
        for file in files.values():
            file.discard()
        raise


def first_date(batches: Iterable[pa.RecordBatch]) -> str | None:
    """The UTC day of the first row that has a time, ``YYYY-MM-DD``."""
    for batch in batches:
        moments = _moments(batch)
        if moments is not None and moments.null_count < len(moments):
            return _iso(moments.drop_null()[0].as_py() // (86_400 * 10**9))
    return None


def escape_partition(name: str) -> str:
    """A name as the value of a partition in a path, which readers turn back into the name.

    The characters that Hive and Spark escape become ``%`` and two hexadecimal digits, with those that Windows
    forbids and all that do not print. A name too long for a file system is cut and ends in its hash; one that
    is Hive's name for no value ends in it too.
    """
    text = _encodable(name)
    if not text:
        return NO_VALUE
    pieces = [
        "".join(f"%{byte:02X}" for byte in character.encode())
        if character in _UNSAFE or not character.isprintable()
        else character
        for character in text
    ]
    escaped = "".join(pieces)
    if len(escaped.encode()) <= _NAME_BYTES and escaped != NO_VALUE:
        return escaped
    mark = "~" + hashlib.sha256(text.encode()).hexdigest()[:16]
    room = _NAME_BYTES - len(mark)
    kept = []
    for piece in pieces:
        room -= len(piece.encode())
        if room < 0:
            break
        kept.append(piece)
    return "".join(kept) + mark


def _encodable(text: str) -> str:
    """The text with lone surrogates, which stand for bytes that are no UTF-8, written out."""
    return text.encode("utf-8", "backslashreplace").decode()


class _Calendar:
    """Splits batches by date; ``default`` is that of rows without a time."""

    def __init__(self, schema: pa.Schema, default_date: str | None) -> None:
        self._default = None if default_date is None else (date.fromisoformat(default_date) - _EPOCH).days
        self._known: set[int] = set()
        self.default = _iso(self._default)

    def split(self, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.RecordBatch]]:
        """The rows by date, in their order. A batch within one day is not copied."""
        import pyarrow.compute as pc

        if not batch.num_rows:
            return
        moments = _moments(batch)
        if moments is None or moments.null_count == len(moments):
            yield self.default, batch
            return
        ends = pc.min_max(moments)
        first, last = (ends[name].as_py() // (86_400 * 10**9) for name in ("min", "max"))
        if first == last and (not moments.null_count or self._default == first) and self._learn([first]):
            yield _iso(first), batch
            return
        days = moments.view(pa.timestamp("ns")).cast(pa.date32()).view(pa.int32())
        if self._default is not None:
            days = pc.fill_null(days, pa.scalar(self._default, pa.int32()))
        runs = pc.run_end_encode(days)
        if not self._learn(runs.values.to_pylist()):
            known = pc.is_in(days, value_set=pa.array(sorted(self._known), pa.int32()))
            days = pc.if_else(known, days, pa.scalar(self._default, pa.int32()))
            runs = pc.run_end_encode(days)
        if runs.values.null_count > 1 or len(runs.values.unique()) < len(runs.values):
            order = pc.sort_indices(days)  # stable, so rows of one day keep their order
            batch, runs = batch.take(order), pc.run_end_encode(days.take(order))
        start = 0
        for day, end in zip(runs.values.to_pylist(), runs.run_ends.to_pylist(), strict=True):
            yield _iso(day), batch.slice(start, end - start)
            start = end

    def _learn(self, days: Iterable[int | None]) -> bool:
        """Takes up days while there is room; whether all had room."""
        for day in days:
            if day is None or day in self._known:
                continue
            if len(self._known) == MOST_DATES:
                return False
            self._known.add(day)
        return True


def _moments(batch: pa.RecordBatch) -> pa.Array | None:
    """When each row was, in nanoseconds since 1970, null where it does not say."""
    import pyarrow.compute as pc

    found = [
        batch.column(name).cast(pa.timestamp("ns", tz=batch.schema.field(name).type.tz)).view(pa.int64())
        for name in _MOMENTS
        if name in batch.schema.names and pa.types.is_timestamp(batch.schema.field(name).type)
    ]
    return pc.coalesce(*found) if len(found) > 1 else found[0] if found else None


def _iso(day: int | None) -> str:
    return NO_VALUE if day is None else (_EPOCH + timedelta(days=day)).isoformat()


class _File:
    """One file of a part. It is opened with its first row group and gets its name when it is whole."""

    def __init__(self, folder: Path, path: str, schema: pa.Schema) -> None:
        self.path = path
        self.rows = 0
        self.waiting = 0
        self._place = folder / path
        self._partial = neighbour(self._place)
        self._schema = schema
        self._batches: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._stream: Any = None
        self._writer: Any = None

    def add(self, batch: pa.RecordBatch) -> None:
        """Takes rows, and writes those that wait once they are a row group."""
        self._batches.append(batch)
        self._waiting_rows += batch.num_rows
        self.waiting += batch.nbytes
        if self._waiting_rows >= ROW_GROUP_ROWS:
            self.flush()

    def flush(self) -> None:
        """Writes the rows that wait as a row group, under one dictionary a column."""
        group = pa.Table.from_batches(self._batches, self._schema.remove_metadata()).unify_dictionaries()
        if self._writer is None:
            self._open(group.num_rows)
        # a table that came in one piece is cut; a few rows too many are not worth a row group of their own
        whole = group.num_rows < 2 * ROW_GROUP_ROWS
        self._writer.write_table(group, row_group_size=group.num_rows or 1 if whole else ROW_GROUP_ROWS)
        self.rows += group.num_rows
        self._batches, self._waiting_rows, self.waiting = [], 0, 0

    def finish(self) -> int:
        """Writes what is left and gives the file its name; its size."""
        if self._batches or self._writer is None:
            self.flush()
        self._writer.close()
        self._stream.close()
        self._partial.replace(self._place)
        return self._place.stat().st_size

    def discard(self) -> None:
        """Closes and removes what was not finished."""
        for opened in (self._writer, self._stream):
            with suppress(OSError, pa.ArrowException):
                if opened is not None:
                    opened.close()
        with suppress(OSError):
            self._partial.unlink()

    def _open(self, rows: int) -> None:
        import pyarrow.parquet as pq

        self._place.parent.mkdir(parents=True, exist_ok=True)
        # not the path: Arrow takes some names for URIs
        self._stream = pa.OSFile(str(self._partial), "wb")
        self._writer = pq.ParquetWriter(self._stream, self._schema, **_writer_options(self._schema, rows))


_NOT_REPEATED = frozenset({"span_id"})
"""Text with nearly as many values as rows, which a dictionary makes larger."""

_REPEATED_NUMBERS = frozenset({"lines", "length"})
"""Numbers of few values, which a dictionary makes half as large."""

_UNPRUNED = frozenset({"message", "text"})
"""Text that no query compares by order; its smallest and largest value can be 4 KB each, in every page."""

_FILTERED = "trace_id"
_FILTERED_VALUES = 4096


def _writer_options(schema: pa.Schema, rows: int) -> Mapping[str, Any]:
    """How columns are encoded, each as it was measured to be small and fast."""
    leaves = [leaf for field in schema for leaf in _leaves(field.name, field.type)]
    return {
        "compression": "zstd",
        "compression_level": 1,  # level 3 takes 5 % longer and saves 3 %
        "use_dictionary": [path for path, kind in leaves if _is_repeated(path, kind)] or False,
        "column_encoding": {
            path: "DELTA_BINARY_PACKED"  # records and lines count up: 2 KB for 170
            for path, kind in leaves
            if (pa.types.is_integer(kind) or pa.types.is_timestamp(kind)) and not _is_repeated(path, kind)
        }
        or None,
        "write_statistics": [path for path, _ in leaves if path in schema.names and path not in _UNPRUNED],
        "write_page_index": True,  # 1 KB a row group
        "write_batch_size": 4096,  # 5 % faster than 1024
        **_bloom_options(schema, rows),
    }


def _bloom_options(schema: pa.Schema, rows: int) -> Mapping[str, Any]:
    """A Bloom filter finds a trace, of which minimum and maximum say nothing; where Arrow can write one."""
    import inspect

    import pyarrow.parquet as pq

    known = "bloom_filter_options" in inspect.signature(pq.ParquetWriter.__init__).parameters
    if not known or _FILTERED not in schema.names or rows < _FILTERED_VALUES:
        return {}
    return {"bloom_filter_options": {_FILTERED: {"ndv": _FILTERED_VALUES, "fpp": 0.01}}}


def _is_repeated(path: str, kind: pa.DataType) -> bool:
    text = pa.types.is_dictionary(kind) or pa.types.is_string(kind) or pa.types.is_large_string(kind)
    return path in _REPEATED_NUMBERS or (text and path not in _NOT_REPEATED)


def _leaves(path: str, kind: pa.DataType) -> Iterator[tuple[str, pa.DataType]]:
    """Parquet's columns of an Arrow column: path and type."""
    if pa.types.is_map(kind):
        yield from _leaves(f"{path}.key_value.key", kind.key_type)
        yield from _leaves(f"{path}.key_value.value", kind.item_type)
    elif pa.types.is_list(kind) or pa.types.is_large_list(kind):
        yield from _leaves(f"{path}.list.element", kind.value_type)
    elif pa.types.is_struct(kind):
        for index in range(kind.num_fields):
            yield from _leaves(f"{path}.{kind.field(index).name}", kind.field(index).type)
    else:
        yield path, kind
