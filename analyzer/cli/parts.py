"""What the program is made of: the versions that a report of a defect needs."""

from __future__ import annotations

import platform
from collections.abc import Iterator

PARTS = ("duckdb", "pyarrow", "numpy")
"""The libraries that results may depend on."""


def describe_parts() -> Iterator[str]:
    """The program's version in a line of its own, then those of Python, the system and the libraries."""
    yield f"buildkit-analyzer {version_of('buildkit-analyzer')}"
    yield f"Python {platform.python_version()} ({platform.system()} {platform.machine()})"
    yield ", ".join(f"{name} {version_of(name)}" for name in PARTS)


def version_of(name: str) -> str:
    """The version of an installed distribution."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "unknown (not installed)"
