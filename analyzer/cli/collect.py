"""`collect`: what a builder knows, in a bundle."""

from typing import Annotated

import typer

from analyzer.cli import options


def run(
    builder: Annotated[
        str,
        typer.Argument(
            metavar="BUILDER",
            help="A Buildx builder by its name; or container:NAME, or dockerd: for the engine.",
        ),
    ],
    bundle: Annotated[
        str,
        typer.Argument(metavar="BUNDLE", help="The folder to make, or an archive: its name ends in .tar.gz."),
    ],
    builds: options.Builds = options.RECENT_BUILDS,
    no_redact: options.NoRedact = False,
) -> int:
    """Collect a builder's log, configuration, command line, certificates and traces of recent builds.

    `check BUNDLE` says elsewhere what `check builder:NAME` says here. The builder is only looked at. Of private
    keys nothing is taken but their public halves, and secrets in the log and in traces are replaced by marks.
    """
    from analyzer.cli.output import show_progress, warn
    from analyzer.cli.startup import prepare_arrow
    from analyzer.reports.escaping import escape_terminal

    prepare_arrow()
    from analyzer.collecting import collect

    with show_progress(f"collecting {builder}"):
        made = collect(builder, bundle, redact=not no_redact, builds=builds)
    for text in made.missing:
        warn(text)
    size = sum(made.members.values())
    names = ", ".join(made.names)
    typer.echo(
        escape_terminal(
            f"{bundle}: {names}; {len(made.members)} files, {size:,} bytes; {made.redactions} secrets replaced"
        ),
        err=True,
    )
    return 0
