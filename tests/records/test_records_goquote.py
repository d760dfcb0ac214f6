from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.records.goquote import quote, unquote
from analyzer.records.logfmt import parse_logfmt
from tests.records.helpers_records import go_quote

GOLDENS = Path(__file__).parent / "golden" / "quote.tsv"


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


def goldens() -> list[tuple[bytes, str]]:
    """Strings, and what Go makes of them; see ``golden/quote.go``."""
    lines = GOLDENS.read_text(encoding="utf-8").split("\n")[:-1]
    return [(bytes.fromhex(text), quoted) for text, quoted in (line.split("\t", 1) for line in lines)]


def test_what_go_itself_quoted_comes_back() -> None:
    told = goldens()
    assert len(told) > 2_000
    for text, quoted in told:
        assert unquote(quoted[1:-1].encode()) == text.decode("utf-8", "replace"), text


def test_what_go_itself_quoted_is_one_value_of_a_line() -> None:
    for text, quoted in goldens():
        line = f'time="2026-01-05T10:00:00Z" level=info msg={quoted} host=a'.encode()
        fields, whole = parse_logfmt(line)
        assert whole, text
        assert fields[2:] == [("msg", text.decode("utf-8", "replace")), ("host", "a")]


def test_values_are_quoted_as_go_does() -> None:
    compared = 0
    for text, quoted in goldens():
        whole = text.decode("utf-8", "replace")
        # of bytes that are no UTF-8 a text keeps nothing; runes that this Python's Unicode does not know it escapes
        if whole.encode() == text and all(unicodedata.category(rune) != "Cn" for rune in whole):
            compared += 1
            assert quote(whole) in (quoted, whole)
            assert go_quote(whole) == quoted[1:-1].encode()
    assert compared > 300
