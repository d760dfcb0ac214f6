"""The commands put together."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from analyzer.cli import (
    check,
    collect,
    compare,
    completion,
    explain,
    export,
    init,
    lint,
    query,
    report,
    rules,
    schema,
    show,
    spans,
    watch,
)


def build_command() -> Any:
    """The program as one command tree, ready to be run."""
    return typer.main.get_command(_app())


def _app() -> typer.Typer:
    # no markup: help texts are shown as written, and Rich is not imported for them
    app = typer.Typer(
        name="buildkit-analyzer", add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False
    )
    app.callback(invoke_without_command=True)(_root)
    for module, name in (
        (check, "check"),
        (report, "report"),
        (show, "show"),
        (spans, "spans"),
        (query, "query"),
    ):
        app.command(name)(module.run)
    for module, name in (
        (export, "export"),
        (compare, "compare"),
        (collect, "collect"),
        (watch, "watch"),
        (explain, "explain"),
        (lint, "lint"),
        (init, "init"),
        (schema, "schema"),
        (completion, "completion"),
    ):
        app.command(name)(module.run)
    app.add_typer(rules.build_app(), name="rules")
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        from analyzer.cli.parts import describe_parts

        for line in describe_parts():
            typer.echo(line)
        raise typer.Exit


def _root(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version, and those of the parts.",
            callback=_print_version,
            is_eager=True,
        ),
    ] = False,
) -> None:
    """Did BuildKit do what its configuration says? Verdicts with evidence, read from buildkitd's own log.

    Exit codes: 0 nothing failed and nothing is unknown; 1 a failure; 2 usage or unreadable input;
    3 no failure, but an error rule is unknown or the input held no BuildKit record.
    """
    if context.invoked_subcommand is None and not version:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)
