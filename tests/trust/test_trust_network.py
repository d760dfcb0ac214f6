"""No network but what a source asks for: no output opens a socket or asks for an address."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.trust.outputs import commands

WATCHED = """
import sys
met = []
sys.addaudithook(lambda event, _: met.append(event) if event.startswith(("socket.", "urllib.", "http.")) else None)
from analyzer.cli import main
code = main()
print("met", sorted(set(met)), file=sys.stderr)
sys.exit(code)
"""


def watch(words: list[str]) -> tuple[int, str]:
    """Run the program where every use of the network is noted: exit code, and what it said at its end."""
    done = subprocess.run(
        [sys.executable, "-c", WATCHED, *words], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stderr.splitlines()[-1] if done.stderr else ""


def test_the_watch_sees_what_it_watches_for() -> None:
    code, told = watch(["check", "http://127.0.0.1:9/buildkitd.log"])
    assert code == 2
    assert "socket.connect" in told


@pytest.mark.slow
def test_no_output_uses_the_network(repository: Path, tmp_path: Path) -> None:
    sample = repository / "sample_logs" / "mirror-used-trace"
    words = [str(sample / "buildkitd.log"), "--config", str(sample / "buildkitd.toml")]
    words += ["--trace", str(sample / "traces.otlp.jsonl")]
    for number, (name, command) in enumerate(commands(words)):
        place = str(tmp_path / f"made-{number}") + (".duckdb" if name == "export, duckdb" else "")
        code, told = watch([word.replace("FILE", place) for word in command])
        assert code in (0, 1, 3), name
        assert told == "met []", name
