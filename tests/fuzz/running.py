"""Runs targets for a bounded time, and keeps what they find."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.targets import SAMPLES, TARGETS

FINDINGS = Path(__file__).parent / "findings"
"""Inputs that broke a promise, in a folder by the name of their target; each stays, and is a test."""

INPUT_BYTES = 8_192
INPUT_SECONDS = 20
MEMORY_MB = 4_096
RESTARTS = 5
"""How often a target begins anew after a finding."""

_EXECUTIONS = re.compile(r"stat::number_of_executed_units:\s*(\d+)")
_FAILURE = re.compile(r"^(?:\w+\.)*(?:\w*(?:Error|Exception|Interrupt)|AssertionError).*$", re.MULTILINE)


@dataclass(frozen=True)
class Fuzzed:
    """What became of a target.

    Attributes:
        target: Its name.
        seconds: How long it ran.
        executions: Inputs that were tried.
        findings: Files with inputs that broke a promise, new in this run.
        words: The last words of each.
    """

    target: str
    seconds: float
    executions: int
    findings: tuple[str, ...]
    words: tuple[str, ...]


def folders_of(captures: Path | None) -> list[Path]:
    """Folders with a log each: the samples, and captured ones if there are any."""
    places = [SAMPLES, *([captures] if captures else [])]
    return [
        folder
        for place in places
        for folder in sorted(place.iterdir())
        if (folder / "buildkitd.log").is_file()
    ]


def fuzz_all(
    names: Sequence[str], seconds: int, captures: Path | None, processes: int = 2
) -> Iterator[Fuzzed]:
    """Fuzz targets, some at a time.

    Args:
        names: The targets.
        seconds: For each.
        captures: A folder of captured logs to begin from, beside the samples.
        processes: At a time.
    """
    folders = folders_of(captures)
    with ThreadPoolExecutor(processes) as pool:
        yield from pool.map(lambda name: fuzz(name, seconds, folders), names)


def fuzz(name: str, seconds: int, folders: list[Path]) -> Fuzzed:
    """Fuzz one target, and begin anew after a finding, since libFuzzer ends there."""
    findings, words, executions = [], [], 0
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as place:
        corpus, artifacts = Path(place) / "corpus", Path(place) / "found"
        corpus.mkdir()
        artifacts.mkdir()
        for data in (*TARGETS[name].seeds(folders), *_known(name)):
            (corpus / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data[:INPUT_BYTES])
        for _ in range(1 + RESTARTS):
            left = seconds - (time.monotonic() - start)
            if left < 1:
                break
            told = _run(name, round(left), corpus, artifacts)
            executions += sum(int(one) for one in _EXECUTIONS.findall(told))
            for path in sorted(artifacts.iterdir()):
                kept = _keep(name, path)
                findings.append(kept.name)
                words.append((_FAILURE.findall(told) or [told[-300:]])[-1])
                path.unlink()
    return Fuzzed(name, time.monotonic() - start, executions, tuple(findings), tuple(words))


def _known(name: str) -> Iterator[bytes]:
    folder = FINDINGS / name
    yield from (path.read_bytes() for path in sorted(folder.iterdir())) if folder.is_dir() else ()


def _run(name: str, seconds: int, corpus: Path, artifacts: Path) -> str:
    """Let libFuzzer work, and give back what it said."""
    limits = (f"-max_len={INPUT_BYTES}", f"-timeout={INPUT_SECONDS}", f"-rss_limit_mb={MEMORY_MB}")
    options = (
        f"-max_total_time={seconds}",
        f"-artifact_prefix={artifacts}/",
        "-print_final_stats=1",
        "-seed=1",
    )
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.child", name, str(corpus), *limits, *options],
        capture_output=True,
        cwd=FINDINGS.parent.parent.parent,
        env={**os.environ, "PYTHONHASHSEED": "0"},
        check=False,
    )
    return (done.stdout + done.stderr).decode("utf-8", "replace")


def _keep(name: str, found: Path) -> Path:
    """Put an input where it becomes a test."""
    folder = FINDINGS / name
    folder.mkdir(parents=True, exist_ok=True)
    kept = folder / f"{found.name.split('-')[0]}-{hashlib.sha256(found.read_bytes()).hexdigest()[:12]}"
    shutil.copyfile(found, kept)
    return kept
