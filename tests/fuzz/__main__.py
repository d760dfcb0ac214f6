"""Fuzz the parsers for a bounded time: ``tests/fuzz/run [--seconds N] [--captures DIR] [TARGET]...``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.fuzz.running import FINDINGS, fuzz_all
from tests.fuzz.targets import TARGETS


def main() -> int:
    """Fuzz; 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="tests/fuzz/run", description=__doc__)
    parser.add_argument(
        "targets", nargs="*", choices=[*TARGETS, []], metavar="TARGET", help=", ".join(TARGETS)
    )
    parser.add_argument("--seconds", type=int, default=60, help="for each target (default: 60)")
    parser.add_argument(
        "--captures", type=Path, help="a folder of captured logs to begin from, beside the samples"
    )
    asked = parser.parse_args()
    found = 0
    for one in fuzz_all(asked.targets or list(TARGETS), asked.seconds, asked.captures):
        print(
            f"{one.target:12} {one.seconds:5.0f} s {one.executions:10,} inputs {len(one.findings):3} findings",
            flush=True,
        )
        for name, words in zip(one.findings, one.words, strict=True):
            print(f"  {FINDINGS.name}/{one.target}/{name}: {words}", flush=True)
        found += len(one.findings)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
