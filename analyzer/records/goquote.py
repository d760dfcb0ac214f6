"""Go's ``%q``: the quoting of values in logrus text.

logrus leaves a value bare when every character is in ``[A-Za-z0-9-._/@^+]`` and writes it with ``%q``
otherwise (sirupsen/logrus v1.9.3, text_formatter.go, needsQuoting). The escapes are those of Go string
literals.
"""

from __future__ import annotations

import re

_ESCAPE = re.compile(
    rb"""\\(?:
        (?P<simple>[abfnrtv\\"'])
      | x(?P<byte>[0-9a-fA-F]{2})
      | u(?P<short>[0-9a-fA-F]{4})
      | U(?P<long>[0-9a-fA-F]{8})
      | (?P<octal>[0-3][0-7]{2})
    )""",
    re.VERBOSE,
)
_SIMPLE = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
    b"\\": b"\\",
    b'"': b'"',
    b"'": b"'",
}


def _meaning(match: re.Match[bytes]) -> bytes:
    kind = match.lastgroup
    digits = match[kind or 0]
    if kind == "simple":
        return _SIMPLE[digits]
    if kind == "byte":
        return bytes((int(digits, 16),))
    if kind == "octal":
        return bytes((int(digits, 8),))
    point = int(digits, 16)
    if point > 0x10FFFF or 0xD800 <= point < 0xE000:
        return match[0]
    return chr(point).encode()


_BARE = re.compile(r"[A-Za-z0-9\-._/@^+]*")
_SHORT = {
    ord(meaning.decode()): "\\" + escape.decode() for escape, meaning in _SIMPLE.items() if escape != b"'"
}


def quote(text: str) -> str:
    """A value as logrus writes it: bare where it may be, else as ``%q`` does."""
    if _BARE.fullmatch(text):
        return text
    escaped = text.translate(_SHORT)
    return '"' + "".join(one if one.isprintable() else _escape(ord(one)) for one in escaped) + '"'


def _escape(code: int) -> str:
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def unquote(body: bytes) -> str:
    """The text that a ``%q`` literal stands for.

    Args:
        body: What stands between the quotes.

    Returns:
        The text. A backslash that starts no escape stays as it is; bytes that are no UTF-8 become U+FFFD.
    """
    if b"\\" in body:
        body = _ESCAPE.sub(_meaning, body)
    return body.decode("utf-8", "replace")
