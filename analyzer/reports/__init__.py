"""What people and tools read. One module a format; escaping in one place."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import TextIO, cast

from analyzer.errors import UsageError
from analyzer.reports.model import ReportLike

Writer = Callable[[ReportLike, TextIO], None]

_MODULES = {
    "terminal": "analyzer.reports.terminal",
    "json": "analyzer.reports.json",
    "junit": "analyzer.reports.junit",
    "sarif": "analyzer.reports.sarif",
    "github": "analyzer.reports.github",
    "gitlab": "analyzer.reports.gitlab",
    "markdown": "analyzer.reports.markdown",
    "html": "analyzer.reports.html",
}

FORMATS = tuple(_MODULES)
"""The formats of a report, by the name that ``--format`` takes."""

EXHIBITING = ("html",)
"""The formats that show more than verdicts, and want what each source shows beside them."""


def find_writer(name: str) -> Writer:
    """The writer of a format; its module is imported only now.

    Raises:
        UsageError: There is no such format.
    """
    if name not in _MODULES:
        raise unknown_name("format", name, FORMATS)
    return cast("Writer", import_module(_MODULES[name]).write)


def write_report(report: ReportLike, name: str, stream: TextIO) -> None:
    """Write the report in a format.

    Raises:
        UsageError: There is no such format.
    """
    find_writer(name)(report, stream)


def unknown_name(kind: str, name: str, known: Mapping[str, object] | tuple[str, ...]) -> UsageError:
    """The error for a name that is none of those known."""
    import difflib

    close = difflib.get_close_matches(name, list(known), n=1)
    meant = f"did you mean {close[0]}? " if close else ""
    return UsageError(f"there is no {kind} {name!r}", hint=f"{meant}known: {', '.join(known)}")
