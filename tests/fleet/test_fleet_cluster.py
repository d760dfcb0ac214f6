from __future__ import annotations

import gzip
import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from analyzer import cluster, errors, scheduler
from analyzer.cluster import TaskFailure, run_tasks
from analyzer.errors import AnalyzerError, UsageError
from analyzer.sources import open_each
from tests.fleet.fleet_tasks import (
    Asked,
    Rule,
    answer,
    count_lines,
    die,
    raise_config,
    rules_of,
    square,
    square_and_sign,
    square_slowly,
    square_unless_odd,
)


def shown(result: object) -> object:
    """A result that can be compared: errors have no equality."""
    if isinstance(result, TaskFailure):
        return type(result.error), str(result.error), result.defect
    return result


def everything(*args: Any, **options: Any) -> list[tuple[int, object]]:
    return [(index, shown(result)) for index, result in run_tasks(*args, **options)]


def test_here_results_come_in_order_with_progress() -> None:
    told: list[tuple[int, int]] = []

    found = everything(square, [3, 1, 2], cluster=None, progress=lambda *now: told.append(now))

    assert found == [(0, 9), (1, 1), (2, 4)]
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_here_an_error_of_a_task_is_a_value() -> None:
    found = everything(square_unless_odd, [1, 2, 3, 4], cluster=None)

    assert found == [
        (0, (errors.SourceError, "task 1: it is odd (take an even one)", False)),
        (1, 4),
        (
            2,
            (
                AnalyzerError,
                "this is a defect of buildkit-analyzer: ZeroDivisionError: odd (please report it)",
                True,
            ),
        ),
        (3, 16),
    ]


def test_here_nothing_runs_before_it_is_asked_for() -> None:
    ran: list[int] = []
    results = run_tasks(ran.append, [1, 2, 3], cluster=None)

    assert (ran, next(results), ran) == ([1], (0, None), [1])


@pytest.mark.parametrize(
    "kind",
    [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, AnalyzerError)],
)
def test_errors_travel(kind: type[AnalyzerError]) -> None:
    error = pickle.loads(pickle.dumps(kind("what", where="where", hint="hint")))

    assert (type(error), error.what, error.where, error.hint) == (kind, "what", "where", "hint")


def test_importing_needs_no_dask() -> None:
    code = "import sys, analyzer.cluster; sys.exit(bool({'dask', 'distributed'} & set(sys.modules)))"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(UsageError, match="needs Dask") as caught:
        everything(square, [1], cluster="tcp://127.0.0.1:1")

    assert "[cluster]" in (caught.value.hint or "")


