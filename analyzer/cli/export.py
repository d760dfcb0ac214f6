"""`export`: all tables as files."""

from typing import Annotated

import typer

from analyzer.cli import options


def run(
    sources: options.Sources,
    target: Annotated[
        str,
        typer.Argument(
            metavar="DIR", help="The folder to make; for duckdb, the file. An earlier export is replaced."
        ),
    ],
    config: options.Config = None,
    effective: options.Effective = None,
    buildkit_version: options.BuildkitVersion = None,
    format_: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="parquet, csv, json (lines) or duckdb.")
    ] = "parquet",
    no_redact: options.NoRedact = False,
) -> int:
    """Write all tables as files.

    The default is a Parquet dataset with a folder a table; `--format` has CSV, JSON lines and a DuckDB file.
    """
    from analyzer.cli.output import show_progress
    from analyzer.cli.pipeline import named_tables, read_seen
    from analyzer.reports import unknown_name
    from analyzer.reports.export import EXPORT_FORMATS, write_export

    if format_ not in EXPORT_FORMATS:
        raise unknown_name("format", format_, tuple(EXPORT_FORMATS))
    seen = read_seen(
        sources, config=config, effective=effective, version=buildkit_version, redact=not no_redact
    )
    with show_progress(f"writing {target}"):
        rows = write_export(target, named_tables(seen), format_)
    typer.echo(f"{len(rows)} tables, {sum(rows.values()):,} rows", err=True)
    return 0
