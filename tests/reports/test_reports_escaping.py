from __future__ import annotations

import csv
import io
import json
from xml.etree import ElementTree

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analyzer.reports.escaping import (
    dump_json,
    escape_csv,
    escape_html,
    escape_markdown,
    escape_runner,
    escape_sarif,
    escape_terminal,
    escape_workflow,
    escape_xml,
)

HOSTILE = st.text(
    st.characters(codec="utf-8")
    | st.sampled_from("\x1b\x07\x9b\u202e\u200b\u2066\ufeff\r\n\x00\x7f`|=+-@%:[]<>&\"'")
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("Straße 東京", "Straße 東京"),
        ("\x1b[2J", r"\x1b[2J"),
        ("\x1b]8;;http://x\x07y", r"\x1b]8;;http://x\x07y"),
        ("\x9b31m", r"\x9b31m"),
        ("a\r\nb\tc", r"a\r\nb\tc"),
        ("\u202egpj.exe", r"\u202egpj.exe"),
        ("zero\u200bwidth\ufeff", r"zero\u200bwidth\ufeff"),
        ("\U000e0041", r"\U000e0041"),
        ("[red]kept[/red]", "[red]kept[/red]"),
        ("##[error]x ###[warning]", r"\x23#[error]x #\x23#[warning]"),
    ],
)
def test_terminal_shows_what_would_not_print(text: str, expected: str) -> None:
    assert escape_terminal(text) == expected


@given(HOSTILE)
def test_terminal_text_always_prints(text: str) -> None:
    assert escape_terminal(text).isprintable()


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =cmd|' /C calc'!A0", "＝1"])
def test_csv_defuses_formulas(text: str) -> None:
    assert escape_csv(text).startswith("'")


@pytest.mark.parametrize("text", ["sha256:ab", "a=b", "", "3", "mirror.example.com"])
def test_csv_leaves_other_cells_alone(text: str) -> None:
    assert escape_csv(text) == text


@given(HOSTILE)
def test_csv_cells_stay_cells(text: str) -> None:
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow([escape_csv(text), "end"])
    assert stream.getvalue().count("\n") == 1
    assert next(csv.reader([stream.getvalue()]))[1] == "end"


@given(HOSTILE)
def test_xml_is_what_a_parser_accepts(text: str) -> None:
    element = ElementTree.fromstring(f'<a b="{escape_xml(text)}">{escape_xml(text)}</a>')
    assert (element.text or "") == (element.get("b") or "")


def test_html_closes_nothing() -> None:
    assert escape_html("\"><script>'") == "&quot;&gt;&lt;script&gt;&#x27;"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "`plain`"),
        ("a`b", "``a`b``"),
        ("`a`", "`` `a` ``"),
        ("[x](javascript:1)", "`[x](javascript:1)`"),
        ("a|b", r"`a\|b`"),
        ("line\nline", r"`line\nline`"),
        ("", ""),
    ],
)
def test_markdown_is_a_code_span(text: str, expected: str) -> None:
    assert escape_markdown(text) == expected


def test_workflow_commands_cannot_be_injected() -> None:
    assert escape_workflow("a\n::error::b%0A") == r"a\n::error::b%250A"
    assert escape_workflow("x,line=1:2", argument=True) == "x%2Cline=1%3A2"


@settings(max_examples=30)
@given(st.recursive(HOSTILE | st.integers() | st.none() | st.booleans(), st.lists))
@example("##[error]###[")
def test_json_is_ascii_and_true(value: object) -> None:
    text = dump_json(value)
    assert text.isascii()
    assert text.isprintable()
    assert json.loads(text) == value


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("::error::x", r"\x3a:error::x"),
        ("   ::add-mask::x", r"   \x3a:add-mask::x"),
        ("dial tcp [::1]:443: fail::ed ## [x]", "dial tcp [::1]:443: fail::ed ## [x]"),
    ],
)
def test_a_runner_finds_no_command_in_a_line(line: str, expected: str) -> None:
    assert escape_runner(line) == expected


@given(HOSTILE)
def test_no_line_is_a_command_to_a_runner(text: str) -> None:
    safe = escape_runner(escape_terminal(text))
    assert not safe.lstrip().startswith("::")
    for shown in (safe, escape_terminal(f"#{text}##[error]"), dump_json([f"##[error]{text}"])):
        assert "##[" not in shown


@given(HOSTILE)
def test_sarif_holds_no_link(text: str) -> None:
    safe = escape_sarif(f"[a](b){text}](c)")
    assert "](" not in safe
    assert safe.isprintable()
