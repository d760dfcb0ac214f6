from __future__ import annotations

import csv
import io
import json
import sys
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import UsageError
from analyzer.reports.tables import column_names, iso_times, write_table

TIMES = pa.timestamp("ns", tz="UTC")


def render(table: pa.Table, name: str, width: int | None = None) -> str:
    stream = io.StringIO()
    write_table(table, name, stream, width=width)
    return stream.getvalue()


def sample() -> pa.Table:
    return pa.table(
        {
            "time": pa.array([1_700_000_000_000_000_000, 1_700_000_000_120_000_000, None], type=TIMES),
            "host": pa.array(["mirror.example.com", None, "x"]).dictionary_encode(),
            "n": pa.array([1, None, 3]),
            "ok": pa.array([True, False, None]),
            "fields": pa.array([[("a", "1")], [], None], type=pa.map_(pa.string(), pa.string())),
            "attempts": pa.array(
                [[{"host": "m", "outcome": "404"}], None, []],
                type=pa.list_(pa.struct([("host", pa.string()), ("outcome", pa.string())])),
            ),
        }
    )


def test_json_is_an_array_of_rows() -> None:
    rows = json.loads(render(sample(), "json"))
    assert rows[0] == {
        "time": "2023-11-14T22:13:20Z",
        "host": "mirror.example.com",
        "n": 1,
        "ok": True,
        "fields": {"a": "1"},
        "attempts": [{"host": "m", "outcome": "404"}],
    }
    assert rows[1]["time"] == "2023-11-14T22:13:20.12Z"
    assert rows[2] == {"time": None, "host": "x", "n": 3, "ok": None, "fields": None, "attempts": []}
    assert json.loads(render(sample().slice(0, 0), "json")) == []


def test_numbers_that_json_lacks_become_the_nearest() -> None:
    table = pa.table(
        {
            "sum": pa.array([Decimal(10), Decimal(3)], type=pa.decimal128(38, 0)),
            "mean": pa.array([float("nan"), 1.5]),
            "raw": pa.array([b"\x01\xff", None]),
        }
    )
    assert json.loads(render(table, "json")) == [
        {"sum": 10, "mean": None, "raw": "01ff"},
        {"sum": 3, "mean": 1.5, "raw": None},
    ]


def test_a_name_given_twice_is_kept_twice() -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["a", "a"])
    assert json.loads(render(table, "json")) == [{"a": 1, "a_1": 2}]
    assert column_names(table.schema) == ["a", "a_1"]


@pytest.mark.parametrize(
    ("value", "unit", "zone", "expected"),
    [
        (1_700_000_000, "s", "UTC", "2023-11-14T22:13:20Z"),
        (1_700_000_000_000, "ms", None, "2023-11-14T22:13:20"),
        (1_700_000_000_000_100, "us", "UTC", "2023-11-14T22:13:20.0001Z"),
        (1_700_000_000_000_000_001, "ns", "Europe/Berlin", "2023-11-14T22:13:20.000000001Z"),
    ],
)
def test_times_are_iso(value: int, unit: str, zone: str | None, expected: str) -> None:
    column = pa.array([value], type=pa.timestamp(unit, tz=zone))
    assert iso_times(column).to_pylist() == [expected]


@pytest.mark.parametrize(
    ("months", "days", "nanoseconds", "expected"),
    [(0, 0, 9_500_000_000, "PT9.5S"), (0, 3, 0, "P3D"), (14, 0, 100 * 10**9, "P14MT100S"), (0, 0, 0, "PT0S")],
)
def test_intervals_are_iso(months: int, days: int, nanoseconds: int, expected: str) -> None:
    value = pa.MonthDayNano([months, days, nanoseconds])
    table = pa.table({"i": pa.array([value], type=pa.month_day_nano_interval())})
    assert json.loads(render(table, "json")) == [{"i": expected}]


def test_csv_reads_back_and_holds_no_formula() -> None:
    table = pa.table({"a": ["=1+1", None, "x\x1b"], "b": pa.array([[1, 2], None, []])})
    rows = list(csv.reader(io.StringIO(render(table, "csv"))))
    assert rows == [["a", "b"], ["'=1+1", "[1, 2]"], ["", ""], [r"x\x1b", "[]"]]


def test_terminal_aligns_and_counts() -> None:
    table = pa.table({"host": ["a.example.com", "b"], "n": pa.array([1, 200])})
    assert render(table, "terminal").splitlines() == [
        "host             n",
        "-------------  ---",
        "a.example.com    1",
        "b              200",
        "(2 rows)",
    ]


@pytest.mark.parametrize("width", [20, 40, 80])
def test_terminal_stays_within_its_width(width: int) -> None:
    table = pa.table({"digest": ["sha256:" + "a" * 64], "host": ["mirror.example.com"]})
    text = render(table, "terminal", width)
    if "-- row" not in text:
        assert max(map(len, text.splitlines())) <= width


def test_wide_tables_are_shown_one_column_a_line() -> None:
    table = pa.table({f"column{number}": ["a long value of many letters"] for number in range(12)})
    lines = render(table, "terminal", 80).splitlines()
    assert lines[0] == "-- row 1"
    assert lines[1].startswith("column0 ")


@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1))
def test_no_cell_reaches_the_terminal_alive(values: list[str]) -> None:
    text = render(pa.table({"v": values, "l": [[value] for value in values]}), "terminal")
    assert all(line.isprintable() for line in text.split("\n"))
    assert text.count("\n") == len(values) + 3


def test_unknown_format() -> None:
    with pytest.raises(UsageError, match="no format"):
        write_table(sample(), "yaml", io.StringIO())


def test_pandas_is_not_needed() -> None:
    import subprocess

    code = (
        "import sys, io, pyarrow as pa\n"
        "from analyzer.reports.tables import write_table\n"
        "numbers = pa.Array.from_buffers(pa.int64(), 1, [None, pa.py_buffer(bytes(8))])\n"
        "t = pa.Table.from_arrays([numbers.cast(pa.timestamp('ns', tz='UTC'))], names=['t'])\n"
        "write_table(t, 'json', io.StringIO())\n"
        "sys.exit('pandas' in sys.modules)\n"
    )
    done: Any = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0
