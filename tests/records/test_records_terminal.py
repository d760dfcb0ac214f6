from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from analyzer.records.terminal import is_terminal, parse_terminal
from tests.records.helpers_records import write_terminal

HEAD = b"\x1b[36mINFO\x1b[0m[2026-11-24T17:25:09Z] "
TIME, LEVEL = ("time", "2026-11-24T17:25:09Z"), ("level", "INFO")
PLAIN = st.text("abcXYZ019=\" \t:/é'", max_size=60).map(lambda text: text.rstrip(" "))
KEY = st.text("abcdefghijklmnopqrstuvwxyz-._0123456789", min_size=1, max_size=12)


def test_only_coloured_keys_divide_a_line() -> None:
    line = HEAD + b'found 1 workers, default="x" a=b   \x1b[36mspanID\x1b[0m=1f'
    fields = [TIME, LEVEL, ("msg", 'found 1 workers, default="x" a=b'), ("spanID", "1f")]
    assert parse_terminal(line) == (fields, True)


def test_padding_is_cut_off_and_a_leading_space_is_not() -> None:
    assert parse_terminal(HEAD + b" not found".ljust(44) + b" ") == (
        [TIME, LEVEL, ("msg", " not found")],
        True,
    )


def test_message_without_keys_and_no_message_at_all() -> None:
    assert parse_terminal(HEAD + b"x") == ([TIME, LEVEL, ("msg", "x")], True)
    assert parse_terminal(HEAD + b" " * 45 + b"\x1b[36ma\x1b[0m=") == ([TIME, LEVEL, ("a", "")], True)


def test_a_value_that_is_cut_is_no_value() -> None:
    line = HEAD + b'x \x1b[36ma\x1b[0m=1 \x1b[36mb\x1b[0m="c'
    assert parse_terminal(line) == ([TIME, LEVEL, ("msg", "x"), ("a", "1")], False)


def test_other_coloured_text_is_no_record() -> None:
    assert not is_terminal(b"\x1b[36mbuildkitd-1  | \x1b[0mtime=")
    assert not is_terminal(b"\x1b[36mINFO\x1b[0m text")


@given(PLAIN, st.dictionaries(KEY, st.text(max_size=20), max_size=5))
def test_what_logrus_writes_comes_back(message: str, fields: dict[str, str]) -> None:
    fields = {key: value for key, value in fields.items() if key not in ("time", "level", "msg")}
    entry = {"time": TIME[1], "level": "info", "msg": message, **fields}
    line = write_terminal(entry)
    expected = [TIME, LEVEL, *([("msg", message)] if message else []), *fields.items()]
    assert parse_terminal(line) == (expected, True)
