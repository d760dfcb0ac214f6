"""Several reports of one check: which format goes where."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.cli.output import open_output
from analyzer.errors import UsageError
from analyzer.reports import FORMATS, Writer, find_writer

if TYPE_CHECKING:
    from analyzer.reports.model import ReportLike

STDOUT = "-"


@dataclass(frozen=True)
class Output:
    """A report to write.

    Attributes:
        format: Its format.
        path: The file, or ``-`` for standard output.
        writer: What writes it.
    """

    format: str
    path: str
    writer: Writer


def read_outputs(format_: str, values: Sequence[str]) -> list[Output]:
    """The reports that ``--format`` and ``--output`` ask for.

    Args:
        format_: The format of the report that no output gives one; it goes to standard output unless an output says
            where.
        values: ``FILE``, or ``FORMAT=FILE`` where FORMAT is the name of one; a file whose name begins like that is
            ``./FORMAT=FILE``.

    Raises:
        UsageError: There is no such format, or two reports would go to one place.
    """
    places = [_split(value) for value in values]
    if all(named for named, _ in places):
        places.insert(0, (format_, STDOUT))
    outputs = [Output(named or format_, path, find_writer(named or format_)) for named, path in places]
    _refuse_clashes(outputs)
    return outputs


def _split(value: str) -> tuple[str | None, str]:
    """The format that an output names, and its path."""
    name, equals, path = value.partition("=")
    return (name, path) if equals and name in FORMATS else (None, value)


def _refuse_clashes(outputs: Sequence[Output]) -> None:
    taken: dict[str, Output] = {}
    for output in outputs:
        if not output.path:
            raise UsageError(f"no file is named for {output.format}", where="--output", hint="FORMAT=FILE")
        place = output.path if output.path == STDOUT else os.path.realpath(output.path)
        other = taken.setdefault(place, output)
        if other is output:
            continue
        if place == STDOUT:
            raise UsageError(
                f"two reports would go to standard output: {other.format} and {output.format}",
                where="--output",
                hint=f"--format {output.format} alone puts that one there; or name a file",
            )
        raise UsageError(
            f"two reports would go to {output.path}: {other.format} and {output.format}",
            where="--output",
            hint="name a file for each",
        )


def write_outputs(report: ReportLike, outputs: Sequence[Output]) -> None:
    """Write the reports: the files first, since whoever reads standard output may go away.

    Raises:
        OutputError: A file cannot be written. Then none is replaced, but for those that were already whole.
    """
    with ExitStack() as stack:
        files = [(one, stack.enter_context(open_output(one.path))) for one in outputs if one.path != STDOUT]
        for output, stream in files:
            output.writer(report, stream)
    for output in outputs:
        if output.path == STDOUT:
            with open_output(STDOUT) as stream:
                output.writer(report, stream)
