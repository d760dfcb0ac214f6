"""Where the time goes: ``python -m benchmarks.layers LOG`` prints processor seconds and MB/s, layer by layer.

The program's own functions are wrapped with timers. Time counts for the innermost wrapped function only, so the
layers add up; what no wrapped function did stands under "the rest". One process.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import importlib
import inspect
import io
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import wraps
from pathlib import Path
from typing import Any

from benchmarks.contestants import knows_jobs

LAYERS: dict[str, tuple[str, ...]] = {
    "sources": (),
    "reading loop": ("analyzer.reading:read_*", "analyzer.reading:make_piece", "analyzer.reading:Chain"),
    "records": ("analyzer.records.reader:RecordReader",),
    "redaction": ("analyzer.redaction:Redactor",),
    "tables, on whole columns": ("analyzer.tables.extract:extract",),
    "tables, in the order of the log": ("analyzer.scan:Scan",),
    "attribution": ("analyzer.attribution.requests:attribute_requests",),
    "checks": ("analyzer.checks.evaluation:evaluate", "analyzer.checks.engine:*Engine"),
    "writing": ("analyzer.reports.export:write_export", "analyzer.reports.dataset:*"),
}
"""Public functions and classes (all their public methods), by layer; ``*`` stands for any text.

Name what is called for a batch or less often: a timer costs about a microsecond.
"""

SOURCE = ("analyzer.sources.model", "Source")
"""A source: the ``read`` of what its ``open`` gives is timed as the layer ``sources``."""

PRELOADED = ("analyzer.api", "analyzer.cli.pipeline", "analyzer.reports.export", "analyzer.checks")

Place = tuple[str, str]


class Clock:
    """Processor time, given to the innermost of the places entered."""

    def __init__(self) -> None:
        self.seconds: Counter[Place] = Counter()
        self._open: list[Place] = [("the rest", "")]
        self._since = time.process_time()

    def enter(self, place: Place) -> None:
        self._turn()
        self._open.append(place)

    def leave(self) -> None:
        self._turn()
        self._open.pop()

    def _turn(self) -> None:
        now = time.process_time()
        self.seconds[self._open[-1]] += now - self._since  # type: ignore[assignment]
        self._since = now

    def take(self) -> Counter[Place]:
        """What has gathered since the last call."""
        self._turn()
        taken, self.seconds = self.seconds, Counter()
        return taken


class TimedStream:
    """A stream whose ``read`` is timed."""

    def __init__(self, stream: Any, clock: Clock) -> None:
        self._stream, self._clock = stream, clock

    def read(self, *arguments: Any) -> Any:
        self._clock.enter(("sources", "read"))
        try:
            return self._stream.read(*arguments)
        finally:
            self._clock.leave()

    def __enter__(self) -> TimedStream:
        self._stream.__enter__()
        return self

    def __exit__(self, *error: Any) -> Any:
        return self._stream.__exit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def timed(function: Callable[..., Any], place: Place, clock: Clock) -> Callable[..., Any]:
    """The function with its time taken; of a generator, that of every step."""

    def steps(generator: Iterator[Any]) -> Iterator[Any]:
        while True:
            clock.enter(place)
            try:
                one = next(generator)
            except StopIteration:
                return
            finally:
                clock.leave()
            yield one

    @wraps(function)
    def call(*arguments: Any, **named: Any) -> Any:
        clock.enter(place)
        try:
            result = function(*arguments, **named)
        finally:
            clock.leave()
        return steps(result) if inspect.isgenerator(result) else result

    return call


def wrap_layers(clock: Clock) -> list[str]:
    """Put timers around everything in `LAYERS`; the entries that name nothing any more."""
    for name in PRELOADED:
        importlib.import_module(name)
    modules = {name: module for name, module in list(sys.modules.items()) if name.startswith("analyzer")}
    lost = []
    for layer, entries in LAYERS.items():
        for entry in entries:
            in_modules, pattern = entry.split(":")
            if "*" not in in_modules:
                with contextlib.suppress(ImportError):
                    modules[in_modules] = importlib.import_module(in_modules)
            found = [
                thing
                for name, module in modules.items()
                if fnmatch.fnmatchcase(name, in_modules)
                for thing in vars(module).values()
                if getattr(thing, "__module__", None) == name
                and not getattr(thing, "__name__", "_").startswith("_")
                and fnmatch.fnmatchcase(thing.__name__, pattern)
            ]
            for thing in found:
                _wrap(thing, layer, clock, list(modules.values()))
            if not found:
                lost.append(entry)
    _wrap_source(getattr(importlib.import_module(SOURCE[0]), SOURCE[1]), clock)
    return lost


def _wrap_source(source: Any, clock: Clock) -> None:
    made = source.__init__

    @wraps(made)
    def make(self: Any, *arguments: Any, **named: Any) -> None:
        made(self, *arguments, **named)
        opened = self.open
        object.__setattr__(self, "open", lambda: TimedStream(opened(), clock))

    source.__init__ = make


def _wrap(thing: Any, layer: str, clock: Clock, modules: list[Any]) -> None:
    if inspect.isclass(thing):
        for name, member in list(vars(thing).items()):
            if inspect.isfunction(member) and not name.startswith("_"):
                setattr(thing, name, timed(member, (layer, thing.__name__), clock))
        return
    if inspect.isfunction(thing):
        replaced = timed(thing, (layer, thing.__name__), clock)
        for module in modules:
            for name, value in list(vars(module).items()):
                if value is thing:
                    setattr(module, name, replaced)


def run(words: list[str], clock: Clock) -> Counter[Place]:
    """The time of one command, by place."""
    from analyzer.cli import main

    clock.take()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as errors:
        try:
            ended: object = main(words)
        except SystemExit as stop:
            ended = stop.code
    if ended == 2:
        raise SystemExit(errors.getvalue())
    return clock.take()


def print_times(name: str, times: Counter[Place], size: float, least: float = 0.01) -> None:
    total = sum(times.values())
    print(f"{name:40} {total:8.2f} s {size / total:9.1f} MB/s")
    for layer in (*LAYERS, "the rest"):
        inner = {place[1]: seconds for place, seconds in times.items() if place[0] == layer}
        spent = sum(inner.values())
        if spent > 0:
            print(f"  {layer:38} {spent:8.2f} s {size / spent:9.1f} MB/s {spent / total:6.0%}")
        for part, seconds in sorted(inner.items(), key=lambda item: -item[1]):
            if len(inner) > 1 and seconds > least * total:
                print(f"    {part:36} {seconds:8.2f} s {size / seconds:9.1f} MB/s {seconds / total:6.0%}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.layers", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("log", type=Path)
    parser.add_argument(
        "--config", type=Path, help="what was meant (default: buildkitd.toml beside the log, if any)"
    )
    told = parser.parse_args()
    beside = told.log.parent / "buildkitd.toml"
    config = told.config or (beside if beside.exists() else None)
    jobs = ["--jobs", "1"] if knows_jobs() else []
    clock = Clock()
    for entry in wrap_layers(clock):
        print(f"nothing is called {entry} any more: adapt benchmarks/layers.py", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        size = told.log.stat().st_size / 1e6
        meant = ["--config", str(config)] if config else []
        tables, report = str(Path(folder, "tables")), str(Path(folder, "report"))
        print_times("export", run(["export", str(told.log), tables, *jobs], clock), size)
        print_times("check", run(["check", str(told.log), *meant, "--output", report, *jobs], clock), size)


if __name__ == "__main__":
    main()
