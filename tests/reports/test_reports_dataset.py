from __future__ import annotations

import json
import os
import pickle
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import __version__
from analyzer.errors import OutputError
from analyzer.records import read_batches
from analyzer.records.schema import RECORDS
from analyzer.reports import dataset
from analyzer.reports.dataset import NO_VALUE, Part, Stamp, escape_partition, first_date, write_part
from analyzer.reports.export import publish

STAMP = Stamp(redacted=True)
TIMES = pa.timestamp("ns", tz="UTC")
LABEL = pa.dictionary(pa.int32(), pa.string())
ROWS = pa.schema(
    [
        ("record", pa.int64()),
        ("time", TIMES),
        ("level", LABEL),
        ("message", pa.string()),
        ("fields", pa.map_(pa.string(), pa.string())),
        ("attempts", pa.list_(pa.struct([("host", pa.string()), ("status", pa.int32())]))),
    ]
)
DAY = 86_400 * 10**9
MIDNIGHT = 20_000 * DAY  # 2024-10-04
KEYS = ds.partitioning(pa.schema([("date", pa.string()), ("builder", pa.string())]), flavor="hive")


def rows(times: list[int | None], first: int = 0) -> pa.RecordBatch:
    number = len(times)
    columns = {
        "record": range(first, first + number),
        "time": times,
        "message": [f"message {first + index}" for index in range(number)],
        "fields": [[("key", str(index))] for index in range(number)],
        "attempts": [[{"host": "mirror.example.com", "status": 200}]] * number,
    }
    arrays = [
        # the dictionary of a batch is its own
        pa.array([f"level{first}"] * number).dictionary_encode()
        if field.name == "level"
        else pa.array(columns[field.name], field.type)
        for field in ROWS
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=ROWS)


def write(
    folder: Path,
    *batches: pa.RecordBatch,
    builder: str = "web",
    number: int = 0,
    default: str | None = None,
    keep_empty: bool = True,
) -> list[Part]:
    return write_part(
        folder,
        "records",
        ROWS,
        batches,
        builder=builder,
        number=number,
        stamp=STAMP,
        default_date=default,
        keep_empty=keep_empty,
    )


def by_date(folder: Path) -> dict[str, list[int]]:
    """The records under each date, in the order of the files."""
    found: dict[str, list[int]] = {}
    for path in sorted(folder.rglob("*.parquet")):
        day = path.relative_to(folder).parts[1].removeprefix("date=")
        found.setdefault(day, []).extend(pq.ParquetFile(path).read()["record"].to_pylist())
    return found


def ask(query: str) -> list[Any]:
    with duckdb.connect() as connection:
        return list(connection.execute(query).fetchall())


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


@pytest.fixture(scope="module")
def log(repository: Path) -> list[pa.RecordBatch]:
    with (repository / "sample_logs" / "parallel" / "buildkitd.log").open("rb") as stream:
        return list(read_batches(stream, "buildkitd.log", chunk_bytes=20_000))


def test_rows_are_filed_by_their_day(tmp_path: Path) -> None:
    parts = write(tmp_path, rows([MIDNIGHT - 2, MIDNIGHT - 1, MIDNIGHT]), rows([MIDNIGHT + 1], first=3))
    assert [(part.path, part.rows) for part in parts] == [
        ("records/date=2024-10-03/builder=web/part-00000.parquet", 2),
        ("records/date=2024-10-04/builder=web/part-00000.parquet", 2),
    ]
    assert by_date(tmp_path) == {"2024-10-03": [0, 1], "2024-10-04": [2, 3]}
    assert [part.bytes for part in parts] == [(tmp_path / part.path).stat().st_size for part in parts]


def test_days_that_alternate_keep_the_order_of_rows(tmp_path: Path) -> None:
    write(tmp_path, rows([MIDNIGHT, MIDNIGHT - 1, MIDNIGHT, None, MIDNIGHT - 1, MIDNIGHT, None]))
    assert by_date(tmp_path) == {"2024-10-04": [0, 2, 5], "2024-10-03": [1, 4], NO_VALUE: [3, 6]}


