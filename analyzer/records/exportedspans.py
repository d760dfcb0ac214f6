"""Spans of exported traces, whatever the form in which they were written."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
"""Kinds of spans, by the number that OTLP and Go's SDK give them (opentelemetry-proto v1 ``trace.proto``, enum
``SpanKind``; opentelemetry-go ``trace/span.go``, where 0 to 5 are the same)."""

_TOLD = ("http.tls.done", "http.getconn.done", "http.connect.", "exception")
_ARGUMENTS = ("command", "process.command_args")
"""Attributes that are the words of a command line: buildctl's ``command`` (moby/buildkit
``cmd/buildctl/common/trace.go``)."""

OWN_SCOPE = "buildkit-analyzer"
"""The instrumentation that spans name which were made from a log, for a viewer of traces. They are no evidence."""

_HEXADECIMAL = re.compile(r"[0-9a-fA-F]+\Z")
_EARLIEST, _LATEST = 0, (1 << 63) - 1


class Event(NamedTuple):
    """Something that happened within a span.

    Attributes:
        name: Its name, such as ``http.tls.done``.
        attributes: What is told of it, as text.
        time: Nanoseconds since 1970; None where it is not told or not kept.
    """

    name: str
    attributes: Mapping[str, str]
    time: int | None = None


class ExportedSpan(NamedTuple):
    """A span as it was exported.

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_span_id: The span it lies in; None of a root.
        name: Its name.
        kind: One of `KINDS`.
        start: Nanoseconds since 1970; None where it is not told.
        end: The same, of its end.
        status: unset, ok or error.
        message: What the status says.
        service: ``service.name`` of who recorded it.
        scope: The instrumentation that recorded it.
        attributes: Its attributes, as text.
        events: What happened within it, in order.
    """

    trace_id: str
    span_id: str
    parent_span_id: str | None
    name: str
    kind: str
    start: int | None
    end: int | None
    status: str
    message: str | None
    service: str | None
    scope: str | None
    attributes: Mapping[str, str]
    events: tuple[Event, ...]


def identifier(value: object, digits: int) -> str | None:
    """An ID in small hexadecimal digits; None of what is none, or of the ID of nothing, which is all zeros.

    Args:
        value: Hexadecimal, as OTLP's JSON demands, or base64, as a plain protobuf printer writes bytes.
        digits: How many digits it has.
    """
    if not isinstance(value, str):
        return None
    if len(value) == digits:
        found = value
    elif 0 < len(value) <= digits:
        import base64
        import binascii

        padded = value.rstrip("=")
        try:
            raw = base64.b64decode(padded + "=" * (-len(padded) % 4), altchars=None, validate=True)
        except (binascii.Error, ValueError):
            return None
        found = raw.hex()
    else:
        return None
    if len(found) != digits or not _HEXADECIMAL.match(found):
        return None
    return found.lower() if found.strip("0") else None


def nanoseconds(value: object) -> int | None:
    """A time as OTLP writes it: nanoseconds since 1970, as text or as a number; None of another."""
    if isinstance(value, bool):
        return None
    try:
        number = int(value)  # type: ignore[call-overload]
    except (TypeError, ValueError, OverflowError):
        return None
    return number if _EARLIEST < number <= _LATEST else None


def go_time(value: object) -> int | None:
    """A time as Go writes it (RFC 3339 with up to nine digits of a second) in nanoseconds; None of another."""
    if not isinstance(value, str) or len(value) > 40:
        return None
    whole, dot, rest = value.partition(".")
    digits = ""
    if dot:
        digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
        whole += rest[len(digits) :]
    try:
        time = datetime.fromisoformat(whole)
    except ValueError:
        return None
    if time.tzinfo is None:
        time = time.replace(tzinfo=UTC)
    try:
        since = time - datetime(1970, 1, 1, tzinfo=UTC)
    except OverflowError:
        return None
    number = (since.days * 86_400 + since.seconds) * 10**9 + int((digits + "0" * 9)[:9])
    # Go's year 1 stands for no time at all
    return number if _EARLIEST < number <= _LATEST else None


def shown(key: str, value: object) -> str:
    """A value of an attribute as text: the words of a command as a shell takes them, other lists with commas."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return ""
    if isinstance(value, list | tuple):
        words = [shown("", one) for one in value]
        return shlex.join(words) if key in _ARGUMENTS else ", ".join(words)
    if isinstance(value, dict):
        return ", ".join(f"{name}={shown('', one)}" for name, one in value.items())
    return str(value)


def clean(text: str) -> str:
    """A text that can be written as UTF-8: half of a pair of surrogates, which JSON may hold, cannot."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def is_told(event: str) -> bool:
    """Whether anything reads an event of this name: most are none of a connection's, or only tell its times."""
    return event.startswith(_TOLD)


def dictionaries(value: object) -> Iterable[dict[str, Any]]:
    """The objects of an array; nothing of what is none."""
    return (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()
