"""What all formats promise: nothing of a log comes alive, and an empty report is one too."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree

import pytest

from analyzer.reports import FORMATS
from tests.reports.rendering import render


@pytest.mark.parametrize("name", FORMATS)
def test_no_control_character_gets_out(hostile: Any, name: str) -> None:
    assert all(line.isprintable() for line in render(hostile, name).split("\n"))


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "github"])
def test_a_report_in_the_log_of_a_workflow_is_no_command(hostile: Any, name: str) -> None:
    text = render(hostile, name)
    assert "##[" not in text
    assert not any(line.lstrip().startswith("::") for line in text.splitlines())


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_report_is_valid_too(report_maker: Any, name: str) -> None:
    text = render(report_maker([], [], exit_code=3), name)
    if name in ("json", "sarif", "gitlab"):
        json.loads(text)
    elif name == "junit":
        ElementTree.fromstring(text)
    else:
        assert "no BuildKit record" in text


def test_nothing_of_a_log_becomes_markup_of_the_page(hostile: Any) -> None:
    from html5lib import parse

    from analyzer.reports.page.rendering import _asset

    page = parse(render(hostile, "html"), namespaceHTMLElements=False)
    script = [element for element in page.iter("script") if element.get("type") is None]
    assert [element.text for element in script] == [_asset("page.js")]
    assert not [*page.iter("img"), *page.iter("iframe"), *page.iter("object"), *page.iter("embed")]
    assert not [
        name for element in page.iter() for name in element.attrib if name.startswith("on") or name == "src"
    ]
    links = {element.get("href") for element in page.iter() if element.get("href") is not None}
    assert all(link.startswith("#") for link in links)
