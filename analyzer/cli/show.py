"""`show`: one table of what a log says."""

from typing import Annotated

import typer

from analyzer.cli import options


def run(
    sources: options.Sources,
    table: Annotated[
        str, typer.Argument(metavar="TABLE", help="The table, such as requests, pulls, coverage.")
    ],
    config: options.Config = None,
    effective: options.Effective = None,
    trace: options.Trace = None,
    builds: options.Builds = options.RECENT_BUILDS,
    buildkit_version: options.BuildkitVersion = None,
    format_: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="terminal, csv or json.")
    ] = "terminal",
    output: options.Output = "-",
    no_redact: options.NoRedact = False,
    jobs: options.Jobs = None,
) -> int:
    """Show one table.

    Such as requests, pulls, problems, coverage, records; a name that is none lists them all.
    """
    from analyzer.cli.output import open_output, terminal_width
    from analyzer.cli.pipeline import named_tables, read_seen
    from analyzer.reports import unknown_name
    from analyzer.reports.tables import find_table_writer

    write = find_table_writer(format_)
    seen = read_seen(
        sources,
        config=config,
        effective=effective,
        version=buildkit_version,
        trace=trace,
        builds=builds,
        redact=not no_redact,
        jobs=jobs,
    )
    tables = {name: (schema, batches) for name, schema, batches in named_tables(seen)}
    if table not in tables:
        raise unknown_name("table", table, tuple(sorted(tables)))
    schema, batches = tables[table]
    with open_output(output) as stream:
        write(schema, batches, stream, terminal_width(stream))
    return 0
