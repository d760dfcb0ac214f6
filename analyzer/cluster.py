"""Run a function over many tasks, in this process or on a Dask cluster, with the same results in the same order.

One task a source: a fleet has far more logs than machines, so nothing finer is needed. A task must be picklable and
its result a function of it alone, because a task whose worker is lost runs once more elsewhere.
"""

from __future__ import annotations

import queue
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import uuid4

from analyzer.errors import AnalyzerError, SourceError, UsageError
from analyzer.parcels import pack, unpack
from analyzer.scheduler import (
    START,
    compare_versions,
    connect,
    distributed,
    lacking,
    lost,
    quiet,
    require_distributed,
)

T = TypeVar("T")
R = TypeVar("R")

Progress = Callable[[int, int], None]
"""Called with the tasks that are done and all tasks; the first never falls."""

IDLE_SECONDS = 10.0
"""How long a cluster may have no worker before that is told."""

WORKER_SECONDS = 300.0
"""How long to wait for a first worker: a cluster that grows with its work may have none yet."""

TASKS_A_THREAD = 4
"""Tasks handed to the cluster for each of its threads: enough that none waits, few enough to hold the results."""

_LOOK_SECONDS = 2.0
_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class TaskFailure:
    """A task that gave no result.

    Attributes:
        error: Why, in words for a user.
        defect: The program is at fault, not what it read.
    """

    error: AnalyzerError
    defect: bool = False


def run_tasks(
    function: Callable[[T], R],
    tasks: Sequence[T],
    *,
    cluster: str | None,
    progress: Progress | None = None,
    retries: int = 3,
    warn: Callable[[str], None] | None = None,
    shared: Callable[[T], Sequence[object]] | None = None,
) -> Iterator[tuple[int, R | TaskFailure]]:
    """Run a function over tasks.

    Args:
        function: A function of a module; with a cluster it is pickled by its name.
        tasks: What it is called with, one at a time.
        cluster: The address of a Dask scheduler, ``tcp://host:8786``; None for this process.
        progress: Told when a task is done.
        retries: How often a task is handed in anew that the cluster has lost. How many workers it may outlive
            before that is the scheduler's own setting (``allowed-failures``, 3).
        warn: Told what a user should know, such as versions that differ; `warnings.warn` if not given.
        shared: Gives the objects in a task that its result may refer to, in the same order each time; they are not
            sent back, and all results refer to those of the tasks here. A function of a module.

    Yields:
        The number of each task and its result, in the order of the tasks.

    Raises:
        UsageError: The scheduler cannot be reached or is lost, or its workers lack this program.
    """
    if cluster is None:
        yield from _run_here(function, tasks, progress)
        return
    require_distributed(cluster)
    with quiet(), connect(cluster) as client:
        compare_versions(client, cluster, warn or _warn)
        run = _Run(client, cluster, function, tasks, progress, retries, warn or _warn, shared or _nothing)
        yield from run.results()


def _run_here(
    function: Callable[[T], R], tasks: Sequence[T], progress: Progress | None
) -> Iterator[tuple[int, R | TaskFailure]]:
    for index, task in enumerate(tasks):
        result = _guarded(function, task)
        if progress:
            progress(index + 1, len(tasks))
        yield index, result


def _guarded(function: Callable[[T], R], task: T) -> R | TaskFailure:
    """The result of a task; an error is a value, so that one task cannot end the others."""
    try:
        return function(task)
    except AnalyzerError as error:
        return TaskFailure(error)
    except Exception as error:
        what = f"this is a defect of buildkit-analyzer: {type(error).__name__}: {error}"
        return TaskFailure(AnalyzerError(what, hint="please report it"), defect=True)


def _remotely(function: Callable[[T], R], task: T, shared: Callable[[T], Sequence[object]]) -> object:
    """What a worker runs."""
    return pack(_guarded(function, task), shared(task))


def _nothing(_: object) -> Sequence[object]:
    return ()


