"""Records written back as lines, for a log from which secrets were taken.

Only what was changed is written anew; the lines of all other records stay as they were, byte for byte.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from analyzer.records.goquote import quote
from analyzer.records.wrappers import unwrap

_LINE = re.compile(rb"[^\n]*\n|[^\n]+\Z")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_COLUMNS = {"trace_id": "traceID", "span_id": "spanID", "span": "span", "error": "error"}


def rewrite_record(raw: bytes, row: Mapping[str, Any]) -> bytes:
    """The lines of a record whose values were changed.

    A record of fields becomes a line of logrus text, whatever it was before: the same fields, and the same record
    when it is read again but for its form. Other text stays line by line what it was, and where it has become
    shorter, empty lines keep the count.

    Args:
        raw: Its lines as the log has them.
        row: Its row of the table `records`, changed; its time in nanoseconds since 1970.

    Returns:
        Its lines, with the prefixes and line ends that they had.
    """
    lines = _LINE.findall(raw)
    if row["text"] is None:
        prefix, end = _around(lines[0])
        more = [part for line in lines[1:] for part in _around(line)]
        return b"".join([prefix, print_record(row).encode(), end, *more])
    new = row["text"].encode("utf-8", "replace").split(b"\n")
    new += [b""] * (len(lines) - len(new))
    new[len(lines) - 1 :] = [b" ".join(new[len(lines) - 1 :]).rstrip(b" ")]
    return b"".join(
        part for line, text in zip(lines, new, strict=True) for part in _between(_around(line), text)
    )


def print_record(row: Mapping[str, Any]) -> str:
    """A record of fields as logrus writes it (sirupsen/logrus v1.9.3, text_formatter.go)."""
    parts: list[tuple[str, str]] = []
    if row["time"] is not None:
        parts.append(("time", _stamp(row["time"])))
    if row["level"] is not None:
        parts.append(("level", row["level"]))
    if row["message"]:
        parts.append(("msg", row["message"]))
    others = [(written, row[name]) for name, written in _COLUMNS.items() if row[name] is not None]
    others += [(key, value) for key, value in row["fields"] if value is not None]
    parts += sorted(others, key=lambda part: part[0])
    return " ".join(f"{key}={quote(value)}" for key, value in parts)


def _stamp(value: int) -> str:
    """A time as RFC 3339 in UTC, with a fraction only where it has one."""
    seconds, rest = divmod(value, 1_000_000_000)
    text = (_EPOCH + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{rest:09d}Z" if rest else f"{text}Z"


def _around(line: bytes) -> tuple[bytes, bytes]:
    """What stands before and behind the program's own words on a line."""
    body = line.rstrip(b"\r\n")
    found = unwrap(body, set())
    return body[: max(found.prefix, 0)], line[len(body) :]


def _between(around: tuple[bytes, bytes], text: bytes) -> tuple[bytes, bytes, bytes]:
    return around[0], text, around[1]
