"""The same record in the other forms of logrus, and damaged."""

from __future__ import annotations

import json
import random
import re

from analyzer.records.logfmt import parse_logfmt
from benchmarks.templates import SLOT, Record

FORMS = ("text", "json", "terminal")
DAMAGES = ("every-line", "rare-escapes")

_COLOURS = {b"debug": 37, b"trace": 37, b"warning": 33, b"error": 31, b"fatal": 31, b"panic": 31}
_NUMBERS = {"size", "offset", "parallelism", "initial_parallelism", "chunk_size", "attempt"}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|µs|ms|s)")
_NANOSECONDS = {"ns": 1, "µs": 1_000, "ms": 1_000_000, "s": 1_000_000_000}
_FIELD = re.compile(rb'([^ =]+)=("(?:[^"\\]|\\.)*"|[^ ]*)')
_HTML = (("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e"))


def to_form(record: Record, form: str) -> Record:
    """A record of the text form in another form; its block stays, which buildkitd prints raw in any form."""
    if form == "json":
        return Record(_json(record.line), record.block)
    if form == "terminal":
        return Record(_terminal(record.line), record.block)
    return record


def _json(line: bytes) -> bytes:
    """As logrus' JSONFormatter writes it: keys sorted, HTML escaped, numbers and durations as numbers."""
    fields = {key: _typed(key, value) for key, value in sorted(parse_logfmt(line)[0])}
    text = json.dumps(fields, separators=(",", ":"), ensure_ascii=False)
    for plain, escaped in _HTML:
        text = text.replace(plain, escaped)
    return text.encode()


def _typed(key: str, value: str) -> str | int | bool:
    if key in _NUMBERS and value.isdigit():
        return int(value)
    if key == "cached" and value in ("true", "false"):
        return value == "true"
    if key == "d" and (found := _DURATION.fullmatch(value)):
        return round(float(found[1]) * _NANOSECONDS[found[2]])
    return value


def _terminal(line: bytes) -> bytes:
    """As logrus' TextFormatter writes it with colours: the message is bare and padded to 44 characters."""
    raw = dict(_FIELD.findall(line))
    moment, level = raw.pop(b"time").strip(b'"'), raw.pop(b"level", b"info")
    raw.pop(b"msg", None)
    message = dict(parse_logfmt(line)[0]).get("msg", "")
    colour = _COLOURS.get(level, 36)
    keys = b"".join(b" \x1b[%dm%b\x1b[0m=%b" % (colour, key, value) for key, value in raw.items())
    head = b"\x1b[%dm%b\x1b[0m[%b] " % (colour, level[:4].upper(), moment)
    return head + f"{message:44} ".encode() + keys


def damaged(record: Record, rng: random.Random) -> Record:
    """A record whose line is broken in one of the ways in which lines break."""
    line = record.line
    way = rng.randrange(4)
    if way == 0:  # cut in the middle
        line = line[: rng.randrange(len(line) // 2, len(line))]
    elif way == 1:  # a value's last quote is lost
        at = line.rindex(b'"')
        line = line[:at] + line[at + 1 :]
    elif way == 2:  # two lines were written into one another
        at = rng.randrange(len(line) // 2, len(line))
        line = line[:at] + b'" =' + line[at:]
    else:  # bytes were overwritten
        at = line.index(b" level=")
        line = line[:at] + b' \x00\xff"\\' + line[at + 5 :]
    if parse_logfmt(line)[1]:
        line += b' "'
    return Record(line, record.block)


def rare_escapes(record: Record) -> Record:
    r"""A record whose every value but time and level holds an escape such as ``\u0061``, which Go can read.

    The values mean what they meant: nothing is lost but speed. Values that are an ID are left to `escape_ids`.
    """

    def escape(match: re.Match[bytes]) -> bytes:
        key, value = match[1], match[2]
        body = value[1:-1] if value.startswith(b'"') else value
        if key in (b"time", b"level") or (at := _plain_place(body)) is None:
            return match[0]
        return b'%b="%b\\u00%02x%b"' % (key, body[:at], body[at], body[at + 1 :])

    return Record(_FIELD.sub(escape, record.line), record.block)


def _plain_place(body: bytes) -> int | None:
    """Where a character stands that is no part of a time, an ID or an escape, nor next to one."""
    taken = {place for match in SLOT.finditer(body) for place in range(match.start() - 1, match.end() + 4)}
    for at, code in enumerate(body):
        if at not in taken and code != 0x5C and code < 0x7F and body[at - 1 : at] != b"\\":
            return at
    return None


def escape_ids(text: bytes) -> bytes:
    """The first digit of every value that is an ID as an escape: what is to be done when IDs are known."""
    return _ID.sub(lambda match: b' %b="\\u00%02x%b"' % (match[1], match[2][0], match[3]), text)


_ID = re.compile(rb" (traceID|spanID|key)=([0-9a-z])([0-9a-z]{15,})(?=[ \n])")