def test_days_before_1970_and_at_both_ends_of_time(tmp_path: Path) -> None:
    write(tmp_path, rows([-1, 0, -DAY, 2**63 - 1, -(2**63) + 1]))
    assert by_date(tmp_path) == {
        "1677-09-21": [4],
        "1969-12-31": [0, 2],
        "1970-01-01": [1],
        "2262-04-11": [3],
    }


@pytest.mark.parametrize(
    ("default", "filed"),
    [
        (None, {"2024-10-04": [1], NO_VALUE: [0, 2]}),
        ("2024-10-04", {"2024-10-04": [0, 1, 2]}),
        ("2024-10-05", {"2024-10-04": [1], "2024-10-05": [0, 2]}),
    ],
)
def test_rows_without_a_time_take_the_default(
    tmp_path: Path, default: str | None, filed: dict[str, list[int]]
) -> None:
    write(tmp_path, rows([None, MIDNIGHT, None]), default=default)
    assert by_date(tmp_path) == filed


def test_start_is_used_where_there_is_no_time(tmp_path: Path) -> None:
    table = pa.table({"record": [1, 2], "start": pa.array([MIDNIGHT, None], TIMES)})
    batches = table.to_batches()
    write_part(tmp_path, "traces", table.schema, batches, builder="web", number=0, stamp=STAMP)
    assert by_date(tmp_path) == {"2024-10-04": [1], NO_VALUE: [2]}
    assert first_date(batches) == "2024-10-04"


def test_a_table_without_times_takes_the_default(tmp_path: Path) -> None:
    table = pa.table({"record": [1, 2]})
    batches = table.to_batches()
    parts = write_part(
        tmp_path,
        "workers",
        table.schema,
        batches,
        builder="web",
        number=3,
        stamp=STAMP,
        default_date="2024-10-04",
    )
    assert [part.path for part in parts] == ["workers/date=2024-10-04/builder=web/part-00003.parquet"]
    assert first_date(batches) is None


def test_first_date_is_that_of_the_first_time() -> None:
    assert first_date([rows([]), rows([None]), rows([None, MIDNIGHT, MIDNIGHT - DAY])]) == "2024-10-04"


def test_a_batch_within_one_day_is_not_copied(log: list[pa.RecordBatch]) -> None:
    calendar = dataset._Calendar(RECORDS, first_date(log))
    for batch in log:
        [(_, piece)] = calendar.split(batch)
        assert piece is batch


def test_a_new_day_in_every_row_does_not_make_a_file_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dataset, "MOST_DATES", 3)
    days: list[int | None] = [MIDNIGHT + index * DAY for index in range(5)]
    write(tmp_path / "one", rows(days), rows(days, first=5))
    write(tmp_path / "two", rows(days), rows(days, first=5), default="2024-10-04")
    assert by_date(tmp_path / "one") == {
        "2024-10-04": [0, 5],
        "2024-10-05": [1, 6],
        "2024-10-06": [2, 7],
        NO_VALUE: [3, 4, 8, 9],
    }
    assert by_date(tmp_path / "two")["2024-10-04"] == [0, 3, 4, 5, 8, 9]


