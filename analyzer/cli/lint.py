"""`lint`: mistakes in a configuration, before any daemon sees it."""

from typing import Annotated

import typer

from analyzer.cli import options


def run(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="buildkitd.toml, or dockerd's daemon.json. Repeatable."),
    ],
    daemon_flags: options.DaemonFlags = None,
    buildkit_version: options.BuildkitVersion = None,
    format_: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="terminal or json.")
    ] = "terminal",
    output: options.Output = "-",
    fail_on: options.FailOn = None,
) -> int:
    """Find mistakes in a configuration.

    What BuildKit would ignore, misread or refuse, each with its place and its fix. Of several files, one that cannot
    be read is told, and does not end the others.

    Exit codes: 0 nothing at or above --fail-on; 1 something; 2 a file cannot be read.
    """
    from analyzer.cli.output import open_output, warn
    from analyzer.errors import AnalyzerError
    from analyzer.intent import LintFinding, load_config
    from analyzer.reports import unknown_name
    from analyzer.reports.configuration import find_lint_writer
    from analyzer.reports.model import reaches

    fail_on = fail_on or "error"
    if fail_on not in options.FAIL_ON:
        raise unknown_name("severity", fail_on, options.FAIL_ON)
    write = find_lint_writer(format_)
    findings: list[LintFinding] = []
    unreadable = False
    for file in files:
        try:
            config = load_config(file)
        except AnalyzerError as error:
            if len(files) == 1:
                raise
            warn(str(error))
            unreadable = True
            continue
        if daemon_flags:
            config = config.with_flags(" ".join(daemon_flags))
        findings += config.lint(buildkit_version)
    with open_output(output) as stream:
        write(findings, stream)
    return 2 if unreadable else int(any(reaches(finding.severity, fail_on) for finding in findings))
