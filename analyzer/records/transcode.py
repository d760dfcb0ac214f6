"""Chunks of other forms rewritten as text form, so that one scanner reads them all.

Only what comes out as the exact path reads it is rewritten; any doubt gives None, and the chunk goes there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from analyzer.records.logfmt import START
from analyzer.records.terminal import KEY, is_terminal, split_head

if TYPE_CHECKING:
    from analyzer.records.arrays import Ints

MARK = 0x01
"""Stands before every key that was coloured: no text between can pretend to be one."""

_DECODER = json.JSONDecoder()
_DOCKER = '{"log":"'


@dataclass(frozen=True)
class Rewritten:
    """A chunk in text form, line for line.

    Attributes:
        data: The lines.
        begins: Where each line starts in the chunk as it was.
        size: Bytes of the chunk as it was.
        form: The form that its records had.
        stamps: The wrapper's time of each line; None without a wrapper.
        heads: How many of the first fields of records were written here, in terminal form.
    """

    data: bytes
    begins: Ints
    size: int
    form: str
    stamps: list[str] | None = None
    heads: int = 0


def rewrite(data: bytes) -> Rewritten | None:
    """Rewrites whole lines of Docker's json-file or of terminal form; None when they are something else."""
    if data.startswith(_DOCKER.encode()):
        return _open_docker(data)
    if is_terminal(data[: data.find(b"\n")]):
        return _flatten_terminal(data)
    return None


def _begins(lines: list[bytes]) -> Ints:
    sizes = np.fromiter(map(len, lines), np.int64, len(lines))
    begins: Ints = np.cumsum(sizes + 1) - sizes - 1
    return begins


def _open_docker(data: bytes) -> Rewritten | None:
    """The lines inside Docker's json-file, when every one is whole."""
    lines = data.split(b"\n")
    lines.pop()
    payloads: list[str] = []
    stamps: list[str] = []
    decode = _DECODER.raw_decode
    try:
        for line in data.decode().split("\n")[:-1]:
            line = line.rstrip("\r")
            if not line.startswith(_DOCKER):
                return None
            entry, end = decode(line)
            payload, stamp = entry["log"], entry["time"]
            whole = end == len(line) and "level" not in entry and "msg" not in entry
            # A part of a line, or several lines in one, or a wrapper within: the exact path knows.
            if not (whole and type(stamp) is str and payload.find("\n") == len(payload) - 1 >= 0):
                return None
            payloads.append(payload)
            stamps.append(stamp)
        joined = "".join(payloads).encode()
        "".join(stamps).encode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return Rewritten(joined, _begins(lines), len(data), "logfmt", stamps)


def _flatten_terminal(data: bytes) -> Rewritten | None:
    """Lines of terminal form as text form, each coloured key behind a ``MARK``."""
    lines = data.split(b"\n")
    lines.pop()
    if MARK in data:
        return None
    heads = 0
    flat: list[bytes] = []
    for line in lines:
        line = line.rstrip(b"\r")
        head = split_head(line)
        if head is None:
            if line.startswith(START):
                return None
            flat.append(line)
            continue
        time, level, message, keys = head
        if message:
            quoted = message.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
            flat.append(b'time=%b level=%b msg="%b"%b' % (time, level, quoted, keys.rstrip(b" ")))
            heads += 3
        else:
            flat.append(b"time=%b level=%b%b" % (time, level, keys.rstrip(b" ")))
            heads += 2
    flat.append(b"")
    text = KEY.sub(b" \x01\\1=", b"\n".join(flat))
    if b"\x1b" in text:
        return None
    return Rewritten(text, _begins(lines), len(data), "terminal", None, heads)
