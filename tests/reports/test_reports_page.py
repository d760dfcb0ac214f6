"""What the page says, read as a browser reads it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.reports.page.rules import short_names


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([], []),
        (["/a/b.log"], ["b.log"]),
        (["/a/x/b.log", "/a/y/b.log", "c.log"], ["x/b.log", "y/b.log", "c.log"]),
        (["b.log", "x/b.log"], ["b.log", "x/b.log"]),
    ],
)
def test_names_are_as_short_as_tells_them_apart(names: list[str], expected: list[str]) -> None:
    assert [*short_names(names).values()] == expected


@given(st.lists(st.text("ab/", max_size=6)))
def test_different_sources_never_have_one_name(names: list[str]) -> None:
    assert len({*short_names(names).values()}) == len({*names})


def test_a_waived_finding_says_why(report_maker: Any) -> None:
    from tests.reports.conftest import make_result, make_rule
    from tests.reports.rendering import render

    waived = {"verdict": "waived", "message": "the mirror is empty", "waiver": "it is being filled"}
    passing = {"verdict": "pass", "subject": "ghcr.io"}
    text = render(report_maker([make_result(make_rule("mirror-served"), waived, passing)]), "html")
    assert "the mirror is empty <em>it is being filled</em>" in text
