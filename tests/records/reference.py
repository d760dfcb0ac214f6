"""A second, slow and plain reader of the same formats, to hold the real one against.

It reads byte by byte, shares no code with the package, and knows no wrapper prefixes and no limits.
"""

from __future__ import annotations

import itertools
import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

COLUMNS = {
    "msg": "message",
    "traceID": "trace_id",
    "spanID": "span_id",
    "span": "span",
    "error": "error",
}
KEY = rb" \x1b\[\d{1,3}m([^\x1b\n]+)\x1b\[0m="
LEVELS = ["trace", "debug", "info", "warning", "error", "fatal", "panic"]
SIMPLE = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34, "'": 39}


def text_of(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def unquote(body: bytes) -> str:
    out = bytearray()
    at = 0
    while at < len(body):
        if body[at] != 92:
            out.append(body[at])
            at += 1
            continue
        letter = chr(body[at + 1]) if at + 1 < len(body) else ""
        if letter in SIMPLE:
            out.append(SIMPLE[letter])
            at += 2
            continue
        width = {"x": 2, "u": 4, "U": 8}.get(letter, 0)
        digits = body[at + 2 : at + 2 + width]
        if width and len(digits) == width and all(digit in b"0123456789abcdefABCDEF" for digit in digits):
            point = int(digits, 16)
            if width == 2:
                out.append(point)
                at += 4
                continue
            if point < 0x110000 and not 0xD800 <= point <= 0xDFFF:
                out += chr(point).encode()
                at += 2 + width
                continue
        digits = body[at + 1 : at + 4]
        if len(digits) == 3 and all(digit in b"01234567" for digit in digits) and int(digits, 8) < 256:
            out.append(int(digits, 8))
            at += 4
            continue
        out.append(92)
        at += 1
    return text_of(bytes(out))


def read_value(line: bytes, at: int) -> tuple[str, int] | None:
    """A value and the position behind it; None for a quote that never ends."""
    start = at
    if at < len(line) and line[at] == 34:
        at += 1
        while at < len(line) and line[at] != 34:
            at += 2 if line[at] == 92 else 1
        return (unquote(line[start + 1 : at]), at + 1) if at < len(line) else None
    while at < len(line) and line[at] not in b' ="\\':
        at += 1
    return text_of(line[start:at]), at


def read_logfmt(line: bytes) -> tuple[list[tuple[str, str]], bool]:
    fields: list[tuple[str, str]] = []
    at = 0
    while True:
        start = at
        while at < len(line) and line[at] not in b' ="\\':
            at += 1
        if at == start or at == len(line) or line[at] != 61:
            return fields, False
        value = read_value(line, at + 1)
        if value is None or (value[1] < len(line) and line[value[1]] != 32):
            return fields, False
        fields.append((text_of(line[start:at]), value[0]))
        if value[1] >= len(line):
            return fields, True
        at = value[1] + 1


def read_terminal(line: bytes) -> tuple[list[tuple[str, str]], bool] | None:
    head = re.match(rb"\x1b\[\d{1,3}m([A-Z]{4})\x1b\[0m\[([^\]\s\x1b]{1,40})\]", line)
    if not head:
        return None
    fields = [("time", text_of(head[2])), ("level", text_of(head[1]))]
    parts = re.split(KEY, line[head.end() :])
    message = parts[0].removeprefix(b" ").rstrip(b" ")
    if message:
        fields.append(("msg", text_of(message)))
    for key, value in zip(parts[1::2], parts[2::2], strict=True):
        value = value.rstrip(b" ")
        read = read_value(value, 0)
        if read is None or read[1] != len(value):
            return fields, False
        fields.append((text_of(key), read[0]))
    return fields, True


def read_json(line: bytes) -> tuple[list[tuple[str, str]], bool] | None:
    spellings = (b'"level":"', b'"level": "', b'"level" : "', b'"level" :"')
    if not line.startswith(b'{"') or not any(spelling in line for spelling in spellings):
        return None
    try:
        entry = json.loads(text_of(line))
    except ValueError:
        return [], False
    if not isinstance(entry, dict) or not isinstance(entry.get("level"), str):
        return None
    if not isinstance(entry.get("msg"), str) and not isinstance(entry.get("time"), str):
        return None
    compact: dict[str, Any] = {"separators": (",", ":"), "ensure_ascii": False}
    return [(k, v if isinstance(v, str) else json.dumps(v, **compact)) for k, v in entry.items()], True


def read_record(line: bytes) -> tuple[str, list[tuple[str, str]], bool] | None:
    if line.startswith(b"time="):
        return ("logfmt", *read_logfmt(line))
    if (parsed := read_terminal(line)) is not None:
        return ("terminal", *parsed)
    if (parsed := read_json(line)) is not None:
        return ("json", *parsed)
    return None


def nanoseconds(text: str | None) -> int | None:
    match = re.fullmatch(
        r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)", text or "", re.ASCII
    )
    if not match or not 1970 <= int(match[1][:4]) <= 2199:
        return None
    zone = "+0000" if match[3] == "Z" else match[3].replace(":", "")
    if int(zone[1:3]) > 23 or int(zone[3:]) > 59:
        return None
    try:
        moment = datetime.strptime(match[1], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    except ValueError:
        return None
    away = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:])) * (-1 if zone[0] == "+" else 1)
    seconds = (moment + away - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)
    return seconds * 10**9 + int((match[2] or "").ljust(9, "0"))


