"""`check`: whether BuildKit did what its configuration says."""

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
    format_: options.ReportFormat = "terminal",
    output: options.Outputs = None,
    fail_on: options.FailOn = None,
    allow_unknown: options.AllowUnknown = None,
    require_proof: options.RequireProof = None,
    project: options.Project = None,
    no_project: options.NoProject = False,
    baseline: options.Baseline = None,
    write_baseline: options.WriteBaseline = None,
    today: options.Today = None,
    no_redact: options.NoRedact = False,
    jobs: options.Jobs = None,
    cluster: options.Cluster = None,
) -> int:
    """Check a log against its configuration.

    Says what failed, by which lines of the log, and what to do about it.

    Several sources are judged one by one; one that cannot be read is a finding, and the code is 2.

    Exit codes: 0 nothing failed and nothing is unknown; 1 a failure at or above --fail-on; 3 no such
    failure, but an error rule is unknown, or the input held no BuildKit record; 2 usage, unreadable input,
    a bad rule or configuration.
    """
    from analyzer.cli.checking import check_sources
    from analyzer.cli.outputs import read_outputs, write_outputs
    from analyzer.cli.projects import Words, ask
    from analyzer.cli.startup import prepare_arrow
    from analyzer.reports import EXHIBITING

    outputs = read_outputs(format_, output or ())

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
        exhibits=any(one.format in EXHIBITING for one in outputs),
        redact=not no_redact,
        jobs=jobs,
        cluster=cluster,
        write_baseline=write_baseline,
    )
    write_outputs(report, outputs)
    return int(report.exit_code)
