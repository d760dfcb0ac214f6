"""Judge logs in tests: by path or by bytes, with the rules that promise something about a build."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from pathlib import Path

import analyzer as bk

_START = b"running server on"
_BUILD = re.compile(rb"session |do request|fetch|resolving|span")
"""What stands in lines of a build, and in none of a start."""

PROMISES = ("mirror-served", "tls-trusted", "ca-readable", "keypair-valid", "network-mode")


@cache
def promises(names: tuple[str, ...] = PROMISES) -> list[bk.Rule]:
    """The rules whose verdicts a cut must never turn into a pass."""
    return bk.load_rules(select=names)


def verdicts(
    log: bytes | Path, config: bk.Config | None, names: tuple[str, ...] = PROMISES
) -> dict[str, str]:
    """The verdict of each of these rules."""
    report = bk.check(bk.read(BytesIO(log) if isinstance(log, bytes) else log), config, rules=promises(names))
    return {result.rule.id: result.verdict for result in report.results}


def cuts(lines: list[bytes], seed: int) -> Iterator[tuple[str, bytes]]:
    """A log with lines taken out of it: at its head, its tail, one, and a tenth and a half of them at random.

    A tail is not cut between two builds: what is left is then the whole log of a daemon that still runs. Nor is a
    head cut between two starts: what is left is then the whole log of the later one.
    """
    rng = random.Random(seed)
    at = rng.randrange(1, max(len(lines), 2))
    one = rng.randrange(len(lines))
    if not (_START in b"".join(lines[:at]) and _begins_with_a_start(lines[at:])):
        yield "head", b"".join(lines[at:])
    tail = next((place for place in range(at, len(lines)) if not _is_quiet(lines[:place])), None)
    if tail is not None:
        yield "tail", b"".join(lines[:tail])
    yield "one", b"".join(lines[:one] + lines[one + 1 :])
    for share in (0.1, 0.5):
        yield f"random {share:.0%}", b"".join(line for line in lines if rng.random() >= share)


def _begins_with_a_start(lines: list[bytes]) -> bool:
    """A daemon starts, and no line of a build stands before that."""
    before, start, _ = b"".join(lines).partition(_START)
    return bool(start) and _BUILD.search(before) is None


def _is_quiet(lines: list[bytes]) -> bool:
    """Builds have begun, and each of them has ended."""
    text = b"".join(lines)
    begun = text.count(b"session started")
    return begun > 0 and begun == text.count(b"session finished")
