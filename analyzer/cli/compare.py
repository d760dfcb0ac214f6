"""`compare`: what changed between two logs or bundles."""

from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli import options

if TYPE_CHECKING:
    from analyzer.conclusion import Report

Trace = Annotated[
    list[str] | None, typer.Option("--trace", metavar="FILE", help="A trace beside AFTER. Repeatable.")
]
TraceBefore = Annotated[
    list[str] | None,
    typer.Option("--trace-before", metavar="FILE", help="A trace beside BEFORE. Repeatable."),
]


def run(
    before: Annotated[str, typer.Argument(metavar="BEFORE", help="A log or a bundle, as for `check`.")],
    after: Annotated[str, typer.Argument(metavar="AFTER", help="Another one.")],
    config: options.Config = None,
    config_before: Annotated[
        str | None,
        typer.Option("--config-before", metavar="FILE", help="What was meant at BEFORE, if it was another."),
    ] = None,
    trace: Trace = None,
    trace_before: TraceBefore = None,
    rules: options.Rules = None,
    select: options.Select = None,
    ignore: options.Ignore = None,
    fail_on: options.FailOn = None,
    project: options.Project = None,
    no_project: options.NoProject = False,
    format_: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="terminal, markdown or json.")
    ] = "terminal",
    output: options.Output = "-",
    fail_on_regression: Annotated[
        bool,
        typer.Option(
            "--fail-on-regression", help="Exit 1 if a verdict got worse that weighs at least --fail-on."
        ),
    ] = False,
    no_redact: options.NoRedact = False,
    jobs: options.Jobs = None,
) -> int:
    """Compare two logs: verdicts, hosts, images, times.

    Both are judged by the same rules. A pass that became unknown is worse, too: it can no longer be relied on.

    Exit codes: 0 compared; 1 with --fail-on-regression, where a verdict got worse; 2 usage, unreadable input; 3 one of
    the two held no BuildKit record.
    """
    from analyzer.cli.output import open_output
    from analyzer.cli.pipeline import find_traces, read_log
    from analyzer.cli.projects import Words, ask
    from analyzer.cli.startup import prepare_arrow
    from analyzer.reports.comparison import find_comparison_writer

    write = find_comparison_writer(format_)
    prepare_arrow()
    from analyzer.api import check
    from analyzer.comparing import compare_reports

    def judge(source: str, meant: str | None, traces: list[str] | None) -> "Report":
        asked = ask(
            Words(
                project=project,
                no_project=no_project,
                config=meant,
                rules=rules,
                select=select,
                ignore=ignore,
                fail_on=fail_on,
            )
        )
        return check(
            read_log([source], redact=not no_redact, jobs=jobs),
            asked.intended,
            rules=asked.rules,
            effective=asked.read_effective(),
            fail_on=asked.fail_on,
            trace=find_traces([source], traces, redact=not no_redact),
        )

    reports = judge(before, config_before or config, trace_before), judge(after, config, trace)
    comparison = compare_reports(*reports)
    with open_output(output) as stream:
        write(comparison, stream)
    if not (comparison.before.records or trace_before) or not (comparison.after.records or trace):
        return 3
    return int(fail_on_regression and bool(comparison.regressions))
