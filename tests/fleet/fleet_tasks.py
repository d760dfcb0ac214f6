"""Tasks that workers of a cluster run; they must be importable there."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

from analyzer.errors import ConfigError, SourceError
from analyzer.sources import Source, Unreadable


def square(number: int) -> int:
    return number * number


def square_unless_odd(number: int) -> int:
    if number % 4 == 1:
        raise SourceError("it is odd", where=f"task {number}", hint="take an even one")
    if number % 4 == 3:
        raise ZeroDivisionError("odd")
    return number * number


def square_slowly(number: int) -> int:
    time.sleep(0.02 * (number % 5))
    return number * number


def square_and_sign(task: tuple[int, str]) -> int:
    """Leaves the worker's process id in a folder, so that a test can end it in the middle."""
    number, folder = task
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(0.15)
    return number * number


def die(number: int) -> int:
    if number == 1:
        os._exit(9)
    return number * number


def raise_config(number: int) -> int:
    raise ConfigError("wrong", where=f"buildkitd.toml:{number}")


def count_lines(source: Source | Unreadable) -> tuple[str, int, str | None]:
    if isinstance(source, Unreadable):
        raise source.error
    with source.open() as stream:
        lines = sum(1 for _ in stream)
    return source.builder, lines, source.damaged


@dataclass(frozen=True)
class Rule:
    id: str


@dataclass(frozen=True)
class Asked:
    number: int
    rules: list[Rule]


def rules_of(task: Asked) -> list[Rule]:
    return task.rules


def answer(task: Asked) -> tuple[int, Rule, list[Rule]]:
    return task.number, task.rules[task.number % 2], task.rules
