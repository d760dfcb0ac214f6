"""One line of logrus' JSON form.

logrus writes one object a line, keys in alphabetical order, always with ``level``, ``msg`` and ``time``
(sirupsen/logrus v1.9.3, json_formatter.go). Durations are whole nanoseconds there, where text form has
``1.2ms``.
"""

from __future__ import annotations

import json
import re
from typing import Any

# Numbers stay as they are written: as floats they would change, as long integers they would raise.
_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_LEVEL = re.compile(rb'"level" ?: ?"')
_SURROGATE = re.compile("[\ud800-\udfff]")


def sound_text(text: str) -> str:
    """Text in which half of a surrogate pair, which JSON can spell, has become U+FFFD."""
    return _SURROGATE.sub("\ufffd", text)


def is_json(line: bytes) -> bool:
    """Whether a line looks like a record in JSON form; ``parse_json`` decides."""
    return line.startswith(b'{"') and _LEVEL.search(line) is not None


def parse_json(line: bytes) -> tuple[list[tuple[str, str]], bool] | None:
    """The fields of a line in JSON form.

    Args:
        line: The line without its end and without wrapper prefixes; ``is_json`` holds for it.

    Returns:
        The fields and whether the line is whole JSON, or None when it is an object of another kind. Numbers
        and booleans are their JSON text, nested values compact JSON text.
    """
    source = line.decode("utf-8", "replace")
    try:
        entry, end = _DECODER.raw_decode(source)
        if source[end:].strip():
            return [], False
        if not isinstance(entry, dict) or not isinstance(entry.get("level"), str):
            return None
        if not (isinstance(entry.get("msg"), str) or isinstance(entry.get("time"), str)):
            return None
        fields = [
            (key, value if type(value) is str else _text(value, key, source)) for key, value in entry.items()
        ]
    except (ValueError, RecursionError):
        return [], False
    if "\\ud" in source or "\\uD" in source:
        fields = [(sound_text(key), sound_text(value)) for key, value in fields]
    return fields, True


def _text(value: Any, key: str, source: str) -> str:
    if value is None:
        return "null"
    if value is True or value is False:
        return "true" if value else "false"
    # Decoded again: in a nested value a number must not have become a string.
    nested = json.loads(source)[key]
    return json.dumps(nested, separators=(",", ":"), ensure_ascii=False)
