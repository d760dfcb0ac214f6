"""Measure how long the program takes to say something: processor time of an import, ``--help`` and a small check.

usage: python benchmarks/startup.py [RUNS]
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from statistics import median

SAMPLE = Path(__file__).parent.parent / "sample_logs" / "parallel"
"""A log of some 170 KB: parallel builds of several images."""

CHECK = ["check", str(SAMPLE / "buildkitd.log"), "--config", str(SAMPLE / "buildkitd.toml")]

EXPLAIN = ["explain", "alpine:3.20", "--config", str(SAMPLE / "buildkitd.toml")]

CASES = {
    "python alone": "pass",
    "import analyzer.cli": "import analyzer.cli",
    "--version": "from analyzer.cli import main; main(['--version'])",
    "--help": "from analyzer.cli import main; main(['--help'])",
    "explain": f"from analyzer.cli import main; main({EXPLAIN})",
    "check of a 170 KB log": f"from analyzer.cli import main; main({CHECK})",
}


COMPILED = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""The environment of an installed program: pip compiles what it installs, and nobody wants to measure the compiler."""


def measure(code: str) -> float:
    """Processor seconds, user and system, of a new interpreter that runs the code."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code], env=COMPILED, stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def main() -> None:
    """Print the median of several runs, a case."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for name, code in CASES.items():
        measure(code)  # the first run compiles
        print(f"{name:<22} {median(measure(code) for _ in range(runs)) * 1000:6.0f} ms")


if __name__ == "__main__":
    main()
