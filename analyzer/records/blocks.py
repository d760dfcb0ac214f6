"""Lines that are no log records: Go stack traces, start-up failures, and whatever else was printed.

At debug level buildkitd prints each failed call as ``<error>``, ``<pid> <version> <command line>`` and a
stack, and a start that fails as ``buildkitd: <error>`` and a stack, in every log format (moby/buildkit
v0.32.2, cmd/buildkitd/main.go; facts measured on v0.9.3 to v0.32.2).
"""

from __future__ import annotations

import re

FATAL = b"buildkitd: "
"""How buildkitd begins the last words of a daemon. Such a line always begins a block of its own."""

HOLE = b"\0"
"""What stands where a crash or a failing disk took bytes away. No line holds it: text form escapes it as ``\\x00``,
JSON as ``\\u0000`` (sirupsen/logrus v1.9.3, text_formatter.go, json_formatter.go)."""

# A function, and below it, behind a tab, its file and line.
_FRAME = re.compile(rb"(?m)^\S.*\n\t\S.*:\d")
_TAIL_BYTES = 1024
_TAIL = re.compile(rb'[ \w.\-]=(?:"(?:[^"\\]|\\.)*"|[^ ="\\]*)\Z|"\Z|\}\Z', re.DOTALL)


def block_form(text: bytes) -> str:
    """``stack`` for a Go stack trace or a daemon's last words, else ``other``."""
    if text.startswith(FATAL) or _FRAME.search(text):
        return "stack"
    return "other"


def is_record_tail(line: bytes) -> bool:
    """Whether a line looks like the end of a record whose beginning was cut off."""
    tail = line[-_TAIL_BYTES:]
    return (b"=" in tail and _TAIL.search(tail) is not None) or (b'":' in tail and tail.endswith(b"}"))
