"""The program run on what an engine holds: in this process, or in one that can be left alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

CODES = (0, 1, 2, 3)
START = [sys.executable, "-c", "import sys; from analyzer.cli import main; sys.exit(main())"]


@dataclass(frozen=True)
class Outcome:
    """What a run left.

    Attributes:
        code: The exit code.
        out: Standard output.
        err: Standard error.
    """

    code: int
    out: str
    err: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON that it printed."""
        told: dict[str, Any] = json.loads(self.out)
        return told

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict of each rule."""
        return {rule["id"]: rule["verdict"] for rule in self.report["rules"]}

    def assert_orderly(self) -> None:
        """It ended as a program does that knows what happened to it."""
        assert self.code in CODES, self
        assert "Traceback" not in self.err, self.err
        assert "defect" not in self.err, self.err


def has_command(name: str) -> bool:
    """Whether the program has a command."""
    from analyzer.cli.app import build_command

    return name in build_command().commands


def needs_command(name: str) -> None:
    """Skip the test where the program has no such command yet."""
    if not has_command(name):
        pytest.skip(f"there is no command {name} yet")


def without_name(told: Mapping[str, Any]) -> list[str]:
    """A report of ``check -f json`` without the names of its sources, line by line."""
    text = json.dumps(told, sort_keys=True)
    for number, source in enumerate(told["sources"]):
        text = text.replace(json.dumps(source["name"]), f'"SOURCE {number}"')
        text = text.replace(json.dumps(source["name"])[1:-1], f"SOURCE {number}")
    return json.dumps(json.loads(text), indent=1).splitlines()


def spawn(*words: object, host: str, folder: Path) -> subprocess.Popen[str]:
    """Start the program in a process of its own."""
    return subprocess.Popen(
        [*START, *map(str, words)],
        env=environment(host, folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(process: subprocess.Popen[str], seconds: float = 90) -> Outcome:
    """Wait for a program that was started."""
    try:
        out, err = process.communicate(timeout=seconds)
    finally:
        process.kill()
    return Outcome(process.returncode, out, err)


def environment(host: str, folder: Path) -> dict[str, str]:
    """An environment in which only one engine can be found, and no builder of the user's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DOCKER_", "BUILDX_"))}
    return {
        **kept,
        "DOCKER_HOST": host,
        "DOCKER_CONFIG": str(folder),
        "BUILDX_CONFIG": str(folder / "buildx"),
    }
