"""Files for viewers of traces: OTLP for Jaeger and its like, trace events for Perfetto."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from analyzer.errors import OutputError
from analyzer.records.exportedspans import ExportedSpan
from analyzer.reports.files import replace_whole, translate_errors
from analyzer.reports.otlp import write_document
from analyzer.reports.perfetto import write_trace_events
from analyzer.reports.viewing import view_spans
from analyzer.tables.spool import Rows


def _perfetto(spans: Iterator[ExportedSpan]) -> Iterator[bytes]:
    return (part.encode() for part in write_trace_events(spans))


_WRITERS: dict[str, Callable[[Iterator[ExportedSpan]], Iterator[bytes]]] = {
    "otlp": write_document,
    "perfetto": _perfetto,
}

VIEWER_FORMATS = tuple(_WRITERS)
"""The formats of a file for a viewer of traces, by the name that ``export --format`` takes."""


def write_view(target: str | os.PathLike[str], tables: Mapping[str, Rows], name: str) -> dict[str, int]:
    """Write what a viewer shows of a log.

    Args:
        target: The file, replaced once all of it is there; one whose name ends in .gz is compressed.
        tables: The tables of the log.
        name: ``otlp`` or ``perfetto``.

    Returns:
        How many spans were written.

    Raises:
        OutputError: The file cannot be written.
    """
    counted = 0

    def count() -> Iterator[ExportedSpan]:
        nonlocal counted
        for span in view_spans(tables):
            counted += 1
            yield span

    place = Path(os.path.realpath(target))
    with translate_errors(target):
        if place.exists() and not place.is_file():
            raise OutputError(
                "is no file", where=os.fspath(target), hint="this format is a single file: name one"
            )
        with replace_whole(place) as new, _open(new, compressed=place.name.endswith(".gz")) as stream:
            for part in _WRITERS[name](count()):
                stream.write(part)
    return {"spans": counted}


@contextmanager
def _open(path: Path, *, compressed: bool) -> Iterator[IO[bytes]]:
    with path.open("xb") as file:
        if not compressed:
            yield file
            return
        # neither name nor time: the same spans give the same bytes
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as stream:
            yield stream  # type: ignore[misc]