@given(st.lists(st.lists(st.one_of(st.none(), st.integers(-3 * DAY, 3 * DAY)), max_size=6), max_size=4))
def test_every_row_is_kept_under_its_day(times: list[list[int | None]]) -> None:
    calendar = dataset._Calendar(ROWS, None)
    found: dict[str, list[int | None]] = {}
    for batch in times:
        for day, piece in calendar.split(rows(batch)):
            found.setdefault(day, []).extend(piece.column("time").view(pa.int64()).to_pylist())
    expected: dict[str, list[int | None]] = {}
    for time in (time for batch in times for time in batch):
        expected.setdefault(dataset._iso(None if time is None else time // DAY), []).append(time)
    assert found == expected


def test_the_log_reads_back_whole(tmp_path: Path, log: list[pa.RecordBatch]) -> None:
    [part] = write_part(
        tmp_path, "records", RECORDS, log, builder="web", number=0, stamp=STAMP, default_date=first_date(log)
    )
    table = pq.ParquetFile(tmp_path / part.path).read()
    assert table.schema.equals(RECORDS)
    assert table.to_pylist() == pa.Table.from_batches(log).to_pylist()


def test_two_runs_give_the_same_bytes(tmp_path: Path, log: list[pa.RecordBatch]) -> None:
    (tmp_path / "log.arrow").touch()
    with pa.ipc.new_stream(str(tmp_path / "log.arrow"), RECORDS) as stream:
        for batch in log:
            stream.write_batch(batch)
    code = (
        "import sys; from pathlib import Path; import pyarrow as pa\n"
        "from analyzer.reports.dataset import Stamp, write_part\n"
        "batches = list(pa.ipc.open_stream(pa.OSFile(sys.argv[1])))\n"
        "write_part(Path(sys.argv[2]), 'records', batches[0].schema, batches,"
        " builder='web', number=0, stamp=Stamp(True))\n"
        "sys.exit('pandas' in sys.modules)"
    )
    for seed in ("1", "2"):
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "log.arrow"), str(tmp_path / seed)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
        )
    assert content(tmp_path / "1") == content(tmp_path / "2")
    assert len(content(tmp_path / "1")) > 1


def test_what_a_worker_takes_and_gives_can_be_sent(tmp_path: Path) -> None:
    parts = write(tmp_path, rows([MIDNIGHT]))
    assert pickle.loads(pickle.dumps((parts, STAMP, write_part))) == (parts, STAMP, write_part)


def test_row_groups_are_whole_and_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "ROW_GROUP_ROWS", 10)
    times: list[int | None] = [MIDNIGHT] * 6
    [part] = write(tmp_path, *(rows(times, first=6 * index) for index in range(5)))
    file = pq.ParquetFile(tmp_path / part.path)
    sizes = [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)]
    assert sizes == [12, 12, 6]
    assert file.read()["level"].to_pylist() == [f"level{6 * (index // 6)}" for index in range(30)]
    [part] = write(tmp_path, rows([MIDNIGHT] * 25), number=1)
    file = pq.ParquetFile(tmp_path / part.path)
    assert [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)] == [10, 10, 5]


def test_large_rows_do_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "ROW_GROUP_BYTES", 1)
    parts = write(tmp_path, rows([MIDNIGHT, MIDNIGHT - 1]), rows([MIDNIGHT]))
    groups = [pq.ParquetFile(tmp_path / part.path).num_row_groups for part in parts]
    assert groups == [1, 2]


def test_files_say_what_they_are(tmp_path: Path) -> None:
    [part] = write(tmp_path, rows([MIDNIGHT]), builder="a/b")
    expected = {
        b"buildkit_analyzer.format": b"buildkit-analyzer/export/1",
        b"buildkit_analyzer.version": __version__.encode(),
        b"buildkit_analyzer.schema": b"records/1",
        b"buildkit_analyzer.redaction": b"on",
        b"buildkit_analyzer.builder": b"a/b",
    }
    file = pq.ParquetFile(tmp_path / part.path)
    assert file.schema_arrow.metadata == expected
    assert expected.items() <= file.metadata.metadata.items()
    assert [Stamp(redacted).redaction for redacted in (True, False, None)] == ["on", "off", "unknown"]


def test_statistics_and_encodings(tmp_path: Path, log: list[pa.RecordBatch]) -> None:
    [part] = write_part(
        tmp_path, "records", RECORDS, log, builder="web", number=0, stamp=STAMP, default_date=first_date(log)
    )
    group = pq.ParquetFile(tmp_path / part.path).metadata.row_group(0)
    columns = {column.path_in_schema: column for column in map(group.column, range(group.num_columns))}
    table = pa.Table.from_batches(log)
    pruned = {name for name, column in columns.items() if column.is_stats_set}
    assert pruned == set(RECORDS.names) - {"message", "fields", "text"}
    assert columns["record"].statistics.min == 0
    assert columns["record"].statistics.max == table.num_rows - 1
    assert columns["trace_id"].statistics.null_count == table["trace_id"].null_count
    assert columns["line"].has_column_index
    assert columns["line"].has_offset_index
    assert "DELTA_BINARY_PACKED" in columns["time"].encodings
    for name in ("level", "message", "trace_id", "fields.key_value.key", "fields.key_value.value"):
        assert "RLE_DICTIONARY" in columns[name].encodings, name
    assert {column.compression for column in columns.values()} == {"ZSTD"}


