"""Where results go: standard output, or a file that appears whole or not at all."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

from analyzer.errors import OutputError


@contextmanager
def open_output(path: str) -> Iterator[TextIO]:
    """The stream for a result.

    Args:
        path: A file, or ``-`` for standard output.

    Raises:
        OutputError: The file cannot be written, or standard output is closed.
    """
    if path == "-":
        if sys.stdout is None:
            raise OutputError("is closed", where="standard output", hint="name a file: --output FILE")
        yield sys.stdout
        return
    from analyzer.reports.files import replace_text

    with replace_text(path) as stream:
        yield stream


def warn(text: str) -> None:
    """Tell a user something that does not end the command."""
    import typer

    from analyzer.reports.escaping import escape_terminal

    typer.echo(f"warning: {escape_terminal(text)}", err=True)


@contextmanager
def show_progress(what: str, names: Sequence[str] = ()) -> Iterator[Callable[[int, int], None]]:
    """A sign of life on standard error while something takes its time; only where someone watches.

    Args:
        what: What is being done, in the form "reading a.log".
        names: What it is done with.

    Yields:
        To be called with how many are done, of how many.
    """
    if names:
        what = f"{what} {names[0]}" if len(names) == 1 else f"{what} {len(names):,} sources"
    if sys.stderr is None or not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    from analyzer.reports.escaping import escape_terminal

    shown = escape_terminal(what)
    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(shown, total=None)
        yield lambda done, of: progress.update(task, description=f"{shown}: {done:,} of {of:,}")


def terminal_width(stream: TextIO) -> int | None:
    """Columns of the terminal behind the stream; None where there is none."""
    if not stream.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns
