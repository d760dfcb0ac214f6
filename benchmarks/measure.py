"""One run of a command: wall time, processor time and peak memory of its whole tree of processes."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from statistics import median

SAMPLE_SECONDS = 0.05
_SET_CHILD_SUBREAPER = 36
"""Of prctl, in linux/prctl.h."""


@dataclass(frozen=True)
class Run:
    """What a command took.

    Attributes:
        wall: Seconds.
        cpu: Seconds of processor time, user and system, of the process and its children.
        memory: Peak bytes: the largest sum of resident memory over the tree, sampled, or the largest resident
            memory of one process as the kernel counted it, whichever is more. Shared pages count in each process.
        largest: Peak bytes of the largest process, as `/usr/bin/time -v` tells it.
    """

    wall: float
    cpu: float
    memory: int
    largest: int


class FailedRunError(Exception):
    """A command ended as it should not have."""


def measure(
    command: Sequence[str], *, ends: Iterable[int] = (0,), env: Mapping[str, str] | None = None
) -> Run:
    """Run a command to its end. What it prints goes to a file: grep counts nothing for ``/dev/null``.

    This process must stay small: the kernel counts a child's memory from before it became another program.

    Args:
        command: The words of the command.
        ends: Exit codes that are no failure.
        env: Environment beside the present one.

    Raises:
        FailedRunError: Another exit code.
    """
    _adopt_orphans()
    with tempfile.TemporaryFile() as printed, tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdout=printed,
            stderr=errors,
            stdin=subprocess.DEVNULL,
            env={**os.environ, **(env or {})},
        )
        ended = threading.Event()
        peaks = [0]
        watcher = threading.Thread(target=_watch, args=(process.pid, ended, peaks), daemon=True)
        watcher.start()
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begin
        cpu = usage.ru_utime + usage.ru_stime + _reap_orphans()
        ended.set()
        watcher.join()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in set(ends):
            errors.seek(0)
            told = errors.read().decode("utf-8", "replace").strip()[-400:]
            raise FailedRunError(f"exit {process.returncode}: {told}")
    return Run(wall, cpu, max(peaks[0], usage.ru_maxrss * 1024), usage.ru_maxrss * 1024)


@cache
def _adopt_orphans() -> None:
    """Let processes whose parent ended before them become children of this one, so that their time is told here."""
    ctypes.CDLL(None).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def _reap_orphans() -> float:
    """Wait for what a command left behind; its seconds of processor time."""
    seconds, patience = 0.0, time.monotonic() + 2
    while time.monotonic() < patience:
        try:
            process, _, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if process:
            seconds += usage.ru_utime + usage.ru_stime
        else:
            time.sleep(0.01)
    return seconds


def _watch(root: int, ended: threading.Event, peaks: list[int]) -> None:
    while not ended.wait(SAMPLE_SECONDS):
        peaks[0] = max(peaks[0], sum(_resident(process) for process in _tree(root)))


def _tree(root: int) -> list[int]:
    """A process and all below it."""
    found = [root]
    for process in found:
        for children in Path(f"/proc/{process}/task").glob("*/children"):
            try:
                found += map(int, children.read_text().split())
            except OSError:
                continue
    return found


def _resident(process: int) -> int:
    try:
        pages = Path(f"/proc/{process}/statm").read_text().split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def middle(runs: Sequence[Run]) -> Run:
    """The median of each figure; of memory the largest."""
    return Run(
        median(run.wall for run in runs),
        median(run.cpu for run in runs),
        max(run.memory for run in runs),
        max(run.largest for run in runs),
    )


@dataclass(frozen=True)
class Case:
    """One thing to measure.

    Attributes:
        key: What results are found by.
        size: Bytes that it reads.
        command: Makes the command, given a folder for its output.
        ends: Exit codes that are no failure.
    """

    key: tuple[str, ...]
    size: int
    command: Callable[[Path], Sequence[str]]
    ends: tuple[int, ...] = (0,)


@dataclass(frozen=True)
class Result:
    """The median of a case's runs, or why there is none."""

    case: Case
    run: Run | None
    failure: str | None = None

    @property
    def speed(self) -> float | None:
        """Megabytes of log a second of wall time."""
        return self.case.size / 1e6 / self.run.wall if self.run else None

    @property
    def cpu_speed(self) -> float | None:
        """Megabytes of log a second of processor time."""
        return self.case.size / 1e6 / self.run.cpu if self.run and self.run.cpu else None


def measure_in_turn(
    cases: Sequence[Case], rounds: int, work: Path, env: Mapping[str, str], say: Callable[[str], None]
) -> dict[tuple[str, ...], Result]:
    """Run all cases one after the other, then all again: a slow minute of the machine meets all of them alike."""
    runs: dict[tuple[str, ...], list[Run]] = {case.key: [] for case in cases}
    failures: dict[tuple[str, ...], str] = {}
    for number in range(rounds):
        for case in cases:
            if case.key in failures:
                continue
            target = Path(tempfile.mkdtemp(dir=work))
            try:
                run = measure(case.command(target), ends=case.ends, env=env)
            except FailedRunError as error:
                failures[case.key] = str(error)
                say(f"{number + 1}/{rounds}  {' '.join(case.key)}: {error}")
            else:
                runs[case.key].append(run)
                speed = case.size / 1e6 / run.wall
                say(
                    f"{number + 1}/{rounds}  {' '.join(case.key):44} {run.wall:8.2f} s {run.cpu:8.2f} s CPU"
                    f" {run.memory / 1e6:7.0f} MB {speed:8.1f} MB/s"
                )
            finally:
                shutil.rmtree(target, ignore_errors=True)
    return {
        case.key: Result(case, middle(runs[case.key]) if runs[case.key] else None, failures.get(case.key))
        for case in cases
    }
