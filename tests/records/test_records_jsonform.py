from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.records.jsonform import is_json, parse_json
from tests.records.helpers_records import write_json

LEVEL, MSG = '"level":"info"', '"msg":"x"'


def read(text: str) -> dict[str, str]:
    assert is_json(text.encode())
    parsed = parse_json(text.encode())
    assert parsed is not None
    assert parsed[1]
    return dict(parsed[0])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1", "1"),
        ("-0.50e3", "-0.50e3"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        ("true", "true"),
        ("false", "false"),
        ("null", "null"),
        ('["https://a", 1]', '["https://a",1]'),
        ('{"a": {"b": 1.5}, "c": "é"}', '{"a":{"b":1.5},"c":"é"}'),
        ('"a\\u003cb\\n"', "a<b\n"),
        ('"\\ud83d\\ude00"', "😀"),
        ('"\\ud83d"', "\ufffd"),
    ],
)
def test_values(value: str, text: str) -> None:
    assert read(f'{{"a":{value},{LEVEL},{MSG}}}')["a"] == text


def test_long_integers_raise_nothing() -> None:
    digits = "9" * 5000
    assert read(f'{{"a":{digits},{LEVEL},{MSG}}}')["a"] == digits


@pytest.mark.parametrize(
    "line", ['{"level":"info"', '{"level":"info","msg":"x"} y', '{"a":' * 100_000 + '"level":"']
)
def test_broken_lines(line: str) -> None:
    assert is_json(line.encode())
    assert parse_json(line.encode()) == ([], False)


@pytest.mark.parametrize("line", ['{"a":{"level":"x"}}', '{"level":"x"}', '{"msg":"x","b":[{"level":"y"}]}'])
def test_other_objects_are_no_records(line: str) -> None:
    assert parse_json(line.encode()) is None


def test_bytes_that_are_no_text() -> None:
    assert parse_json(b'{"level":"info","msg":"a\xffb"}') == ([("level", "info"), ("msg", "a\ufffdb")], True)


@given(st.dictionaries(st.text(min_size=1, max_size=8), st.text(max_size=20), max_size=5))
def test_what_logrus_writes_comes_back(fields: dict[str, str]) -> None:
    fields = {**fields, "level": "info", "msg": "x"}
    assert read(write_json(fields).decode()) == fields