def test_a_trace_is_found_by_a_bloom_filter(tmp_path: Path) -> None:
    table = pa.table({"trace_id": [f"{index * 7919 % 5003:032x}" for index in range(5000)]})
    if not dataset._bloom_options(table.schema, table.num_rows):
        pytest.skip("this Arrow writes no Bloom filters")
    [part] = write_part(
        tmp_path, "records", table.schema, table.to_batches(), builder="web", number=0, stamp=STAMP
    )

    with duckdb.connect() as connection:

        def excluded(trace: str) -> bool:
            probe = f"FROM parquet_bloom_probe('{tmp_path / part.path}', 'trace_id', '{trace}')"
            [[answer]] = connection.execute(f"SELECT bloom_filter_excludes {probe}").fetchall()
            return bool(answer)

        assert not any(excluded(f"{index:032x}") for index in range(1, 50))
        assert sum(excluded(f"f{index:031x}") for index in range(50)) > 40


def test_a_table_without_rows_can_be_read(tmp_path: Path) -> None:
    [part] = write(tmp_path, rows([]), default="2024-10-04")
    assert (part.path, part.rows) == ("records/date=2024-10-04/builder=web/part-00000.parquet", 0)
    assert write(tmp_path / "other", keep_empty=False) == []
    frame = read_pandas(tmp_path / "records")
    assert list(frame.columns) == [*ROWS.names, "date", "builder"]
    assert len(frame) == 0


def test_a_column_named_like_a_partition_is_refused(tmp_path: Path) -> None:
    schema = pa.schema([("date", pa.string())])
    with pytest.raises(ValueError, match="date"):
        write_part(tmp_path, "records", schema, [], builder="web", number=0, stamp=STAMP)


HOSTILE = [
    "../../etc/cron.d",
    "/etc",
    "..",
    "a=b/date=2000-01-01",
    "50%",
    "%2e%2e",
    "x*?[y]{z}",
    "quote\"'\\^#<>|:",
    "\x00\x1b[2J\r\n\t\x7f",
    "\u202egpj\u200b",
    "$(reboot) `;&!~",
    "é漢🙂",
    ".hidden",
    "_hidden",
]


def read_duckdb(table: Path) -> Iterable[str]:
    reader = f"read_parquet('{table}/**/*.parquet', hive_partitioning = true)"
    return [name for (name,) in ask(f"SELECT builder FROM {reader}")]


def read_pandas(table: Path) -> pa.Table:
    import pandas as pd

    return pd.read_parquet(table)


def test_hostile_names_stay_within_the_dataset_and_come_back(tmp_path: Path) -> None:
    for name in HOSTILE:
        write(tmp_path / "set", rows([MIDNIGHT]), builder=name)
    assert os.listdir(tmp_path) == ["set"]
    folders = os.listdir(tmp_path / "set" / "records" / "date=2024-10-04")
    assert len(folders) == len(HOSTILE)
    assert all(folder.isprintable() and folder.startswith("builder=") for folder in folders)
    assert sorted(read_duckdb(tmp_path / "set" / "records")) == sorted(HOSTILE)
    assert sorted(read_pandas(tmp_path / "set" / "records")["builder"]) == sorted(HOSTILE)


