r"""One line of logrus' coloured form, which buildkitd writes when its standard error is a terminal.

``\x1b[36mINFO\x1b[0m[2026-11-24T17:25:09Z] message, padded to 44   \x1b[36mkey\x1b[0m=value``. The message
is not quoted and may hold ``k=v`` itself, so that only coloured keys divide the line; their values are
quoted as in text form (sirupsen/logrus v1.9.3, text_formatter.go, printColored).
"""

from __future__ import annotations

import re

from analyzer.records.goquote import unquote

_HEAD = re.compile(rb"\x1b\[\d{1,3}m([A-Z]{4})\x1b\[0m\[([^\]\s\x1b]{1,40})\] ?")
KEY = re.compile(rb" \x1b\[\d{1,3}m([^\x1b\n]+)\x1b\[0m=")
_VALUE = re.compile(rb'(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^ ="\\]*))', re.DOTALL)


def is_terminal(line: bytes) -> bool:
    """Whether a line begins as a record in terminal form does."""
    return line.startswith(b"\x1b[") and _HEAD.match(line) is not None


def has_keys(line: bytes) -> bool:
    """Whether a line has a coloured key."""
    return b"\x1b" in line and KEY.search(line) is not None


def split_head(line: bytes) -> tuple[bytes, bytes, bytes, bytes] | None:
    """Time, level, message without padding, and all from the first coloured key; None for other lines."""
    head = _HEAD.match(line)
    if head is None:
        return None
    first = KEY.search(line, head.end() - 1)
    end = first.start() if first else len(line)
    return head[2], head[1], line[head.end() : end].rstrip(b" "), line[end:]


def parse_terminal(line: bytes) -> tuple[list[tuple[str, str]], bool]:
    """The fields of a line in terminal form, named as in text form.

    The level is the four letters of the terminal; the padding behind the message is cut off.

    Args:
        line: The line without its end and without wrapper prefixes; ``is_terminal`` holds for it.

    Returns:
        The fields in order, and whether every coloured key has a whole value. When not, the fields are those
        before the first fault.
    """
    head = split_head(line)
    if head is None:
        return [], False
    time, level, message, keys = head
    fields = [("time", time.decode("utf-8", "replace")), ("level", level.decode("ascii"))]
    if message:
        fields.append(("msg", message.decode("utf-8", "replace")))
    parts = KEY.split(keys)
    for key, body in zip(parts[1::2], parts[2::2], strict=True):
        # Trailing spaces: a console that pads its lines must not spoil the last value.
        value = _VALUE.fullmatch(body) or _VALUE.fullmatch(body.rstrip(b" "))
        if value is None:
            return fields, False
        text = value[2].decode("utf-8", "replace") if value[1] is None else unquote(value[1])
        fields.append((key.decode("utf-8", "replace"), text))
    return fields, True