def level_of(text: str | None) -> str | None:
    for level in LEVELS:
        if text in (level, level[:4].upper()):
            return level
    return "warning" if text == "warn" else None


def row(
    place: tuple[int, int, int, int], form: str, status: str, fields: list[tuple[str, str]], text: str | None
) -> dict[str, Any]:
    values = dict(fields)
    time, level = nanoseconds(values.get("time")), level_of(values.get("level"))
    if time is not None:
        del values["time"]
    if level is not None:
        del values["level"]
    columns = {column: values.pop(key, None) for key, column in COLUMNS.items()}
    line, lines, offset, length = place
    return {
        "line": line,
        "lines": lines,
        "offset": offset,
        "length": length,
        "time": time,
        "level": level,
        **columns,
        "form": form,
        "status": status,
        "fields": values,
        "text": text,
    }


def looks_like_stack(text: bytes) -> bool:
    lines = text.split(b"\n")
    frame = any(
        above[:1].strip() and re.match(rb"\t\S.*:\d", below) for above, below in itertools.pairwise(lines)
    )
    return text.startswith(b"buildkitd: ") or frame


def looks_like_tail(line: bytes) -> bool:
    line = line[-1024:]
    if b'":' in line and line.endswith(b"}"):
        return True
    if b"=" not in line:
        return False
    if line[-1:] in (b'"', b"}"):
        return True
    for at in range(1, len(line)):
        if line[at] == 61 and re.fullmatch(rb"[ \w.\-]", line[at - 1 : at]):
            value = read_value(line, at + 1)
            if value is not None and value[1] == len(line):
                return True
    return False


def parse(data: bytes) -> list[dict[str, Any]]:
    """All records of a log without wrapper prefixes."""
    rows: list[dict[str, Any]] = []
    block: list[bytes] = []
    began = (0, 0)
    line_number, offset = 1, 0
    message: list[
        bytes
    ] = []  # A terminal record without keys right before the block: they may come at its end.

    def end_block(before_record: bool) -> None:
        lead = message.pop() if message else None
        if not block:
            return
        payload = b"\n".join(piece.removesuffix(b"\n").rstrip(b"\r") for piece in block)
        last = payload.rstrip(b"\n").split(b"\n")[-1]
        if lead is not None and re.search(KEY, last):
            found = read_terminal(lead + b"\n" + payload.rstrip(b"\n"))
            assert found is not None
            fields, whole = found[0], found[1] and b"\0" not in payload
            head = rows.pop()
            place = (head["line"], 1 + len(block), head["offset"], head["length"] + sum(map(len, block)))
            text = None if whole else text_of(lead + b"\n" + payload.rstrip(b"\n"))
            rows.append(row(place, "terminal", "ok" if whole else "malformed", fields, text))
            block.clear()
            return
        form, status = "stack" if looks_like_stack(payload) else "other", "ok"
        if (
            before_record
            and began[0] == 1
            and len(block) == 1
            and form == "other"
            and looks_like_tail(payload)
        ):
            status = "truncated"
        elif b"\0" in payload:
            status = "malformed"
        place = (began[0], len(block), began[1], sum(map(len, block)))
        rows.append(row(place, form, status, [], text_of(payload)))
        block.clear()

    pieces = data.split(b"\n")
    physical = [piece + b"\n" for piece in pieces[:-1]] + ([pieces[-1]] if pieces[-1] else [])
    for raw in physical:
        torn = not raw.endswith(b"\n")
        line = raw.removesuffix(b"\n").rstrip(b"\r")
        parsed = read_record(line)
        place = (line_number, 1, offset, len(raw))
        if parsed is not None:
            end_block(True)
            form, fields, whole = parsed
            whole = whole and b"\0" not in line
            status = "ok" if whole else "truncated" if torn else "malformed"
            rows.append(row(place, form, status, fields, None if whole else text_of(line)))
            if form == "terminal" and not re.search(KEY, line):
                message.append(line)
        elif torn and line and (b"time=".startswith(line) or line.startswith(b'{"')):
            end_block(False)
            rows.append(row(place, "json" if line[:1] == b"{" else "other", "truncated", [], text_of(line)))
        else:
            if line.startswith(b"buildkitd: "):
                end_block(False)
            if not block:
                began = (line_number, offset)
            block.append(raw)
        line_number += 1
        offset += len(raw)
    end_block(False)
    return rows
