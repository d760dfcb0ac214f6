"""Sizes as people write them, and the log that is grown to them. Imports nothing: see `benchmarks.measure`."""

from __future__ import annotations

import re
from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "sample_logs"
SAMPLE = SAMPLES / "parallel" / "buildkitd.log"

_UNITS = {"": 1, "B": 1, "kB": 10**3, "KB": 10**3, "MB": 10**6, "GB": 10**9}


def parse_size(text: str) -> int:
    """Bytes of a size such as ``100MB`` or ``1GB``; units are decimal.

    Raises:
        ValueError: It is no size.
    """
    found = re.fullmatch(r"([\d.]+) ?([kKMG]?B?)", text)
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"{text}: not a size such as 100MB")
    return int(float(found[1]) * _UNITS[found[2]])


def name_size(size: int) -> str:
    """A size as people write it."""
    for unit in ("GB", "MB", "kB"):
        if size >= _UNITS[unit]:
            return f"{size / _UNITS[unit]:g} {unit}"
    return f"{size} B"
