"""Failures stay failures: logs that lost lines, whose lines of other builds moved, or that hold two logs in one."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import analyzer as bk
from tests.judging import cuts, verdicts

_TRACE = re.compile(rb'traceID=([0-9a-f]+)|"traceID":"([0-9a-f]+)"')


@dataclass
class Stability:
    """What became of failing verdicts.

    Attributes:
        tried: Changed logs that were judged, by how they were changed.
        judged: Failing verdicts that were looked at again.
        turned: Those that became a pass: log, change, rule.
    """

    tried: dict[str, int] = field(default_factory=dict)
    judged: int = 0
    turned: list[tuple[str, str, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Failing:
    """A log of which verdicts fail, by its places, so that another process can take it.

    Attributes:
        log: The log.
        config: What was meant.
        rules: The rules that fail.
    """

    log: Path
    config: Path
    rules: tuple[str, ...]


def find_failing(folders: Iterable[Path], config: str) -> list[Failing]:
    """The logs of which a verdict fails, in folders with a log and a configuration of that name."""
    found = []
    for folder in folders:
        log, meant = folder / "buildkitd.log", folder / config
        if log.is_file() and meant.is_file():
            judged = verdicts(log, bk.load_config(meant))
            rules = tuple(rule for rule, verdict in judged.items() if verdict == "fail")
            if rules:
                found.append(Failing(log, meant, rules))
    return found


def hold(failing: Sequence[Failing], count: int, first_seed: int = 0) -> Stability:
    """Change logs, and judge them: at least so many, all logs alike often."""
    held = Stability()
    logs = [one.log.read_bytes() for one in failing]
    configs = [bk.load_config(one.config) for one in failing]
    seed = first_seed
    while sum(held.tried.values()) < count:
        for number, (one, log, config) in enumerate(zip(failing, logs, configs, strict=True)):
            other = logs[(number + 1 + seed) % len(logs)]
            for how, changed in changes(log, other, seed):
                after = verdicts(changed, config, one.rules)
                held.tried[how] = held.tried.get(how, 0) + 1
                held.judged += len(one.rules)
                name = one.log.parent.name
                held.turned += [(name, f"{how}, {seed}", rule) for rule in one.rules if after[rule] == "pass"]
        seed += 1
    return held


def changes(log: bytes, other: bytes, seed: int) -> Iterator[tuple[str, bytes]]:
    """A log with lines cut out of it, its traces shuffled, and another log laid into it line by line."""
    lines = log.splitlines(keepends=True)
    for how, cut in cuts(lines, seed):
        yield "cut, " + how.split()[0], cut
    yield "traces reordered", _reordered(lines, seed)
    yield "interleaved", _interleaved(lines, other.splitlines(keepends=True), seed)


def _reordered(lines: list[bytes], seed: int) -> bytes:
    """Lines of different traces change places; within a trace, and before the first, the order stays."""
    chosen = random.Random(seed)
    queues: dict[bytes, list[bytes]] = {}
    slots = []
    for line in lines:
        match = _TRACE.search(line)
        key = (match[1] or match[2]) if match else b""
        queues.setdefault(key, []).append(line)
        slots.append(key)
    traces = [key for key in slots if key]
    chosen.shuffle(traces)
    following = iter(traces)
    return b"".join(queues[next(following) if key else key].pop(0) for key in slots)


def _interleaved(lines: list[bytes], others: list[bytes], seed: int) -> bytes:
    chosen = random.Random(seed)
    first, second = lines[::-1], others[::-1]
    woven = []
    while first or second:
        source = first if chosen.random() * (len(first) + len(second)) < len(first) else second
        woven.append(source.pop())
    return b"".join(woven)
