"""The entry point: runs a command, and turns every end it can come to into an exit code and plain words."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress

import typer

from analyzer.cli.app import build_command
from analyzer.cli.completion import answer_shell
from analyzer.cli.startup import prepare_process
from analyzer.cli.stopping import end_on_signals
from analyzer.errors import AnalyzerError

INTERRUPTED = 130
PIPE_CLOSED = 141
"""What a shell reports of a program that SIGPIPE ended: the reader went away, which is no error of ours."""

TROUBLE = 2

PROGRAM = "buildkit-analyzer"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program.

    Args:
        arguments: The words after the program's name; those of the process if left out.

    Returns:
        The exit code.
    """
    _make_streams_tolerant()
    prepare_process()
    with end_on_signals() as stop:
        try:
            code = _run(list(sys.argv[1:] if arguments is None else arguments))
            if sys.stdout is not None:
                sys.stdout.flush()
        except BaseException as error:
            # libraries make errors of their own of an interruption; whatever came of it, that is why it ended
            code = _explain(error) if stop.code is None else stop.code
        if stop.code is not None:
            _silence_stdout()
            return stop.code
        return code


def _run(arguments: list[str]) -> int:
    # not command.main(): that turns a closed pipe into exit code 1, which is a verdict here
    command = build_command()
    if answer_shell(command, arguments, PROGRAM, os.environ):
        return 0
    with command.make_context(PROGRAM, arguments) as context:
        result = command.invoke(context)
    return result if isinstance(result, int) else 0


def _explain(error: BaseException) -> int:
    """Tell the user of an end that was not a result; the exit code."""
    if isinstance(error, AnalyzerError):
        return _report_error(error)
    if isinstance(error, typer.Exit):
        return int(error.exit_code)
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return INTERRUPTED
    if isinstance(error, BrokenPipeError):
        _silence_stdout()
        return PIPE_CLOSED
    if isinstance(error, OSError):
        _silence_stdout()
        reason = (error.strerror or str(error)).lower()
        return _report_error(AnalyzerError(f"cannot be written: {reason}", where="standard output"))
    # Typer's own errors of usage: their class moved from one package to another between versions
    if hasattr(error, "format_message"):
        return _report_usage(error)
    if isinstance(error, Exception):
        return _report_defect(error)
    raise error


def _report_error(error: AnalyzerError) -> int:
    place = f"{error.where}: " if error.where else ""
    _say("error", f"{place}{error.what}")
    if error.hint:
        _say("hint", error.hint)
    return TROUBLE


def _report_usage(error: BaseException) -> int:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else PROGRAM
    _say("error", str(error.format_message()))  # type: ignore[attr-defined]
    _say("hint", f"see `{command} --help`")
    return TROUBLE


def _report_defect(error: Exception) -> int:
    if os.environ.get("BUILDKIT_ANALYZER_DEBUG"):
        import traceback

        from analyzer.reports.escaping import escape_terminal

        for line in traceback.format_exc().splitlines():
            sys.stderr.write(escape_terminal(line) + "\n")
    _say("error", f"this is a defect of {PROGRAM}: {type(error).__name__}: {error}")
    _say("hint", "please report it; BUILDKIT_ANALYZER_DEBUG=1 shows where it happened")
    return TROUBLE


def _say(kind: str, text: str) -> None:
    from analyzer.reports.escaping import escape_terminal

    with suppress(OSError, AttributeError, ValueError):
        sys.stderr.write(f"{kind}: {escape_terminal(text)}\n")
        sys.stderr.flush()


def _make_streams_tolerant() -> None:
    """A terminal that cannot show a character gets an escape instead of a failure."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def _silence_stdout() -> None:
    """Keep the interpreter from complaining, on its way out, about what it could not write."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
