"""Measure how long the program takes to say something: processor seconds of ``--help`` and of an import.

usage: python benchmarks/startup.py [RUNS]
"""

from __future__ import annotations

import os
import subprocess
import sys
from statistics import median

CASES = {
    "python alone": "pass",
    "import analyzer.cli": "import analyzer.cli",
    "--help": "from analyzer.cli import main; main(['--help'])",
}


def measure(code: str) -> float:
    """Processor seconds, user and system, of a new interpreter that runs the code."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code], stdout=subprocess.DEVNULL, check=True)
    after = os.times()
    return (after.children_user - before.children_user) + (after.children_system - before.children_system)


def main() -> None:
    """Print the median of several runs, a case."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    for name, code in CASES.items():
        print(f"{name:<22} {median(measure(code) for _ in range(runs)) * 1000:6.0f} ms")


if __name__ == "__main__":
    main()
