r"""What others put before or around the lines of a log, found line by line and taken off.

Known are Docker's and the kubelet's times, the CRI log file, Docker's json-file, compose's and kubectl's
names, journald and syslog, and the times of GitHub Actions. Wrappers nest: ``[pod/x/y]
2026-11-24T22:07:10.1Z time=...``. A name that ends without a number (``web | ``) could be anybody's text;
it counts as compose's when a record stands behind it, and from then on.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from analyzer.records.jsonform import is_json, sound_text
from analyzer.records.logfmt import START
from analyzer.records.terminal import is_terminal

_MOST_NESTED = 5
_TIME = rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:?\d\d)"
_MONTHS = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_COLOUR = rb"(?:\x1b\[[0-9;]{0,12}m)"
_PREFIX = re.compile(
    rb"""
    (?P<stamp>%(time)s)[ ]
        (?:
            std(?:out|err)[ ](?P<part>[FP])(?::[^ ]{0,32})?(?:[ ]|$)        # CRI
          | [\w.\-]{1,255}[ ][^ :\[\]]{1,255}\[\d{1,10}\]:(?:[ ]|$)         # journalctl -o short-iso
        )?
  | (?P<date>%(months)s[ ][ \d]\d[ ]\d\d:\d\d:\d\d(?:\.\d{1,9})?)[ ]
        [\w.\-]{1,255}[ ][^ :\[\]]{1,255}(?:\[\d{1,10}\])?:(?:[ ]|$)        # journalctl, syslog
  | \[(?P<pod>pod/[^\]\s]{1,512})\](?:[ ]|$)                                # kubectl logs --prefix
  | %(colour)s?(?P<service>[\w.\-]{1,255})%(colour)s?[ ]{1,64}\|(?:[ ]|$)(?:\x1b\[0m)?   # docker compose logs
  | \xef\xbb\xbf                                                            # byte order mark
    """.replace(b"%(time)s", _TIME)
    .replace(b"%(months)s", _MONTHS)
    .replace(b"%(colour)s", _COLOUR),
    re.VERBOSE,
)
_MESSAGE_KEY = re.compile(rb'"(?:log|MESSAGE)" ?: ?["\[]')
_NUMBERED = re.compile(rb"[-_]\d+$")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unwrapped(NamedTuple):
    """A line without what was around it.

    Attributes:
        payload: The line as the program wrote it.
        prefix: Bytes before the payload, or -1 when the payload is no slice of the line.
        stamp: The innermost wrapper's time, RFC 3339.
        stamp_at: Where ``stamp`` stands in the line.
        times: Where times stand in the line: the parts of the prefix that change from line to line.
        stream: The innermost name of a service, or of a pod and container.
        partial: The line goes on in the next one.
        joins: What can be parts of one line share this; None for lines that have no parts.
        learnt: A prefix that only the record behind it made believable.
    """

    payload: bytes
    prefix: int = 0
    stamp: str | None = None
    stamp_at: tuple[int, int] | None = None
    times: tuple[tuple[int, int], ...] = ()
    stream: str | None = None
    partial: bool = False
    joins: str | None = None
    learnt: bytes | None = None


def is_plain(line: bytes) -> bool:
    """Whether a line begins as a text or terminal record does, with nothing before it."""
    return line.startswith(START) or is_terminal(line)


def unwrap(line: bytes, known: set[bytes]) -> Unwrapped:
    """Takes wrappers off a line.

    Args:
        line: A physical line without its end.
        known: Names of services that were learnt.

    Returns:
        The line without its wrappers; whole and with ``prefix`` 0 when it has none.
    """
    if is_plain(line):
        return Unwrapped(line)
    return _unwrap(line, known, 0)


def _unwrap(line: bytes, known: set[bytes], depth: int) -> Unwrapped:
    if line.startswith(b"{"):
        return _unwrap_json(line, known, depth) or Unwrapped(line)
    match = _PREFIX.match(line) if depth < _MOST_NESTED else None
    if match is None:
        return Unwrapped(line)
    cut = match.end()
    inner = line[cut:]
    found = Unwrapped(inner) if is_plain(inner) else _unwrap(inner, known, depth + 1)
    learnt = found.learnt
    service = match["service"]
    if service is not None and service not in known and not _NUMBERED.search(service):
        if not (is_plain(found.payload) or is_json(found.payload)):
            return Unwrapped(line)
        learnt = service
    own = match.span("stamp") if match["stamp"] else None
    at = _moved(found.stamp_at, cut) or own
    times = [span for span in (own, match.span("date") if match["date"] else None) if span]
    times += [(start + cut, end + cut) for start, end in found.times]
    name = match["pod"] or service
    part = match["part"]
    return Unwrapped(
        payload=found.payload,
        prefix=found.prefix + cut if found.prefix >= 0 else -1,
        stamp=found.stamp or (match["stamp"].decode("ascii") if match["stamp"] else None),
        stamp_at=at,
        times=tuple(times),
        stream=found.stream or (name.decode("utf-8", "replace") if name else None),
        partial=found.partial or part == b"P",
        joins=found.joins or ("cri" if part else None),
        learnt=learnt,
    )


def _moved(span: tuple[int, int] | None, by: int) -> tuple[int, int] | None:
    return None if span is None else (span[0] + by, span[1] + by)


def _unwrap_json(line: bytes, known: set[bytes], depth: int) -> Unwrapped | None:
    """Takes off Docker's json-file or journald's JSON export, where it is one."""
    if depth >= _MOST_NESTED or not _MESSAGE_KEY.search(line):
        return None
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict) or "level" in entry or "msg" in entry:
        return None
    docker = "log" in entry
    message = entry.get("log" if docker else "MESSAGE")
    partial = False
    if isinstance(message, str):
        payload = sound_text(message).encode()
    elif (
        isinstance(message, list)
        and not docker
        and all(type(byte) is int and 0 <= byte < 256 for byte in message)
    ):
        payload = bytes(message)
    else:
        return None
    if docker:
        # Docker splits lines at 16 KiB; all parts but the last lack the line's end.
        partial = not payload.endswith(b"\n")
        stamp = entry.get("time")
    else:
        stamp = _microseconds(entry.get("__REALTIME_TIMESTAMP"))
    payload = payload.removesuffix(b"\n").rstrip(b"\r")
    found = Unwrapped(payload) if is_plain(payload) else _unwrap(payload, known, depth + 1)
    return found._replace(
        prefix=-1,
        stamp=found.stamp or (sound_text(stamp) if isinstance(stamp, str) else None),
        stamp_at=None,
        times=(),
        partial=found.partial or partial,
        joins=found.joins or ("docker" if docker else None),
    )


def _microseconds(text: object) -> str | None:
    if not isinstance(text, str) or not (text.isascii() and text.isdigit() and len(text) <= 16):
        return None
    try:
        moment = _EPOCH + timedelta(microseconds=int(text))
    except OverflowError:
        return None
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
