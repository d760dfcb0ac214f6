"""Messages: a rule's template filled with the row that decides, and made harmless.

Everything in a row may come from a log, so a message holds no control character: what would move a cursor,
turn text around or hide is written as an escape.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from analyzer.limits import LIMITS

# C0, DEL and C1; soft hyphen; zero width and direction marks; line and paragraph separators; joiners and
# isolates; the byte order mark; interlinear annotations; lone surrogates; language tags
_HIDDEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_PLACE = re.compile(r"\{\{|\}\}|\{([A-Za-z_][A-Za-z0-9_]*)\}|[{}]")
_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


_LINES = re.compile(r"[ \t]*\r?\n\s*")
"""Where an error goes over several lines: its parts read better side by side."""


def clean(text: str) -> str:
    """A text with each control or hidden character written as an escape."""
    return _HIDDEN.sub(lambda match: _escape(match.group()), text)


def _escape(character: str) -> str:
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def columns_of(template: str) -> tuple[str, ...]:
    """The columns that a template names, each once, in order.

    Raises:
        ValueError: A brace stands alone.
    """
    names = []
    for match in _PLACE.finditer(template):
        if match.group(1):
            names.append(match.group(1))
        elif match.group() not in ("{{", "}}"):
            raise ValueError(f"a lone {match.group()} at column {match.start() + 1}: write it twice")
    return tuple(dict.fromkeys(names))


def fill(template: str, row: Mapping[str, Any]) -> str:
    """The template with each `{column}` replaced by the row's value, in words."""

    def replace(match: re.Match[str]) -> str:
        name = match.group(1)
        return match.group()[0] if name is None else value_in_words(row.get(name))

    return _PLACE.sub(replace, template)


def value_in_words(value: object) -> str:
    """A value as a reader wants it: `?` for NULL, lists with commas, long texts cut."""
    if value is None:
        return "?"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping):
        return ", ".join(_pairs(value)) or "none"
    if isinstance(value, (list, tuple)):
        return _cut(", ".join(_item(item) for item in value)) or "none"
    if isinstance(value, bytes):
        value = value.decode(errors="replace")
    return _cut(clean(_LINES.sub("; ", str(value).strip())))


def _item(item: object) -> str:
    """An element of a list; an attempt (a struct of host, role and outcome) as `host: outcome`."""
    if isinstance(item, Mapping) and {"host", "outcome"} <= item.keys():
        return f"{value_in_words(item['host'])}: {value_in_words(item['outcome'])}"
    return value_in_words(item)


def _pairs(value: Mapping[Any, Any]) -> Iterator[str]:
    for key, part in value.items():
        yield f"{value_in_words(key)}: {value_in_words(part)}"


def _cut(text: str) -> str:
    return text if len(text) <= LIMITS.error_text else text[: LIMITS.error_text - 1] + "…"
