"""An end from outside: signals become an exception, so that whatever is half done is cleaned up on the way out."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import Any

_AGAIN_SECONDS = 0.01

_ENDS = tuple(
    number for name in ("SIGINT", "SIGTERM", "SIGHUP") if (number := getattr(signal, name, None)) is not None
)


class Stopped(BaseException):
    """The process was asked to end. Like KeyboardInterrupt it is no error, and must not be caught as one."""


class Stop:
    """Which signal asked for the end.

    Attributes:
        number: The number of the signal; None while none came.
    """

    def __init__(self) -> None:
        self.number: int | None = None

    @property
    def code(self) -> int | None:
        """The exit code that a shell knows for it; None while none came."""
        return None if self.number is None else 128 + self.number

    def note(self, number: int, _: FrameType | None) -> None:
        """Handle a signal."""
        self.number = number
        raise KeyboardInterrupt if number == signal.SIGINT else Stopped


@contextmanager
def end_on_signals() -> Iterator[Stop]:
    """Raise in the main thread when a signal asks for the end: KeyboardInterrupt for SIGINT, `Stopped` for others.

    A signal that this process was started to ignore is still ignored.
    """
    stop = Stop()
    before: dict[int, Any] = {}
    unraisable = sys.unraisablehook

    def raise_again(told: sys.UnraisableHookArgs) -> None:
        """What met a finalizer is lost there: nobody would end."""
        if stop.number is None or not issubclass(told.exc_type, KeyboardInterrupt | Stopped):
            unraisable(told)
            return
        again = threading.Timer(_AGAIN_SECONDS, signal.raise_signal, (stop.number,))
        again.daemon = True
        again.start()

    # only the main thread may say what a signal does
    with suppress(ValueError):
        for number in _ENDS:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                before[number] = signal.signal(number, stop.note)
    sys.unraisablehook = raise_again
    try:
        yield stop
    finally:
        sys.unraisablehook = unraisable
        for number, handler in before.items():
            signal.signal(number, handler)
