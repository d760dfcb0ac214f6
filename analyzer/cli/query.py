"""`query`: the user's own question, in SQL."""

from typing import Annotated

import typer

from analyzer.cli import options


def run(
    sources: options.Sources,
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT over the tables (docs/tables.md).")],
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
    """Ask the tables a question in SQL.

    The engine can read no file, reach no network and change nothing.
    """
    from analyzer.cli.output import open_output, show_progress, terminal_width
    from analyzer.cli.pipeline import read_seen, tables_for
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
    from analyzer.checks import run_query

    # a word that is not UTF-8 reaches Python with surrogates in it, which no engine takes
    sql = sql.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    with show_progress("asking"):
        answer = run_query(tables_for(seen, sql), sql)
    with open_output(output) as stream:
        write(answer.schema, answer.to_batches(), stream, terminal_width(stream))
    return 0
