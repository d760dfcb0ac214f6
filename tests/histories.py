"""A `docker` command that knows nothing but ``buildx history``, and answers as it is told."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

SCRIPT = """#!{python}
import json, os, sys, time
words = sys.argv[1:]
here = os.path.dirname(os.path.abspath(__file__))
with open(os.path.join(here, "asked"), "a") as asked:
    asked.write(json.dumps(words) + "\\n")
with open(os.path.join(here, "answers.json")) as stream:
    answers = json.load(stream)
key = "ls" if words[2:3] == ["ls"] else words[-1]
told = answers.get(key, {{"err": "ERROR: no record found for ref " + key, "code": 1}})
if told.get("child"):
    if os.fork() == 0:
        os.setsid()
        time.sleep(30)
        os._exit(0)
time.sleep(told.get("sleep", 0))
if told.get("file"):
    with open(told["file"], "rb") as stream:
        sys.stdout.buffer.write(stream.read())
sys.stdout.write(told.get("out", ""))
try:
    sys.stdout.write("x" * told.get("many", 0))
    sys.stdout.flush()
except BrokenPipeError:
    os._exit(1)
sys.stderr.write(told.get("err", ""))
sys.exit(told.get("code", 0))
"""


def listed(identity: str, node: str = "web0", builder: str = "web", **values: Any) -> str:
    """A line of the list (docker/buildx ``commands/history/ls.go``, MarshalJSON)."""
    told = {
        "ref": f"{builder}/{node}/{identity}",
        "name": "app",
        "status": "Completed",
        "created_at": "2026-11-24T23:11:53.258687954Z",
        "completed_at": "2026-11-24T23:12:53.258687954Z",
        "total_steps": 3,
        **values,
    }
    return json.dumps({name: value for name, value in told.items() if value is not None}) + "\n"


@dataclass(frozen=True)
class Docker:
    """The command.

    Attributes:
        folder: Where it is.
    """

    folder: Path

    def answer(self, lines: Sequence[str] = (), **records: Mapping[str, Any] | Path) -> None:
        """Say what it answers.

        Args:
            lines: Of the list.
            records: What it says of each build: the file of a record, or whatever else; ``ls`` of the list.
        """
        answers: dict[str, Any] = {"ls": {"out": "".join(lines)}}
        for name, told in records.items():
            answers[name] = {"file": str(told)} if isinstance(told, Path) else dict(told)
        (self.folder / "answers.json").write_text(json.dumps(answers))

    @property
    def asked(self) -> list[list[str]]:
        """The words that it was asked with."""
        path = self.folder / "asked"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def put_docker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Docker:
    """Put the command where it is found first."""
    folder.mkdir()
    script = folder / "docker"
    script.write_text(SCRIPT.format(python=sys.executable))
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ.get('PATH', '')}")
    docker = Docker(folder)
    docker.answer()
    return docker
