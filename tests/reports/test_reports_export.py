from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from analyzer.errors import OutputError, UsageError
from analyzer.reports.export import Named, write_export
from analyzer.reports.files import replace_text

TIMES = pa.timestamp("ns", tz="UTC")
RECORDS_FILE = "records/date=2023-11-14/builder=buildkitd/part-00000.parquet"
WORKERS_FILE = "workers/date=2023-11-14/builder=buildkitd/part-00000.parquet"


def tables(number: int = 3) -> list[Named]:
    label = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([("record", pa.int64()), ("level", label), ("time", TIMES)])
    batches = [
        pa.RecordBatch.from_arrays(
            [
                pa.array([index]),
                pa.array([f"level{index}"]).dictionary_encode(),
                pa.array([1_700_000_000_000_000_000 + index], type=TIMES),
            ],
            schema=schema,
        )
        for index in range(number)
    ]
    maps = pa.table({"fields": pa.array([[("a", "b")]], type=pa.map_(pa.string(), pa.string()))})
    return [("records", schema, iter(batches)), ("workers", maps.schema, maps.to_batches())]


def content(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def test_parquet_reads_back(tmp_path: Path) -> None:
    assert write_export(tmp_path / "out", tables(), "parquet") == {"records": 3, "workers": 1}
    table = pq.read_table(tmp_path / "out" / "records")
    assert table["record"].to_pylist() == [0, 1, 2]
    assert table["level"].to_pylist() == ["level0", "level1", "level2"]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert manifest["tables"]["records"]["rows"] == 3
    assert set(manifest["files"]) == {RECORDS_FILE, WORKERS_FILE}


def test_parquet_says_where_rows_come_from(tmp_path: Path) -> None:
    write_export(
        tmp_path / "out", tables(), "parquet", builder="web", redacted=False, default_date="2024-01-01"
    )
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert set(manifest["files"]) == {
        "records/date=2023-11-14/builder=web/part-00000.parquet",
        "workers/date=2024-01-01/builder=web/part-00000.parquet",
    }
    assert (manifest["builders"], manifest["redaction"]) == (["web"], "off")


def test_rows_without_a_time_go_where_the_tables_before_them_went(tmp_path: Path) -> None:
    records, workers = tables()
    write_export(tmp_path / "out", [workers, records], "parquet")
    assert (tmp_path / "out" / RECORDS_FILE).is_file()
    assert os.listdir(tmp_path / "out" / "workers") == ["date=__HIVE_DEFAULT_PARTITION__"]
    write_export(tmp_path / "out", tables(), "parquet")
    assert os.listdir(tmp_path / "out" / "workers") == ["date=2023-11-14"]


def test_redaction_is_not_claimed_unasked(tmp_path: Path) -> None:
    write_export(tmp_path / "out", tables(), "parquet")
    assert json.loads((tmp_path / "out" / "manifest.json").read_text())["redaction"] == "unknown"


def test_an_export_of_the_earlier_layout_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "out" / "records").mkdir(parents=True)
    (tmp_path / "out" / "records" / "part-0.parquet").write_bytes(b"PAR1")
    manifest = {"format": "buildkit-analyzer/export/1", "files": {"records/part-0.parquet": 4}}
    (tmp_path / "out" / "manifest.json").write_text(json.dumps(manifest))
    write_export(tmp_path / "out", tables(), "parquet")
    assert set(content(tmp_path / "out")) == {"manifest.json", RECORDS_FILE, WORKERS_FILE}


@pytest.mark.parametrize("name", ["parquet", "csv", "json"])
def test_two_runs_give_the_same_bytes(tmp_path: Path, name: str) -> None:
    write_export(tmp_path / "one", tables(), name)
    write_export(tmp_path / "two", tables(), name)
    assert content(tmp_path / "one") == content(tmp_path / "two")
    assert content(tmp_path / "one")


def test_json_lines_are_objects(tmp_path: Path) -> None:
    write_export(tmp_path / "out", tables(), "json")
    first = (tmp_path / "out" / "records.jsonl").read_text().splitlines()[0]
    assert json.loads(first) == {"record": 0, "level": "level0", "time": "2023-11-14T22:13:20Z"}


def test_duckdb_reads_back_and_is_replaced(tmp_path: Path) -> None:
    import duckdb

    target = tmp_path / "log.duckdb"
    write_export(target, tables(), "duckdb")
    write_export(target, tables(), "duckdb")
    with duckdb.connect(str(target), read_only=True) as connection:
        assert connection.execute("SELECT count(*) FROM records").fetchall() == [(3,)]
    assert os.listdir(tmp_path) == ["log.duckdb"]


def test_an_earlier_export_is_replaced_whole(tmp_path: Path) -> None:
    write_export(tmp_path / "out", tables(), "csv")
    write_export(tmp_path / "out", tables(1), "parquet")
    assert set(content(tmp_path / "out")) == {
        "manifest.json",
        RECORDS_FILE,
        WORKERS_FILE,
    }
    assert os.listdir(tmp_path) == ["out"]


def test_foreign_files_are_never_removed(tmp_path: Path) -> None:
    target = tmp_path / "out"
    write_export(target, tables(), "parquet")
    (target / "notebook.ipynb").write_text("mine")
    with pytest.raises(OutputError, match=r"notebook\.ipynb"):
        write_export(target, tables(), "parquet")
    assert (target / "notebook.ipynb").read_text() == "mine"


@pytest.mark.parametrize("name", ["parquet", "duckdb"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(OutputError):
        write_export(tmp_path / "thesis.txt", tables(), name)
    assert (tmp_path / "thesis.txt").read_text() == "mine"


def test_an_export_that_fails_leaves_the_earlier_one(tmp_path: Path) -> None:
    write_export(tmp_path / "out", tables(), "parquet")
    before = content(tmp_path / "out")

    def broken() -> list[Named]:
        name, schema, _ = tables()[0]

        def batches() -> Iterator[pa.RecordBatch]:
            yield from ()
            raise OSError(28, "No space left on device")

        return [(name, schema, batches())]

    with pytest.raises(OutputError, match="no space left"):
        write_export(tmp_path / "out", broken(), "parquet")
    assert content(tmp_path / "out") == before
    assert os.listdir(tmp_path) == ["out"]


def test_unknown_format_names_the_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as error:
        write_export(tmp_path / "out", tables(), "parket")
    assert error.value.hint is not None
    assert "parquet" in error.value.hint


def test_files_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "report.json"
    target.write_text("old")

    def fail_halfway() -> None:
        with replace_text(target) as stream:
            stream.write("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_halfway()
    assert target.read_text() == "old"
    with replace_text(target) as stream:
        stream.write("new")
    assert target.read_text() == "new"
    assert os.listdir(tmp_path) == ["report.json"]


def test_links_are_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    with replace_text(tmp_path / "link") as stream:
        stream.write("new")
    assert (tmp_path / "real").read_text() == "new"
    assert (tmp_path / "link").is_symlink()


def test_a_missing_folder_is_the_users_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="no such file"), replace_text(tmp_path / "a" / "b") as stream:
        stream.write("x")
