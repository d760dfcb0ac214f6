"""What stands on a page, as text: for golden files that people can review."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import html5lib

_SKIPPED = {"head", "script", "style", "svg", "canvas"}
_LINES = {"h1", "h2", "h3", "h4", "p", "li", "tr", "summary", "label", "option", "dt", "dd", "small"}
_CELLS = {"td", "th"}


def outline(page: str) -> str:
    """The text of a page, a line for each heading, paragraph, item and row; folded parts too."""
    tree = html5lib.parse(page, namespaceHTMLElements=False)
    lines = (" ".join("".join(parts).split()) for parts in _lines(tree.find("body")))
    return "".join(f"{line}\n" for line in lines if line.strip(" |#"))


def _lines(element: Any) -> Iterator[list[str]]:
    """The lines within an element; what stands between those of its children is a line too."""
    current: list[str] = []
    for kind, value in _walk(element):
        if kind == "break":
            yield current
            current = ["#" * int(value[1]) + " "] if value in ("h1", "h2", "h3", "h4") else []
        else:
            current.append(value)
    yield current


def _walk(element: Any) -> Iterator[tuple[str, str]]:
    if not isinstance(element.tag, str) or element.tag in _SKIPPED:
        return
    breaks = element.tag in _LINES
    if breaks:
        yield "break", element.tag
    if element.text:
        yield "text", element.text
    for child in element:
        yield from _walk(child)
        if child.tag in _CELLS:
            yield "text", " | "
        if child.tag in ("span", "code", "a", "b"):
            yield "text", " "
        if child.tail:
            yield "text", child.tail
    if breaks:
        yield "break", ""
