from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.checks.messages import clean, columns_of, fill, value_in_words
from analyzer.limits import LIMITS


@given(st.text())
def test_a_cleaned_text_holds_no_control_character(text: str) -> None:
    for character in clean(text):
        assert unicodedata.category(character) not in ("Cc", "Cs", "Zl", "Zp")
        assert unicodedata.bidirectional(character) not in (
            "RLO",
            "LRO",
            "RLE",
            "LRE",
            "PDF",
            "RLI",
            "LRI",
            "FSI",
        )


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"])))
def test_a_plain_text_stays_as_it_is(text: str) -> None:
    assert clean(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", "a\\nb"),
        ("\x1b[2J", "\\x1b[2J"),
        ("\x9b31m", "\\x9b31m"),
        ("abc\u202edcb", "abc\\u202edcb"),
        ("\ufeffx", "\\ufeffx"),
        ("\U000e0041", "\\U000e0041"),
        ("wörld µs 镜像", "wörld µs 镜像"),
    ],
)
def test_hidden_characters_are_written_as_escapes(text: str, shown: str) -> None:
    assert clean(text) == shown


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "?"),
        (True, "yes"),
        (200, "200"),
        ([], "none"),
        (["a", None], "a, ?"),
        (
            [
                {"host": "m", "role": "mirror", "outcome": "404"},
                {"host": None, "role": None, "outcome": "200"},
            ],
            "m: 404, ?: 200",
        ),
        ({"a": 1}, "a: 1"),
        (["\x1b]0;x\x07"], "\\x1b]0;x\\x07"),
    ],
)
def test_values_in_words(value: object, words: str) -> None:
    assert value_in_words(value) == words


def test_a_long_value_is_cut() -> None:
    words = value_in_words("x" * 10_000)
    assert len(words) == LIMITS.error_text
    assert words.endswith("…")


def test_a_template_is_filled_and_braces_can_be_written() -> None:
    assert fill("{a} and {{b}} and {missing}", {"a": 1}) == "1 and {b} and ?"
    assert columns_of("{a} {b} {a} {{c}}") == ("a", "b")


def test_a_value_is_not_a_template() -> None:
    assert fill("{a}", {"a": "{b}", "b": "secret"}) == "{b}"


@pytest.mark.parametrize("template", ["{", "}", "{a b}", "{0}", "{a.b}", "{a!r}"])
def test_other_braces_are_refused(template: str) -> None:
    with pytest.raises(ValueError, match="lone"):
        columns_of(template)
