from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from analyzer.checks import run_query
from analyzer.checks.engine import Engine, SqlError
from analyzer.errors import QueryError

TABLE = pa.table({"n": [1, 2, 3]})


@pytest.fixture
def engine() -> Iterator[Engine]:
    with Engine({"numbers": TABLE}) as engine:
        yield engine


def test_it_gives_rows_and_tables(engine: Engine) -> None:
    assert engine.rows("SELECT n, [n] AS list FROM numbers WHERE n > 1") == [
        {"n": 2, "list": [2]},
        {"n": 3, "list": [3]},
    ]
    assert engine.table("SELECT sum(n)::BIGINT AS s FROM numbers").to_pydict() == {"s": [6]}
    assert engine.columns("SELECT n, 1 AS one FROM numbers") == ["n", "one"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('{file}')",
        "SELECT * FROM read_text('{file}')",
        "SELECT * FROM '{file}'",
        "SELECT * FROM glob('{folder}/*')",
        "SELECT * FROM sniff_csv('{file}')",
        "SELECT * FROM read_csv('http://127.0.0.1:1/x')",
        "SELECT * FROM read_parquet('s3://bucket/x')",
        "SELECT * FROM TABLE",  # a variable of this module
        "SELECT getenv('HOME')",
    ],
)
def test_it_is_closed_to_files_network_and_program(engine: Engine, sql: str, tmp_path: Path) -> None:
    file = tmp_path / "secret.csv"
    file.write_text("top,secret\n1,2\n")
    with pytest.raises(SqlError) as caught:
        engine.rows(sql.format(file=file, folder=tmp_path))
    assert "top" not in str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "",
        "SELECT 1; SELECT 2",
        "CREATE TABLE x AS SELECT 1",
        "DROP VIEW numbers",
        "ATTACH '{file}' AS other",
        "COPY numbers TO '{file}'",
        "EXPORT DATABASE '{file}'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET memory_limit = '100GB'",
        "RESET lock_configuration",
        "CALL pragma_version()",
        "SELEC 1",
    ],
)
def test_only_a_single_select_is_one(engine: Engine, sql: str, tmp_path: Path) -> None:
    with pytest.raises(SqlError):
        engine.require_select(sql.format(file=tmp_path / "out"))


@pytest.mark.parametrize(
    "sql", ["SELECT 1", "FROM numbers", "WITH a AS (SELECT 1) SELECT * FROM a", "DESCRIBE numbers"]
)
def test_forms_of_a_select(engine: Engine, sql: str) -> None:
    engine.require_select(sql)
    assert engine.rows(sql)


def test_the_configuration_is_locked(engine: Engine) -> None:
    with pytest.raises(SqlError, match="locked"):
        engine.execute("SET enable_external_access = true")


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM range(100000000000)",
        "WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT max(n) FROM r",
    ],
)
def test_an_endless_statement_is_stopped(sql: str) -> None:
    begun = time.monotonic()
    with Engine({}, seconds=0.2) as engine, pytest.raises(SqlError, match="longer than"):
        engine.rows(sql)
    assert time.monotonic() - begun < 5


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT length(repeat('x', 4000000000))",
        "SELECT len(range(1000000000))",
        "SELECT list(i) FROM range(100000000) t(i)",
    ],
)
def test_a_greedy_statement_is_stopped(sql: str) -> None:
    with Engine({}, memory="100MB", seconds=10) as engine:
        with pytest.raises(SqlError):
            engine.rows(sql)
        assert engine.rows("SELECT 1 AS one") == [{"one": 1}]  # and the engine lives on


def test_the_cap_on_memory_is_lifted_again() -> None:
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_AS)

    def work() -> None:
        with Engine({"numbers": TABLE}) as engine:
            for _ in range(20):
                engine.rows("SELECT * FROM numbers")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert resource.getrlimit(resource.RLIMIT_AS) == before


def test_engines_do_not_see_each_other(engine: Engine) -> None:
    engine.execute("CREATE TEMP TABLE kept AS SELECT 1 AS one")
    with Engine({"numbers": pa.Table.from_pydict({"n": [7]})}) as other:
        assert other.rows("SELECT * FROM numbers") == [{"n": 7}]
        for name in ("kept", "temp.kept"):
            with pytest.raises(SqlError):
                other.rows(f"SELECT * FROM {name}")
        assert other.rows("SELECT current_setting('lock_configuration') AS locked") == [{"locked": True}]
    assert len(engine.rows("SELECT * FROM numbers")) == 3


def test_an_engine_that_is_closed_leaves_nothing() -> None:
    with Engine({"numbers": TABLE}) as engine:
        engine.execute("CREATE TEMP TABLE kept AS SELECT 1 AS one")
    with Engine({}) as other:
        assert other.rows("SELECT table_name FROM information_schema.tables") == []


def test_an_error_is_one_harmless_line(engine: Engine) -> None:
    with pytest.raises(SqlError) as caught:
        engine.rows('SELECT "\x1b[2J" FROM numbers')
    assert "\x1b" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_times_are_utc(engine: Engine) -> None:
    assert engine.rows("SELECT current_setting('TimeZone') AS zone") == [{"zone": "UTC"}]


def test_a_query_sees_missing_tables_as_empty() -> None:
    assert run_query({}, "SELECT count(*) AS n FROM intended_registries").to_pydict() == {"n": [0]}


@pytest.mark.parametrize("sql", ["SELECT * FROM nowhere", "DELETE FROM requests", "SELECT 1; SELECT 2"])
def test_a_bad_query_is_the_users_error(sql: str) -> None:
    with pytest.raises(QueryError) as caught:
        run_query({}, sql)
    assert caught.value.hint


@pytest.mark.slow
def test_a_statement_that_does_not_stop_is_left_behind(repository: Path) -> None:
    script = """
import sys
from analyzer.checks.engine import Engine, SqlError
try:
    with Engine({}, seconds=0.2) as engine:
        engine.rows("SELECT jaro_similarity(repeat('ab', 2000000), repeat('ba', 2000000)) AS hours")
except SqlError as error:
    sys.exit(7 if "longer" in str(error) else 1)
"""
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, timeout=60, check=False, capture_output=True
    )
    assert (done.returncode, done.stderr) == (7, b"")
    assert time.monotonic() - begun < 30


def test_nothing_heavy_is_imported_before_use(repository: Path) -> None:
    script = "import sys, analyzer.checks; print([m for m in ('duckdb', 'pandas') if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=repository, timeout=60, check=True, capture_output=True
    )
    assert done.stdout.decode().strip() == "[]"


def test_spooled_rows_are_asked_like_a_table() -> None:
    from analyzer.tables.spool import Spool

    schema = pa.schema([("n", pa.int64()), ("time", pa.timestamp("ns", tz="UTC"))])
    table = pa.Table.from_pylist([{"n": n, "time": n * 1001} for n in range(1000)], schema=schema)
    spool = Spool(schema, memory_bytes=0)
    spool.append(table)
    sql = "SELECT n, max(time) - min(time) AS gap, date_trunc('second', min(time)) AS s FROM given GROUP BY n"
    with spool.finish() as kept, Engine({"given": kept}) as spooled, Engine({"given": table}) as plain:
        assert not kept.in_memory
        for query in (sql + " ORDER BY n", "SELECT * FROM given", "SELECT count(*) AS n FROM given"):
            assert spooled.rows(query) == plain.rows(query)
