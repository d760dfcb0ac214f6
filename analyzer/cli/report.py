"""`report`: the page that people read."""

from typing import Annotated

import typer

from analyzer.cli import options


def run(
    sources: options.Sources,
    config: options.Config = None,
    daemon_flags: options.DaemonFlags = None,
    effective: options.Effective = None,
    trace: options.Trace = None,
    builds: options.Builds = options.RECENT_BUILDS,
    buildkit_version: options.BuildkitVersion = None,
    rules: options.Rules = None,
    select: options.Select = None,
    ignore: options.Ignore = None,
    output: Annotated[
        str, typer.Option("--output", "-o", metavar="FILE", help="The page; `-` is standard output.")
    ] = "buildkit-report.html",
    fail_on: options.FailOn = None,
    allow_unknown: options.AllowUnknown = None,
    require_proof: options.RequireProof = None,
    project: options.Project = None,
    no_project: options.NoProject = False,
    baseline: options.Baseline = None,
    today: options.Today = None,
    no_redact: options.NoRedact = False,
    jobs: options.Jobs = None,
) -> int:
    """Write the page for people: what was decided, and everything that it rests on.

    Per image which host gave each manifest and layer, the hosts, the timeline, what was meant beside what the daemon
    was given, problems with the lines of the log around them. One file that loads nothing.

    Exit codes: 0 the page is written, whatever it says (`check` decides); 2 usage, unreadable input, a bad rule or
    configuration.
    """
    from analyzer.cli.checking import check_sources
    from analyzer.cli.outputs import read_outputs, write_outputs
    from analyzer.cli.projects import Words, ask
    from analyzer.cli.startup import prepare_arrow
    from analyzer.reports.model import exit_meaning, numbers

    outputs = read_outputs("html", [output])

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
    report = check_sources(
        sources,
        asked,
        trace=trace,
        builds=builds,
        buildkit_version=buildkit_version,
        exhibits=True,
        redact=not no_redact,
        jobs=jobs,
    )
    write_outputs(report, outputs)
    if output != "-":
        typer.echo(f"{output}: {numbers(report)}; {exit_meaning(report)}", err=True)
    return 2 if report.exit_code == 2 else 0