@pytest.fixture(scope="module")
def distributed() -> Any:
    return pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def workers(distributed: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A cluster of two worker processes on this machine."""
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            host="127.0.0.1",
            dashboard_address=":0",
            local_directory=str(tmp_path_factory.mktemp("dask")),
            silence_logs=logging.CRITICAL,
        ) as found,
    ):
        yield found


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@pytest.mark.slow
def test_a_cluster_gives_what_one_process_gives(workers: Any) -> None:
    tasks = list(range(60))
    told: list[tuple[int, int]] = []

    found = everything(
        square_slowly, tasks, cluster=workers.scheduler_address, progress=lambda *now: told.append(now)
    )

    assert found == everything(square_slowly, tasks, cluster=None)
    assert [done for done, _ in told] == sorted(done for done, _ in told)
    assert told[-1] == (60, 60)


@pytest.mark.slow
def test_an_error_in_one_task_does_not_stop_others(workers: Any) -> None:
    tasks = list(range(40))

    found = everything(square_unless_odd, tasks, cluster=workers.scheduler_address)

    assert found == everything(square_unless_odd, tasks, cluster=None)
    assert everything(raise_config, [7], cluster=workers.scheduler_address) == everything(
        raise_config, [7], cluster=None
    )


@pytest.mark.slow
def test_sources_are_tasks(workers: Any, tmp_path: Path) -> None:
    for number in range(12):
        folder = tmp_path / f"builder-{number}"
        folder.mkdir()
        (folder / "buildkitd.log").write_bytes(b"level=info msg=x\n" * number)
        (folder / "buildkitd.log.1").write_bytes(
            gzip.compress(b"level=info msg=y\n")[: -1 if number == 7 else None]
        )
    (tmp_path / "builder-3" / "buildkitd.log").write_bytes(b"PK\x03\x04")
    sources = open_each([f"file://{tmp_path}/*/buildkitd.log*"])
    (tmp_path / "builder-5" / "buildkitd.log").unlink()

    found = everything(count_lines, sources, cluster=workers.scheduler_address)

    assert found == everything(count_lines, sources, cluster=None)
    results = dict(zip((source.builder for source in sources), (result for _, result in found), strict=True))
    assert results["builder-2"] == ("builder-2", 3, None)
    assert "ends before its end" in str(results["builder-7"])
    assert "archive" in str(results["builder-3"])
    assert "no such file" in str(results["builder-5"])


@pytest.mark.slow
def test_what_a_task_shares_is_not_sent_back(workers: Any) -> None:
    common = [Rule("a"), Rule("b")]
    tasks = [Asked(number, common) for number in range(6)]

    results = run_tasks(answer, tasks, cluster=workers.scheduler_address, shared=rules_of)
    found = [result for _, result in results]

    assert found == [answer(task) for task in tasks]
    assert all(result[1] is common[index % 2] for index, result in enumerate(found))  # type: ignore[index]


@pytest.mark.slow
def test_only_a_window_of_tasks_is_out_at_once(workers: Any) -> None:
    results = run_tasks(square, list(range(200)), cluster=workers.scheduler_address)
    for _ in range(50):
        next(results)

    known = len(workers.scheduler.tasks)
    results.close()  # type: ignore[attr-defined]

    # some that were given are still being forgotten
    assert 0 < known <= 5 * cluster.TASKS_A_THREAD


@pytest.mark.slow
def test_whoever_stops_listening_leaves_nothing_behind(workers: Any) -> None:
    results = run_tasks(square_slowly, list(range(200)), cluster=workers.scheduler_address)
    next(results)
    results.close()  # type: ignore[attr-defined]

    until = time.monotonic() + 10
    while workers.scheduler.tasks and time.monotonic() < until:
        time.sleep(0.05)

    assert not workers.scheduler.tasks


@pytest.mark.slow
def test_a_worker_that_is_killed_half_way_changes_nothing(workers: Any, tmp_path: Path) -> None:
    tasks = [(number, str(tmp_path)) for number in range(40)]
    mine = {worker.process.pid for worker in workers.workers.values()}

    found = []
    killed = False
    for index, result in run_tasks(square_and_sign, tasks, cluster=workers.scheduler_address):
        found.append((index, result))
        seen = {int(path.name) for path in tmp_path.iterdir()}
        if len(found) >= 10 and not killed:
            victim = min(seen & mine)
            os.kill(victim, signal.SIGKILL)
            killed = True

    assert killed
    assert found == [(number, number * number) for number in range(40)]


@pytest.mark.slow
def test_a_task_that_kills_its_workers_costs_only_itself(workers: Any) -> None:
    told: list[int] = []

    found = everything(
        die, list(range(12)), cluster=workers.scheduler_address, progress=lambda done, _: told.append(done)
    )

    assert [result for _, result in found if not isinstance(result, tuple)] == [
        number * number for number in range(12) if number != 1
    ]
    assert told == sorted(told)
    assert told[-1] == 12
    kind, text, defect = cast("tuple[type, str, bool]", found[1][1])
    assert (kind, defect) == (errors.SourceError, False)
    assert "the workers that read it died" in text


@pytest.mark.slow
def test_workers_of_other_versions_are_told_of(workers: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    here = scheduler.versions()
    told: list[str] = []

    class Client:
        def run(self, *_: object, **__: object) -> dict[str, object]:
            return {"tcp://a": here, "tcp://b": {**here, "pyarrow": "0.1"}}

    scheduler.compare_versions(Client(), "tcp://s", told.append)

    assert told == [f"the worker tcp://b has pyarrow 0.1; this program has pyarrow {here['pyarrow']}"]


def test_a_scheduler_that_is_not_there(distributed: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "CONNECT_SECONDS", 0.5)
    address = f"tcp://127.0.0.1:{free_port()}"

    with pytest.raises(UsageError, match="cannot be reached") as caught:
        everything(square, [1], cluster=address)

    assert caught.value.where == address


@pytest.mark.parametrize("address", ["nope://127.0.0.1:1", "", "not an address"])
def test_an_address_that_is_none(distributed: Any, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scheduler, "CONNECT_SECONDS", 0.5)

    with pytest.raises(UsageError):
        everything(square, [1], cluster=address)


@pytest.mark.parametrize("said", [b"HTTP/1.1 400 Bad Request\r\n\r\n", b""])
def test_a_server_that_is_no_scheduler(
    distributed: Any, said: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "CONNECT_SECONDS", 0.5)
    begin = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            held = []
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                connection.sendall(said)
                held.append(connection)

        threading.Thread(target=answer, daemon=True).start()
        with pytest.raises(UsageError):
            everything(square, [1], cluster=f"tcp://127.0.0.1:{server.getsockname()[1]}")

    assert time.monotonic() - begin < 5


@pytest.mark.slow
def test_a_worker_is_no_scheduler(workers: Any) -> None:
    address = next(iter(workers.scheduler.workers))

    with pytest.raises(UsageError, match="no scheduler answers"):
        everything(square, [1], cluster=address)


def wait_for(address: str) -> None:
    """Wait until something answers: a busy machine takes its time to start a program."""
    host, port = address.removeprefix("tcp://").split(":")
    for _ in range(600):
        try:
            socket.create_connection((host, int(port)), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)


@pytest.mark.slow
def test_a_scheduler_that_goes_away(
    distributed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "CONNECT_SECONDS", 5.0)
    address = f"tcp://127.0.0.1:{free_port()}"
    serving, worker = (
        subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_" + kind, *words],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        for kind, words in (
            ("scheduler", ["--host", address, "--no-dashboard"]),
            ("worker", [address, "--nthreads", "1", "--no-dashboard", "--no-nanny"]),
        )
    )
    try:
        wait_for(address)
        results = run_tasks(
            square_and_sign, [(number, str(tmp_path)) for number in range(60)], cluster=address
        )
        assert next(results) == (0, 0)
        serving.kill()
        with pytest.raises(UsageError, match="lost"):
            list(results)
    finally:
        for process in (worker, serving):
            process.kill()
            process.wait()


@pytest.mark.slow
def test_a_cluster_without_workers(distributed: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster, "IDLE_SECONDS", 0.0)
    monkeypatch.setattr(cluster, "WORKER_SECONDS", 1.0)
    monkeypatch.setattr(cluster, "_LOOK_SECONDS", 0.3)
    told: list[str] = []
    with (
        distributed.LocalCluster(
            n_workers=0, host="127.0.0.1", dashboard_address=":0", silence_logs=logging.CRITICAL
        ) as empty,
        pytest.raises(UsageError, match="no workers") as caught,
    ):
        everything(square, [1], cluster=empty.scheduler_address, warn=told.append)

    assert len(told) == 1
    assert "dask worker" in (caught.value.hint or "")