@given(st.text(st.characters(codec=None), max_size=300))
def test_every_name_is_a_path_element(name: str) -> None:
    element = escape_partition(name)
    assert element
    assert element.isprintable()
    assert len(element.encode()) <= 200
    assert not set(element) & set('/\\"*:?<>|=')
    if 0 < len(name.encode("utf-8", "surrogatepass")) <= 60 and not re.search("[\ud800-\udfff]", name):
        decoded = bytes(element, "utf-8")
        decoded = re.sub(rb"%([0-9A-F]{2})", lambda found: bytes([int(found[1], 16)]), decoded)
        assert decoded.decode() == name


def test_long_names_stay_apart(tmp_path: Path) -> None:
    names = ["é" * 300, "é" * 301, "/" * 300]
    elements = [escape_partition(name) for name in names]
    assert len({*elements}) == 3
    assert all(re.fullmatch(r"(é+|(%2F)+)~[0-9a-f]{16}", element) for element in elements)
    [part] = write(tmp_path, rows([MIDNIGHT]), builder=names[0])
    assert part.builder == names[0]


def test_no_name_reads_as_no_value(tmp_path: Path) -> None:
    write(tmp_path, rows([MIDNIGHT]), builder=NO_VALUE)
    [name] = read_duckdb(tmp_path / "records")
    assert re.fullmatch(rf"{NO_VALUE}~[0-9a-f]{{16}}", name)
    assert escape_partition("") == NO_VALUE


def test_names_that_are_no_utf_8_are_written_out(tmp_path: Path) -> None:
    write(tmp_path, rows([MIDNIGHT]), builder="a\udc80")
    assert read_duckdb(tmp_path / "records") == ["a\\udc80"]


def test_a_part_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dataset, "ROW_GROUP_ROWS", 1)

    def broken() -> Iterator[pa.RecordBatch]:
        yield rows([MIDNIGHT - 1, MIDNIGHT])
        yield rows([MIDNIGHT])
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_part(tmp_path, "records", ROWS, broken(), builder="web", number=0, stamp=STAMP)
    assert content(tmp_path) == {}


def test_a_publication_lists_what_it_holds(tmp_path: Path) -> None:
    with publish(tmp_path / "out", STAMP) as publication:
        for number, builder in enumerate(("web", "ci")):
            publication.add(
                write(publication.folder, rows([MIDNIGHT - 1, MIDNIGHT]), builder=builder, number=number)
            )
        assert [*tmp_path.iterdir()] == [publication.folder.parent]
    assert publication.rows == {"records": 4}
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    files = content(tmp_path / "out")
    assert manifest["files"] == {
        name: len(data) for name, data in sorted(files.items()) if name != "manifest.json"
    }
    assert len(manifest["files"]) == 4
    records = manifest["tables"]["records"]
    assert (records["rows"], records["schema"]) == (4, "records/1")
    assert list(records["columns"]) == ROWS.names
    assert {key: manifest[key] for key in ("as", "partitions", "version", "redaction", "builders")} == {
        "as": "parquet",
        "partitions": ["date", "builder"],
        "version": __version__,
        "redaction": "on",
        "builders": ["ci", "web"],
    }


def test_a_publication_that_fails_leaves_the_earlier_one(tmp_path: Path) -> None:
    with publish(tmp_path / "out", STAMP) as publication:
        publication.add(write(publication.folder, rows([MIDNIGHT])))
    before = content(tmp_path / "out")

    def fail(error: BaseException) -> None:
        with publish(tmp_path / "out", STAMP) as publication:
            publication.add(write(publication.folder, rows([MIDNIGHT]), number=1))
            raise error

    for error in (RuntimeError(), KeyboardInterrupt()):
        with pytest.raises(type(error)):
            fail(error)
    assert content(tmp_path / "out") == before
    assert os.listdir(tmp_path) == ["out"]


def test_a_part_tried_again_counts_once_and_leftovers_go(tmp_path: Path) -> None:
    with publish(tmp_path / "out", STAMP) as publication:
        publication.add(write(publication.folder, rows([MIDNIGHT])))
        again = write(publication.folder, rows([MIDNIGHT]))
        publication.add(again)
        lost = publication.folder / again[0].path
        lost.with_name(".part-00000.parquet.0a1b2c3d.partial").write_bytes(b"PAR1")
    assert publication.rows == {"records": 1}
    assert len(content(tmp_path / "out")) == 2


