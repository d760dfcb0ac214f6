"""`spans`: what each build did, as a tree."""

from typing import Annotated

import typer

from analyzer.cli import options


def run(
    sources: options.Sources,
    config: options.Config = None,
    effective: options.Effective = None,
    trace: options.Trace = None,
    builds: options.Builds = options.RECENT_BUILDS,
    buildkit_version: options.BuildkitVersion = None,
    format_: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="terminal or json.")
    ] = "terminal",
    output: options.Output = "-",
    no_redact: options.NoRedact = False,
    jobs: options.Jobs = None,
) -> int:
    """Show what each build did, as a tree.

    Each trace with its spans and the requests made in them, in the order of the log.
    """
    from analyzer.cli.output import open_output
    from analyzer.cli.pipeline import read_seen
    from analyzer.reports import unknown_name
    from analyzer.reports.spans import FORMATS, write_spans

    if format_ not in FORMATS:
        raise unknown_name("format", format_, FORMATS)
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
    with open_output(output) as stream:
        write_spans(seen.tables, format_, stream)
    return 0
