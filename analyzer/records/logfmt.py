"""One line of logrus text, parsed exactly.

A strict line is ``field(' ' field)*`` with ``field = key '=' (bare | '"' quoted '"')``. Keys and bare
values hold no space, ``=``, ``"`` or backslash; keys are never empty, bare values may be. logrus writes
nothing else (sirupsen/logrus v1.9.3, text_formatter.go). The scanner in ``scan`` accepts the same lines,
many at a time; where it is in doubt, this module decides.
"""

from __future__ import annotations

import re

from analyzer.records.goquote import unquote

START = b"time="
"""How every record in text form begins."""

_FIELD = re.compile(rb'([^ ="\\]+)=(?:"([^"\\]*(?:\\.[^"\\]*)*)"|([^ ="\\]*))', re.DOTALL)


def parse_logfmt(line: bytes) -> tuple[list[tuple[str, str]], bool]:
    """The fields of a line.

    Args:
        line: The line without its end and without wrapper prefixes.

    Returns:
        The fields in order, and whether the whole line is strict. When it is not, the fields are those before
        the first fault.
    """
    fields: list[tuple[str, str]] = []
    match_field = _FIELD.match
    end = len(line)
    at = 0
    while True:
        match = match_field(line, at)
        if match is None:
            return fields, False
        at = match.end()
        if at < end and line[at] != 0x20:
            return fields, False
        key, quoted, bare = match.groups()
        value = bare.decode("utf-8", "replace") if quoted is None else unquote(quoted)
        fields.append((key.decode("utf-8", "replace"), value))
        if at >= end:
            return fields, True
        at += 1