def test_parts_that_do_not_fit_are_no_dataset(tmp_path: Path) -> None:
    def two_of_one_number() -> None:
        with publish(tmp_path / "out", STAMP) as publication:
            publication.add(write(publication.folder, rows([MIDNIGHT])))
            publication.add(write(publication.folder, rows([MIDNIGHT] * 100)))

    def not_added() -> None:
        with publish(tmp_path / "out", STAMP) as publication:
            write(publication.folder, rows([MIDNIGHT]))

    def cut() -> None:
        with publish(tmp_path / "out", STAMP) as publication:
            [part] = write(publication.folder, rows([MIDNIGHT]))
            publication.add([part])
            os.truncate(publication.folder / part.path, 10)

    with pytest.raises(ValueError, match="two parts"):
        two_of_one_number()
    with pytest.raises(ValueError, match="not added"):
        not_added()
    with pytest.raises(OutputError, match="cut"):
        cut()
    assert os.listdir(tmp_path) == []


# The documentation's queries, over a dataset of two builders and two days.


@pytest.fixture
def exported(tmp_path: Path, log: list[pa.RecordBatch]) -> Path:
    day = first_date(log)
    with publish(tmp_path / "tables", STAMP) as publication:
        for builder in ("007", "web"):
            publication.add(
                write_part(
                    publication.folder,
                    "records",
                    RECORDS,
                    log,
                    builder=builder,
                    number=0,
                    stamp=STAMP,
                    default_date=day,
                )
            )
        time = RECORDS.get_field_index("time")
        late = [
            batch.set_column(
                time, RECORDS.field("time"), pa.array([MIDNIGHT] * (batch.num_rows - 1) + [None], TIMES)
            )
            for batch in log
        ]
        publication.add(
            write_part(publication.folder, "records", RECORDS, late, builder="web", number=1, stamp=STAMP)
        )
    return tmp_path


def documented(repository: Path, language: str, number: int = 0) -> str:
    text = (repository / "docs" / "datasets.md").read_text()
    blocks: list[str] = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return blocks[number]


def counts(log: list[pa.RecordBatch]) -> dict[str, int]:
    levels = pa.Table.from_batches(log)["level"].to_pylist()
    return {level: levels.count(level) for level in ("error", "warning") if level in levels}


def test_the_sql_of_the_documentation(
    exported: Path, repository: Path, log: list[pa.RecordBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(exported)
    result = ask(documented(repository, "sql"))
    found = {(str(day), builder, level): number for day, builder, level, number in result}
    day = first_date(log)
    expected = {(day, builder, level): n for builder in ("007", "web") for level, n in counts(log).items()}
    assert {key: number for key, number in found.items() if key[0] == day} == expected
    assert {key[0] for key in found} >= {day, "2024-10-04"}
    late = {
        level: sum(n for key, n in found.items() if key[0] != day and key[2] == level)
        for level in counts(log)
    }
    assert late == counts(log)


@pytest.mark.parametrize(("number", "library"), [(0, "pandas"), (1, "polars")])
def test_the_python_of_the_documentation(
    exported: Path, repository: Path, log: list[pa.RecordBatch], number: int, library: str
) -> None:
    pytest.importorskip(library)
    code = documented(repository, "python", number)
    assert f"import {library}" in code
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=exported, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    day = first_date(log)
    assert day is not None
    assert day in done.stdout
    assert "2024-10-04" in done.stdout
    assert "007" in done.stdout
    for value in counts(log).values():
        assert re.search(rf"\b{value}\b", done.stdout), done.stdout


def test_plain_pandas_reads_a_dataset_whose_dates_are_known(tmp_path: Path) -> None:
    write(tmp_path, rows([MIDNIGHT - 1, MIDNIGHT, None]), default="2024-10-04")
    frame = read_pandas(tmp_path / "records")
    assert frame["record"].tolist() == [0, 1, 2]
    assert frame["date"].tolist() == ["2024-10-03", "2024-10-04", "2024-10-04"]
