from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.records.goquote import unquote
from tests.records.helpers_records import go_quote


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (rb"plain", "plain"),
        (rb"\a\b\f\n\r\t\v", "\a\b\f\n\r\t\v"),
        (rb"\\ \" \'", "\\ \" '"),
        (rb"\x00\x7f", "\x00\x7f"),
        (rb"\u00e9 \U0001F600", "é 😀"),
        (rb"\303\251", "é"),
        (rb"\xc3\xa9", "é"),
        (rb"\xff", "\ufffd"),
        (rb"\\n", "\\n"),
        (rb"\q \x1 \u12 \400", r"\q \x1 \u12 \400"),
        (rb"\ud800 \U00110000", r"\ud800 \U00110000"),
        (b"\\", "\\"),
        (b"\xff", "\ufffd"),
        (b"", ""),
    ],
)
def test_escapes(body: bytes, text: str) -> None:
    assert unquote(body) == text


@given(st.text())
def test_what_go_quotes_comes_back(text: str) -> None:
    assert unquote(go_quote(text)) == text
