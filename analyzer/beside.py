"""Work that is done beside this process, on what it holds at that moment, and leaves no memory behind.

Where the system can, that is a forked process: it sees all that this one holds and copies only what changes, and its
memory goes with it. Elsewhere it is a thread.
"""

from __future__ import annotations

import gc
import os
import pickle
import select
import shutil
import signal
import sys
import tempfile
import threading
import time
import warnings
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, NoReturn, Protocol, TypeVar

from analyzer.errors import OutputError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

CAN_FORK = hasattr(os, "fork") and sys.platform != "darwin"
"""Whether a process can be forked and then work: libraries of macOS do not survive it."""

_PIECE = 1 << 16


class DiedError(Exception):
    """The work ended without a word: its process was killed."""


class Pending(Protocol[T_co]):
    """Work that goes on."""

    @property
    def done(self) -> bool:
        """Whether `result` will come at once."""

    @property
    def spent(self) -> float:
        """Seconds that a processor was busy with it, once it is done."""

    def result(self) -> T_co:
        """Wait for what the work gives; what it raises is raised.

        Raises:
            DiedError: It ended without a word.
        """

    def close(self) -> None:
        """Give the work up."""


class Forked(Generic[T]):
    """Work in a forked process. What it gives, or raises, must be such that it can be pickled.

    It may read files that this process writes, and must not write to any that this process has open.

    Args:
        work: The work.

    Raises:
        OutputError: There is no room for a temporary folder.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        try:
            # a process that is killed leaves its files behind: it gets a folder of its own, which goes afterwards
            self._folder = tempfile.mkdtemp(prefix="buildkit-analyzer-")
        except OSError as error:
            raise OutputError(f"no temporary folder can be made: {error.strerror}") from None
        self._pipe, target = os.pipe()
        self._data = bytearray()
        self.spent = 0.0
        with warnings.catch_warnings():
            # of other threads this one needs no lock: it touches nothing of theirs
            warnings.simplefilter("ignore", DeprecationWarning)
            self._process: int | None = os.fork()
        if self._process == 0:
            os.close(self._pipe)
            _work(work, target, self._folder)
        os.close(target)

    @property
    def done(self) -> bool:
        """Whether the work has ended."""
        while self._process is not None and select.select([self._pipe], [], [], 0)[0]:
            self._take()
        return self._process is None

    def result(self) -> T:
        """Wait for what the work gives."""
        while self._process is not None:
            self._take()
        try:
            failed, value = pickle.loads(self._data)
        except (pickle.UnpicklingError, EOFError):
            raise DiedError from None
        if failed:
            raise value
        given: T = value
        return given

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            with suppress(ProcessLookupError):
                os.kill(self._process, signal.SIGKILL)
            self._end()

    def _take(self) -> None:
        data = os.read(self._pipe, _PIECE)
        self._data += data
        if not data:
            self._end()

    def _end(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            os.close(self._pipe)
            with suppress(ChildProcessError):
                _, _, usage = os.wait4(process, 0)
                self.spent = usage.ru_utime + usage.ru_stime
            shutil.rmtree(self._folder, ignore_errors=True)


def _work(work: Callable[[], object], target: int, folder: str) -> NoReturn:
    """Work in the forked process, and end it: nothing of what its parent began is finished here."""
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        tempfile.tempdir = folder
        gc.disable()  # it would look at all that the parent holds, and so copy it
        try:
            said = pickle.dumps((False, work()))
        except BaseException as error:
            said = _pickled(error)
        with open(target, "wb") as stream:
            stream.write(said)
    finally:
        os._exit(0)


def _pickled(error: BaseException) -> bytes:
    try:
        said = pickle.dumps((True, error))
        pickle.loads(said)
    except Exception:
        return pickle.dumps((True, RuntimeError(f"{type(error).__name__}: {error}")))
    return said


class Threaded(Generic[T]):
    """Work in a thread.

    Args:
        work: The work. Nothing else may change what it looks at.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._values: list[T] = []
        self._errors: list[BaseException] = []
        self.spent = 0.0
        self._thread = threading.Thread(target=self._run, args=(work,), name="buildkit-analyzer-beside")
        self._thread.start()

    @property
    def done(self) -> bool:
        """Whether the work has ended."""
        return not self._thread.is_alive()

    def result(self) -> T:
        """Wait for what the work gives."""
        self._thread.join()
        if self._errors:
            raise self._errors[0]
        return self._values[0]

    def close(self) -> None:
        """Wait for its end: a thread cannot be given up."""
        self._thread.join()

    def _run(self, work: Callable[[], T]) -> None:
        begun = time.thread_time()
        try:
            self._values.append(work())
        except BaseException as error:
            self._errors.append(error)
        self.spent = time.thread_time() - begun