class _Run(Generic[T, R]):
    """Tasks on their way through a cluster, a window of them at a time."""

    def __init__(
        self,
        client: Any,
        address: str,
        function: Callable[[T], R],
        tasks: Sequence[T],
        progress: Progress | None,
        retries: int,
        warn: Callable[[str], None],
        shared: Callable[[T], Sequence[object]],
    ) -> None:
        self._client = client
        self._address = address
        self._function = function
        self._tasks = tasks
        self._progress = progress
        self._retries = retries
        self._warn = warn
        self._shared = shared
        self._name = f"buildkit-analyzer-{uuid4().hex[:12]}"
        self._futures: dict[int, Any] = {}
        self._losses: dict[int, int] = {}
        self._ended: set[int] = set()
        self._suspects: set[int] = set()
        self._alone: set[int] = set()
        self._following = 0
        self._given = 0
        self._told_done = 0
        self._news: queue.SimpleQueue[tuple[int, Any]] = queue.SimpleQueue()
        self._threads = 0
        self._looked = -_LOOK_SECONDS
        self._idle_since: float | None = None
        self._told = False

    def results(self) -> Iterator[tuple[int, R | TaskFailure]]:
        """The results in the order of the tasks."""
        try:
            while self._given < len(self._tasks):
                self._look_at_workers()
                self._submit_more()
                self._hear()
                yield from self._take()
        finally:
            # whoever stops listening, by Ctrl-C or otherwise, needs the rest no more
            if self._client.status == "running":
                with suppress(Exception):
                    self._client.cancel(list(self._futures.values()))

    @property
    def _window(self) -> int:
        return max(1, self._threads) * TASKS_A_THREAD

    def _submit_more(self) -> None:
        """Fill the window; or try the suspects, each alone, so that only what kills a worker is blamed."""
        running = self._futures.keys() - self._ended
        if self._suspects and not running:
            index = min(self._suspects)
            self._suspects.remove(index)
            self._alone.add(index)
            self._submit(index)
        elif not self._suspects and not running & self._alone:
            end = min(len(self._tasks), self._given + self._window)
            for index in range(self._following, end):
                self._submit(index)
            self._following = max(self._following, end)

    def _submit(self, index: int) -> None:
        key = f"{self._name}-{index}-{self._losses.get(index, 0)}"
        task = self._tasks[index]
        future = self._client.submit(_remotely, self._function, task, self._shared, key=key, pure=False)
        self._futures[index] = future
        future.add_done_callback(lambda done: self._news.put((index, done)))

    def _hear(self) -> None:
        """Wait for news of a task, and take all there are."""
        if self._given not in self._ended:
            with suppress(queue.Empty):
                self._note(*self._news.get(timeout=_POLL_SECONDS))
        with suppress(queue.Empty):
            while True:
                self._note(*self._news.get_nowait())

    def _note(self, index: int, future: Any) -> None:
        known = index in self._futures and self._futures[index] is future
        if not known:
            return  # it was handed in anew since
        if future.status in ("cancelled", "lost"):
            self._resubmit(index)
            return
        if index not in self._alone and self._was_killed(future):
            self._suspect(index)
            return
        self._ended.add(index)
        done = self._given + len(self._ended)
        if self._progress and done > self._told_done:
            self._told_done = done
            self._progress(done, len(self._tasks))

    def _suspect(self, index: int) -> None:
        """Let a task be tried once more, alone."""
        self._suspects.add(index)
        self._losses[index] = self._losses.get(index, 0) + 1
        self._ended.discard(index)
        del self._futures[index]

    def _was_killed(self, future: Any) -> bool:
        """Whether the scheduler gave up on a task because workers died that it was handed to.

        Every task that waited on such a worker comes back like this, be it ever so harmless.
        """
        return future.status == "error" and isinstance(future.exception(), distributed().KilledWorker)

    def _resubmit(self, index: int) -> None:
        """Hand in a task that the cluster forgot, unless it forgets all of them."""
        self._losses[index] = self._losses.get(index, 0) + 1
        if self._losses[index] > self._retries or self._client.status != "running":
            raise lost(self._address)
        self._submit(index)

    def _take(self) -> Iterator[tuple[int, R | TaskFailure]]:
        """The results that are next in order and have come."""
        ready: list[int] = []
        while self._given + len(ready) in self._ended:
            ready.append(self._given + len(ready))
        good = [index for index in ready if self._futures[index].status == "finished"]
        found: dict[int, object] = {}
        try:
            gathered = self._client.gather([self._futures[index] for index in good], errors="raise")
            found = dict(zip(good, gathered, strict=True))
        except Exception:
            # one of them went with its worker: take them one by one
            good = []
        for index in ready:
            try:
                result = found[index] if index in found else self._result_of(index)
            except distributed().KilledWorker:
                # it had ended, and its result went with a worker; others died while it was made anew
                self._suspect(index)
                return
            self._ended.discard(index)
            del self._futures[index]
            self._losses.pop(index, None)
            self._given += 1
            yield index, unpack(result, self._shared(self._tasks[index]))

    def _result_of(self, index: int) -> object:
        dask = distributed()
        try:
            return self._wait(self._futures[index])
        except dask.KilledWorker:
            if index not in self._alone:
                raise
            what = "the workers that read it died, one after the other"
            hint = "look at the workers' memory limit and their logs"
            return TaskFailure(SourceError(what, where=_place(self._tasks[index]), hint=hint))
        except dask.CancelledError:
            raise lost(self._address) from None
        except (ImportError, AttributeError) as error:
            # what a worker says that cannot unpickle the task
            raise lacking(self._address, error) from None
        except Exception as error:
            what = f"the cluster could not run it: {type(error).__name__}: {error}"
            return TaskFailure(AnalyzerError(what, where=_place(self._tasks[index])), defect=True)

    def _wait(self, future: Any) -> Any:
        """A result that may have to be made once more, its worker being lost since."""
        while True:
            try:
                return future.result(timeout=_LOOK_SECONDS)
            except TimeoutError:
                if self._client.status != "running":
                    raise lost(self._address) from None

    def _look_at_workers(self) -> None:
        """Follow a cluster that grows and shrinks, and give up on one that is not there."""
        now = time.monotonic()
        if now - self._looked < _LOOK_SECONDS:
            return
        self._looked = now
        if self._client.status != "running":
            raise lost(self._address)
        try:
            self._threads = sum(self._client.nthreads().values())
        except Exception:
            raise lost(self._address) from None
        if self._threads:
            self._idle_since, self._told = None, False
            return
        if self._idle_since is None:
            self._idle_since = now
        if now - self._idle_since > IDLE_SECONDS and not self._told:
            self._told = True
            self._warn(f"{self._address}: the cluster has no workers; waiting for one")
        if now - self._idle_since > WORKER_SECONDS:
            raise UsageError("the cluster has no workers", where=self._address, hint=START)


def _warn(text: str) -> None:
    warnings.warn(text, UserWarning, stacklevel=2)


def _place(task: object) -> str | None:
    """The name of a source, or of the source of a task."""
    name = getattr(getattr(task, "source", task), "name", None)
    return name if isinstance(name, str) else None
