from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import OutputError
from analyzer.tables import spool
from analyzer.tables.sorting import fold_spilled
from analyzer.tables.spool import Rows, Spool

SCHEMA = pa.schema(
    [
        ("key", pa.string()),
        ("label", pa.dictionary(pa.int32(), pa.string())),
        ("time", pa.timestamp("ns", tz="UTC")),
        ("n", pa.int64()),
        ("list", pa.list_(pa.struct([("host", pa.string())]))),
    ]
)
Row = dict[str, Any]


def row(number: int, key: str | None = "k") -> Row:
    return {"key": key, "label": key, "time": number, "n": number, "list": [{"host": f"h{number}"}]}


def spooled(rows: list[Row], *, memory_bytes: int, cut: int = 3) -> Rows:
    taker = Spool(SCHEMA, memory_bytes=memory_bytes)
    for begin in range(0, len(rows), cut):
        taker.append(pa.RecordBatch.from_pylist(rows[begin : begin + cut], schema=SCHEMA))
    return taker.finish()


ROWS = st.lists(st.builds(row, st.integers(0, 10**15), st.sampled_from(["a", "b", "", None])), max_size=20)


@settings(deadline=None, max_examples=30)
@given(ROWS, st.sampled_from([0, 1 << 20]), st.integers(1, 5))
def test_rows_come_back_in_order_any_number_of_times(rows: list[Row], memory: int, cut: int) -> None:
    expected = pa.Table.from_pylist(rows, schema=SCHEMA).to_pylist()
    with spooled(rows, memory_bytes=memory, cut=cut) as kept:
        assert kept.in_memory == (memory > 0 or not rows)
        assert kept.num_rows == len(rows)
        for _ in range(2):
            assert kept.table().to_pylist() == expected
        assert kept.table().schema == SCHEMA


def test_small_batches_are_written_as_large_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "GROUP_ROWS", 100)
    with spooled([row(n) for n in range(1050)], memory_bytes=0, cut=1) as kept:
        assert [batch.num_rows for batch in kept.batches()] == [100] * 10 + [50]


def test_a_batch_does_not_hold_on_to_what_it_was_cut_from() -> None:
    whole = pa.RecordBatch.from_pylist([row(n) for n in range(10_000)], schema=SCHEMA)
    taker = Spool(SCHEMA)
    taker.append(whole.slice(5, 2))
    (kept,) = taker.finish().batches()
    assert kept.to_pylist() == whole.slice(5, 2).to_pylist()
    assert kept.select(["key", "n"]).get_total_buffer_size() < 1000


def test_rows_of_another_schema_are_refused() -> None:
    with pytest.raises(ValueError, match="schema"):
        Spool(SCHEMA).append(pa.table({"n": [1]}))


def test_the_file_is_private_and_goes_with_its_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    kept = spooled([row(1)], memory_bytes=0)
    (folder,) = tmp_path.iterdir()
    (file,) = folder.iterdir()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (folder, file)] == [0o700, 0o600]
    kept.close()
    assert list(tmp_path.iterdir()) == []
    again = spooled([row(1)], memory_bytes=0)
    assert len(list(tmp_path.iterdir())) == 1
    del again
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_process_leaves_the_file_of_its_parent() -> None:
    with spooled([row(1)], memory_bytes=0) as kept:
        child = os.fork()
        if child == 0:
            kept.close()
            os._exit(0)
        os.waitpid(child, 0)
        assert kept.table().num_rows == 1


def test_a_full_disk_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", refuse)
    with pytest.raises(OutputError, match="No space left") as caught:
        spooled([row(1)], memory_bytes=0)
    assert "TMPDIR" in str(caught.value.hint)


@pytest.mark.parametrize("memory", [0, 1 << 20])
def test_duckdb_reads_columns_and_filters(memory: int) -> None:
    duckdb = pytest.importorskip("duckdb")
    with spooled([row(n, "a" if n % 2 else None) for n in range(100)], memory_bytes=memory) as kept:
        connection = duckdb.connect()
        connection.register("given", kept.relation())
        for _ in range(2):
            assert connection.execute("SELECT sum(n) FROM given WHERE key = 'a' AND n > 90").fetchall() == [
                (475,)
            ]
            assert connection.execute("SELECT list[1].host FROM given WHERE key IS NULL LIMIT 1").fetchall()
            assert connection.execute("SELECT count(*) FROM given").fetchall() == [(100,)]


AGGREGATES = [("n", "min"), ("n", "max"), ("n", "sum"), ("time", "min"), ("time", "max")]


@settings(deadline=None, max_examples=20)
@given(ROWS)
def test_folding_a_file_is_folding_in_memory(rows: list[Row]) -> None:
    results = []
    for memory in (0, 1 << 20):
        with spooled(rows, memory_bytes=memory) as kept:
            folded = fold_spilled(kept, ["key"], AGGREGATES, ["n_min", "key"])
            results.append(folded.table())
    assert results[0].equals(results[1])
    assert results[0].num_rows == len({one["key"] for one in rows})
    assert results[0].schema.names == ["key", *(f"{column}_{function}" for column, function in AGGREGATES)]


def test_sorting_that_needs_more_memory_gets_more(monkeypatch: pytest.MonkeyPatch) -> None:
    import duckdb

    from analyzer.tables import sorting as module

    asked: list[str] = []
    plain = module._ask_outside

    def short_of_memory(sql: str, given: pa.RecordBatchReader, memory: str) -> Iterator[pa.RecordBatch]:
        asked.append(memory)
        if len(asked) < 3:
            raise duckdb.OutOfMemoryException("no more")
        yield from plain(sql, given, memory)

    monkeypatch.setattr(module, "_ask_outside", short_of_memory)
    spool = Spool(pa.schema([("key", pa.int64()), ("value", pa.int64())]), memory_bytes=0)
    spool.append(pa.table({"key": [2, 1, 2], "value": [3, 4, 5]}))
    folded = fold_spilled(spool.finish(), ["key"], [("value", "sum")], ["key"])
    assert folded.table().to_pylist() == [{"key": 1, "value_sum": 4}, {"key": 2, "value_sum": 8}]
    assert asked == ["100MB", "200MB", "400MB"]
