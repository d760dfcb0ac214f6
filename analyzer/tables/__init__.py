"""What the log says, as tables: one module a table, with its columns, their meaning and its builder.

Nothing is imported here until it is asked for: a table's module loads Arrow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from analyzer.tables.schema import TableSpec

MODULES = (
    "records",
    "traces",
    "spans",
    "trace_spans",
    "requests",
    "workers",
    "daemons",
    "networks",
    "problems",
    "certificate_files",
    "coverage",
)
"""Modules of this layer that describe a table, in the order of the documentation."""


def specs() -> tuple[TableSpec, ...]:
    """The specifications of this layer's tables, in the order of the documentation."""
    from importlib import import_module

    return tuple(import_module(f"{__name__}.{module}").SPEC for module in MODULES)


def __getattr__(name: str) -> tuple[TableSpec, ...]:
    if name == "SPECS":
        return specs()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
