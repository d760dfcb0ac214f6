"""Another program asked for something: for so long and no longer, for so many bytes and no more."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO, Final, Literal

_BLOCK: Final = 1 << 16
_TOLD_BYTES: Final = 1 << 14
_GRACE: Final = 1.0
"""Seconds in which a program that was told to end may do so."""


@dataclass(frozen=True)
class Answer:
    """How a program ended.

    Attributes:
        code: Its exit code; that of a program that was ended means nothing.
        told: The beginning of its standard error.
        ended: Why it was ended before its time; None where it ended by itself.
    """

    code: int
    told: str
    ended: Literal["time", "size"] | None = None


def ask(words: Sequence[str], target: IO[bytes], *, seconds: float, most: int) -> Answer:
    """Run a program, and keep what it prints.

    It gets no terminal that it could ask a question on. What it started itself is ended with it, and if some of that
    lives on, nothing waits for it.

    Args:
        words: The program and its arguments.
        target: Receives its standard output.
        seconds: How long it may take.
        most: Bytes that it may print.

    Raises:
        OSError: It cannot be run, or what it prints cannot be kept.
    """
    until = time.monotonic() + seconds
    told = bytearray()
    ended: Literal["time", "size"] | None = None
    process = subprocess.Popen(
        list(words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        with selectors.DefaultSelector() as waiting:
            for stream in (process.stdout, process.stderr):
                waiting.register(stream, selectors.EVENT_READ)
            while waiting.get_map() and ended is None:
                ready = waiting.select(max(until - time.monotonic(), 0))
                if time.monotonic() >= until:
                    ended = "time"
                for key, _ in ready:
                    block = os.read(key.fd, _BLOCK)
                    if not block:
                        waiting.unregister(key.fileobj)
                    elif key.fileobj is process.stderr:
                        told += block[: _TOLD_BYTES - len(told)]
                    elif len(block) > most:
                        ended = "size"
                    else:
                        most -= len(block)
                        target.write(block)
        if ended is None:
            try:
                process.wait(max(until - time.monotonic(), 0.1))
            except subprocess.TimeoutExpired:
                ended = "time"
    finally:
        _end(process)
        process.stdout.close()
        process.stderr.close()
    return Answer(process.returncode, told.decode("utf-8", "replace"), ended)


def _end(process: subprocess.Popen[bytes]) -> None:
    """See that a program has ended."""
    if process.poll() is not None:
        return
    for how in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with suppress(OSError):
            if hasattr(os, "killpg"):
                os.killpg(process.pid, how)
            else:
                process.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            process.wait(_GRACE)
            return
    process.kill()
    process.wait()
