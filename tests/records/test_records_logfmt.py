from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.records.logfmt import parse_logfmt
from tests.records import reference
from tests.records.helpers_records import write_logfmt

KEY = st.text("abcdefghijklmnopqrstuvwxyz-._0123456789", min_size=1, max_size=12)
FIELDS = st.dictionaries(KEY, st.text(max_size=20), max_size=6)


@pytest.mark.parametrize(
    ("line", "fields", "whole"),
    [
        (b"time=1 msg=", [("time", "1"), ("msg", "")], True),
        (b'msg=" not found"', [("msg", " not found")], True),
        (b'fields.msg=a fields.time="b c"', [("fields.msg", "a"), ("fields.time", "b c")], True),
        (b"response.header.x-goog-hash.1=md5", [("response.header.x-goog-hash.1", "md5")], True),
        (b'a="b\\"c" d=e', [("a", 'b"c'), ("d", "e")], True),
        (b'a="\\\\" d=e', [("a", "\\"), ("d", "e")], True),
        (b"a=b\xffc", [("a", "b\ufffdc")], True),
        (b"a=1 a=2", [("a", "1"), ("a", "2")], True),
        (b"a=b ", [("a", "b")], False),
        (b"a=b  c=d", [("a", "b")], False),
        (b"a=b c", [("a", "b")], False),
        (b"a=b=c", [], False),
        (b'a=b"c"', [], False),
        (b'a="b"c', [], False),
        (b'a="b', [], False),
        (b'a="b\\', [], False),
        (b"a=b\\c", [], False),
        (b"=b", [], False),
        (b"", [], False),
    ],
)
def test_lines(line: bytes, fields: list[tuple[str, str]], whole: bool) -> None:
    assert parse_logfmt(line) == (fields, whole)


@given(FIELDS.filter(bool))
def test_what_logrus_writes_comes_back(fields: dict[str, str]) -> None:
    assert parse_logfmt(write_logfmt(fields)) == (list(fields.items()), True)


@given(
    st.lists(st.sampled_from([b"a", b"=", b'"', b"\\", b" ", b"\xc3", b"\x00"]), max_size=30).map(b"".join)
)
def test_any_line_is_read_as_the_reference_reads_it(line: bytes) -> None:
    assert parse_logfmt(line) == reference.read_logfmt(line)
