"""`export`: all tables as files."""

from typing import Annotated

import typer

from analyzer.cli import options


def run(
    sources: options.Sources,
    target: Annotated[
        str,
        typer.Argument(
            metavar="DIR",
            help="The folder to make; for duckdb, otlp and perfetto, the file. An earlier export is replaced.",
        ),
    ],
    config: options.Config = None,
    effective: options.Effective = None,
    trace: options.Trace = None,
    builds: options.Builds = options.RECENT_BUILDS,
    buildkit_version: options.BuildkitVersion = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            "-f",
            metavar="FORMAT",
            help="parquet, csv, json (lines) or duckdb; otlp or perfetto, for viewers of traces.",
        ),
    ] = "parquet",
    tables: Annotated[
        list[str] | None,
        typer.Option(
            "--table", metavar="NAME", help="Only this table; `records` alone is the fastest. Repeatable."
        ),
    ] = None,
    no_redact: options.NoRedact = False,
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
) -> int:
    """Write all tables as files.

    The default is a Parquet dataset: a folder a table, partitioned by date and builder, the verdicts of the
    built-in rules in `findings` (docs/datasets.md). `--format` has CSV, JSON lines and a DuckDB file.
    """
    from analyzer.cli import pipeline
    from analyzer.cli.output import show_progress, warn
    from analyzer.cli.startup import prepare_arrow
    from analyzer.errors import UsageError
    from analyzer.reports import unknown_name
    from analyzer.reports.export import EXPORT_FORMATS, write_export
    from analyzer.reports.viewers import VIEWER_FORMATS, write_view

    if format_ not in EXPORT_FORMATS + VIEWER_FORMATS:
        raise unknown_name("format", format_, EXPORT_FORMATS + VIEWER_FORMATS)
    if format_ != "parquet":
        if cluster is not None:
            raise UsageError("a cluster writes Parquet only", where="--cluster")
        if tables:
            raise UsageError("only a Parquet dataset can be of some tables", where="--table")
        seen = pipeline.read_seen(
            sources,
            config=config,
            effective=effective,
            version=buildkit_version,
            trace=trace,
            builds=builds,
            redact=not no_redact,
            jobs=jobs,
        )
        with show_progress(f"writing {target}"):
            if format_ in VIEWER_FORMATS:
                rows = write_view(target, {name: seen.tables.rows(name) for name in seen.tables}, format_)
                return _tell(rows)
            rows = write_export(target, pipeline.named_tables(seen), format_, redacted=not no_redact)
        return _tell(rows)

    prepare_arrow()
    from analyzer.checks import load_rules
    from analyzer.exporting import export_sources
    from analyzer.fleet import Question
    from analyzer.looking import read_effective

    meant, given = pipeline.read_config(config), read_effective(effective or ())
    traces = pipeline.find_traces(sources, trace, redact=not no_redact)
    question = Question(load_rules(), meant, given, buildkit_version, redact=not no_redact, traces=traces)
    found = pipeline.open_found(sources, traces, builds=builds)
    with show_progress("exporting", [one.name for one in found]) as progress:
        rows, judged = export_sources(
            found,
            target,
            question,
            tables=tables or (),
            jobs=jobs or pipeline.cores(),
            cluster=cluster,
            progress=progress,
            warn=warn,
        )
    unread = [one.info for one in judged if not one.readable]
    for info in unread:
        warn(f"{info.name}: {info.damaged}")
    return _tell(rows) or (2 if unread else 0)


def _tell(rows: dict[str, int]) -> int:
    if [*rows] == ["spans"]:
        typer.echo(f"{rows['spans']:,} spans", err=True)
        return 0
    typer.echo(f"{len(rows)} tables, {sum(rows.values()):,} rows", err=True)
    return 0
