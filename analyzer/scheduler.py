"""The connection to a Dask scheduler, and what can be wrong with it in words for a user."""

from __future__ import annotations

import asyncio
import importlib
import logging
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from analyzer.errors import UsageError

CONNECT_SECONDS = 5.0

START = "start one with: dask scheduler; and on each machine: dask worker ADDRESS --nworkers=-1 --nthreads 1"

_OTHER = "an address reads tcp://host:8786; workers and the dashboard have other ports"
_EXTRA = 'pip install "buildkit-analyzer[cluster]"'


def require_distributed(address: str) -> None:
    """Raise a `UsageError` if Dask is not installed."""
    try:
        distributed()
    except ImportError:
        raise UsageError("--cluster needs Dask, which is not installed", where=address, hint=_EXTRA) from None


@contextmanager
def connect(address: str) -> Iterator[Any]:
    """A client of a scheduler.

    Raises:
        UsageError: None answers there.
    """
    try:
        _ask_who(address)
        with warnings.catch_warnings():
            # its own comparison of versions names libraries that change no result
            warnings.simplefilter("ignore")
            client = distributed().Client(
                address, timeout=CONNECT_SECONDS, set_as_default=False, name="buildkit-analyzer"
            )
    except UsageError:
        raise
    except (OSError, TimeoutError):
        raise UsageError("the scheduler cannot be reached", where=address, hint=START) from None
    except ValueError as error:
        hint = "an address reads tcp://host:8786"
        raise UsageError(f"this is no scheduler's address: {error}", where=address, hint=hint) from None
    except Exception as error:
        # a server that is no scheduler breaks the talk in ways of its own
        raise UsageError(f"no scheduler answers there: {error}", where=address, hint=_OTHER) from None
    try:
        yield client
    finally:
        with suppress(Exception):
            client.close(timeout=CONNECT_SECONDS)


def compare_versions(client: Any, address: str, warn: Callable[[str], None]) -> None:
    """Results are equal only where equal programs make them."""
    here = versions()
    try:
        there = client.run(versions, on_error="return")
    except Exception:
        raise lost(address) from None
    for worker, found in sorted(there.items()):
        if isinstance(found, ImportError | AttributeError):
            raise lacking(address, found)
        if not isinstance(found, dict):
            continue
        if other := [f"{name} {found.get(name)}" for name in here if found.get(name) != here[name]]:
            ours = [f"{name} {here[name]}" for name in here if found.get(name) != here[name]]
            warn(f"the worker {worker} has {', '.join(other)}; this program has {', '.join(ours)}")


def versions() -> dict[str, str]:
    """The versions of what decides a result, of the process that asks."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"Python": ".".join(str(part) for part in sys.version_info[:2])}
    for name in ("buildkit-analyzer", "pyarrow", "numpy", "duckdb", "distributed"):
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found


def distributed() -> Any:
    """Dask's scheduler, imported only where a cluster is asked for."""
    return importlib.import_module("distributed")


def _ask_who(address: str) -> None:
    """Ask who is there. Dask's client waits for ever for a server that accepts and then says something else."""
    found: list[Any] = []

    async def ask() -> None:
        security = distributed().Security().get_connection_args("client")
        peer = distributed().rpc(address, timeout=CONNECT_SECONDS, connection_args=security)
        try:
            found.append(await asyncio.wait_for(peer.identity(), CONNECT_SECONDS))
        finally:
            await peer.close_rpc()

    def run() -> None:
        try:
            asyncio.run(ask())
        except Exception as error:
            found.append(error)

    # a notebook has a loop of its own in the caller's thread
    asking = threading.Thread(target=run, daemon=True)
    asking.start()
    asking.join(2 * CONNECT_SECONDS)
    answer = found[0] if found else TimeoutError()
    if isinstance(answer, Exception):
        raise answer
    if answer.get("type") != "Scheduler":
        raise UsageError("no scheduler answers there", where=address, hint=_OTHER)


@contextmanager
def quiet() -> Iterator[None]:
    """Dask tells of lost workers with tracebacks on standard error; what matters of them is told here."""
    families = ("distributed", "tornado", "asyncio")
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] in families]
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def lost(address: str) -> UsageError:
    """What to tell when a scheduler answers no more."""
    return UsageError(
        "the connection to the scheduler is lost", where=address, hint="start again when it is back"
    )


def lacking(address: str, error: BaseException) -> UsageError:
    """What to tell when a worker cannot even load what it is to run."""
    return UsageError(
        f"the workers of the cluster cannot load buildkit-analyzer: {error}",
        where=address,
        hint="install the same version on every worker, with the packages that the sources need",
    )
