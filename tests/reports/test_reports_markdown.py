"""Markdown, read by a parser of CommonMark: what comes of it is what was meant, and no more."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from analyzer.reports.escaping import escape_markdown, escape_terminal
from analyzer.reports.markdown import render as render_markdown
from tests.reports.rendering import render

WORDS = st.sampled_from(
    [
        "a",
        "`",
        "``",
        "`b`",
        "(`c d`),",
        "*e*",
        "_f_",
        "[g](h)",
        "<i>",
        "&amp;",
        "@j",
        "1.",
        "- ",
        "#",
        "!",
        "\\",
        "~~k~~",
        "(",
        ").",
    ]
)
TEXTS = st.lists(WORDS | st.text(max_size=4), max_size=8).map(" ".join) | st.lists(WORDS, max_size=8).map(
    "".join
)
HTML = {"<details>", "</details>", "<summary>", "</summary>"}


def parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable(["table", "strikethrough"])


def inline(tokens: list[Token]) -> list[Token]:
    return [child for token in tokens for child in token.children or ()]


@given(TEXTS)
def test_prose_is_words_and_code_only(text: str) -> None:
    safe = " ".join(text.split())
    tokens = parser().parse(escape_markdown(safe, prose=True))
    assert {token.type for token in tokens} <= {"paragraph_open", "inline", "paragraph_close"}
    assert {token.type for token in inline(tokens)} <= {"text", "code_inline"}


@given(TEXTS)
def test_nothing_of_a_text_is_lost(text: str) -> None:
    safe = escape_terminal(" ".join(text.split())).replace("|", "\\|")
    shown = "".join(token.content for token in inline(parser().parse(escape_markdown(safe, prose=True))))
    assert shown.replace("`", "").split() == safe.replace("|", "\\|").replace("`", "").split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("the layer came from mirror.example.com", "the layer came from `mirror.example.com`"),
        ("(mirror.example.com: 404, other: 200)", "(`mirror.example.com`: 404, other: 200)"),
        ("run `docker buildx create` anew", "run `docker buildx create` anew"),
        ("1. first", "`1`. first"),
        ("ask @somebody, see #12 or GH-12", "ask `@somebody`, see `#12` or `GH-12`"),
        ("https://evil.example", "`https://evil.example`"),
        ("a `b``c` d", "a ``` `b``c` ``` d"),
    ],
)
def test_prose_reads_well(text: str, expected: str) -> None:
    assert escape_markdown(text, prose=True) == expected


def test_the_report_is_headings_a_table_and_folded_parts(report: Any) -> None:
    tokens = parser().parse(render(report, "markdown"))
    heads = [tokens[place + 1].content for place, token in enumerate(tokens) if token.type == "heading_open"]
    assert heads == [
        "BuildKit check: 2 failed, 1 unknown, 1 passed, 2 skipped, 1 waived",
        "Failed",
        "Unknown",
        "Rules",
        "Read",
    ]
    assert sum(token.type == "tr_open" for token in tokens) == 1 + 5
    html = "".join(token.content for token in tokens if token.type == "html_block")
    assert html.count("<details>") == html.count("</details>") == 3


def test_a_failure_comes_with_its_lines_and_what_to_do(report: Any) -> None:
    text = render(report, "markdown")
    assert text.index("**`mirror-served`**") < text.index("**`mirror-healthy`**")
    assert "- log: `buildkitd.log:214, 220-222`" in text
    assert "<https://docs.docker.com/build/buildkit/configure/#registry-mirror>" in text


def test_hostile_words_stay_words(hostile: Any) -> None:
    tokens = parser().parse(render(hostile, "markdown"))
    kinds = {token.type for token in inline(tokens)}
    assert kinds <= {"text", "code_inline", "strong_open", "strong_close", "softbreak"}
    for token in tokens:
        if token.type == "html_block":
            assert set(token.content.replace(">", ">\n").split("\n")) - HTML <= {
                "",
                "What to do</summary>",
                *SUMMARIES,
            }


SUMMARIES = {"1 skipped</summary>", "1 waived</summary>"}


def test_what_has_no_room_is_left_out_whole(report: Any) -> None:
    whole = render_markdown(report)
    for room in range(0, len(whole) + 1, 50):
        text = render_markdown(report, room=room)
        assert len(text.encode()) <= room
        assert text.count("<details>") == text.count("</details>")
    assert render_markdown(report, room=len(whole.encode())) == whole
