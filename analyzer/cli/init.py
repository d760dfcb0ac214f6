"""`init`: a project file to start from."""

import os
from typing import Annotated

import typer


def run(
    config: Annotated[
        str | None,
        typer.Option("--from", metavar="FILE", help="The configuration that was meant: buildkitd.toml."),
    ] = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="Where it goes; `-` is standard output.")
    ] = "buildkit-analyzer.toml",
    force: Annotated[bool, typer.Option("--force", help="Also over a file that is there.")] = False,
) -> int:
    """Write a project file to start from.

    It names the configuration, says what is remarkable about it, and holds every other key as a comment.
    """
    from analyzer.cli.output import open_output
    from analyzer.errors import UsageError
    from analyzer.starting import start_project

    if output != "-" and os.path.lexists(output) and not force:
        raise UsageError(
            "it is there already", where=output, hint="--force replaces it; -o FILE names another"
        )
    text = start_project(config, output)
    with open_output(output) as stream:
        stream.write(text)
    if output != "-":
        typer.echo(f"{output} is written; `buildkit-analyzer check LOG` reads it", err=True)
    return 0
