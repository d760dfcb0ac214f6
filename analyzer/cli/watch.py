"""`watch`: verdicts of a log that is still being written."""

import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from analyzer.cli import options

if TYPE_CHECKING:
    from analyzer.standings import Change
    from analyzer.watching import Watch

Builder = Annotated[
    str,
    typer.Argument(
        metavar="BUILDER",
        help="What is followed: a builder's name, builder:NAME, container:NAME, dockerd:, a file, or `-`.",
    ),
]

_SHOWN_EACH = 0.5
"""Seconds between two pictures of the view."""


def run(
    builder: Builder,
    config: options.Config = None,
    daemon_flags: options.DaemonFlags = None,
    effective: options.Effective = None,
    buildkit_version: options.BuildkitVersion = None,
    rules: options.Rules = None,
    select: options.Select = None,
    ignore: options.Ignore = None,
    format_: options.ReportFormat = "terminal",
    output: options.Outputs = None,
    fail_on: options.FailOn = None,
    allow_unknown: options.AllowUnknown = None,
    require_proof: options.RequireProof = None,
    project: options.Project = None,
    no_project: options.NoProject = False,
    baseline: options.Baseline = None,
    today: options.Today = None,
    no_redact: options.NoRedact = False,
    seconds: Annotated[
        float | None, typer.Option("--for", min=0, metavar="SECONDS", help="End after so long.")
    ] = None,
    until_idle: Annotated[
        float | None,
        typer.Option(
            "--until-idle",
            min=0,
            metavar="SECONDS",
            help="End when nothing was written for so long; the first line is waited for.",
        ),
    ] = None,
) -> int:
    """Watch a builder: who is asked, and the verdicts so far.

    On a terminal a view is shown; elsewhere each verdict that changes is a line on standard error. A pass
    is one so far. The watching ends with the builder, by --for or --until-idle, by Ctrl-C or SIGTERM; then
    comes the report of `check` on all that was read, with its exit code. Records of builds are not asked
    for; `check builder:NAME` takes them.
    """
    from analyzer.cli.outputs import read_outputs, write_outputs
    from analyzer.cli.projects import Words, ask
    from analyzer.cli.startup import prepare_arrow

    outputs = read_outputs(format_, output or ())

    prepare_arrow()
    asked = ask(
        Words(
            project=project,
            no_project=no_project,
            config=config,
            daemon_flags=daemon_flags,
            effective=effective,
            rules=rules,
            select=select,
            ignore=ignore,
            fail_on=fail_on,
            allow_unknown=allow_unknown,
            require_proof=require_proof,
            baseline=baseline,
            today=today,
        )
    )
    from analyzer.conclusion import conclude_report
    from analyzer.fleet import Question
    from analyzer.sources.following import follow
    from analyzer.watching import Watch

    given = asked.read_effective()
    question = Question(
        asked.rules, asked.intended, given, buildkit_version, asked.require_proof, not no_redact
    )
    with ExitStack() as stack:
        stopped = stack.enter_context(note_stop())
        watch = stack.enter_context(Watch(follow(builder), question))
        with show_changes(watch) as show:
            begun = time.monotonic()
            while not stopped() and watch.ended is None:
                show(watch.advance())
                if seconds is not None and time.monotonic() - begun >= seconds:
                    break
                if until_idle is not None and watch.idle is not None and watch.idle >= until_idle:
                    break
        judged = watch.conclude()
    report = conclude_report(
        [judged],
        fail_on=asked.fail_on,
        allow_unknown=asked.allow_unknown,
        terms=asked.terms,
        project=asked.project.file,
        redacted=not no_redact,
    )
    write_outputs(report, outputs)
    return int(report.exit_code)


@contextmanager
def note_stop() -> Iterator[Callable[[], bool]]:
    """Let SIGINT and SIGTERM ask for an end instead of being one; a second one is what it always was.

    Yields:
        Tells whether the end was asked for.
    """
    asked: list[int] = []
    before: dict[int, Any] = {}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def note(number: int, _: FrameType | None) -> None:
        asked.append(number)
        restore()

    # only the main thread may say what a signal does
    with suppress(ValueError):
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, note)
    try:
        yield lambda: bool(asked)
    finally:
        restore()


@contextmanager
def show_changes(watch: "Watch") -> Iterator[Callable[[Sequence["Change"]], None]]:
    """Show what is watched on standard error: a view where someone looks, else a line for each change.

    Yields:
        To be called again and again, with the verdicts that have changed.
    """
    if sys.stderr is None:
        yield lambda changes: None
        return
    from analyzer.reports.live import describe_change, render_view

    def tell(changes: Sequence["Change"]) -> None:
        for change in changes:
            typer.echo(describe_change(change), err=True)

    if not sys.stderr.isatty():
        yield tell
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    with Live(console=console, auto_refresh=False, transient=True) as live:
        due = 0.0

        def show(changes: Sequence["Change"]) -> None:
            nonlocal due
            now = time.monotonic()
            if changes or now >= due:
                due = now + _SHOWN_EACH
                live.update(render_view(watch.view()), refresh=True)

        yield show
