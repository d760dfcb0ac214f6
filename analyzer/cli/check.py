"""`check`: whether BuildKit did what its configuration says."""

from dataclasses import replace

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
    fail_on: options.FailOn = "error",
    allow_unknown: options.AllowUnknown = False,
    require_proof: options.RequireProof = False,
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
    from analyzer.cli.output import show_progress, warn
    from analyzer.cli.outputs import read_outputs, write_outputs
    from analyzer.cli.pipeline import cores, find_traces, open_found, read_intended
    from analyzer.cli.startup import prepare_arrow
    from analyzer.reports import EXHIBITING, unknown_name

    if fail_on not in options.FAIL_ON:
        raise unknown_name("severity", fail_on, options.FAIL_ON)
    outputs = read_outputs(format_, output or ())
    meant = read_intended(config, daemon_flags)

    prepare_arrow()
    from analyzer.checks import load_rules
    from analyzer.conclusion import conclude_report
    from analyzer.fleet import Question, judge_sources
    from analyzer.looking import read_effective

    given = read_effective(effective or ())
    chosen = load_rules(rules or (), select=select or (), ignore=ignore or ())
    traces = find_traces(sources, trace, redact=not no_redact)
    question = Question(chosen, meant, given, buildkit_version, require_proof, not no_redact, traces)
    question = replace(question, exhibits=any(one.format in EXHIBITING for one in outputs))
    found = open_found(sources, traces, builds=builds)
    with show_progress("checking", [one.name for one in found]) as progress:
        judged = judge_sources(
            found, question, jobs=jobs or cores(), cluster=cluster, progress=progress, warn=warn
        )
    report = conclude_report(judged, fail_on=fail_on, allow_unknown=allow_unknown)
    write_outputs(report, outputs)
    return int(report.exit_code)
