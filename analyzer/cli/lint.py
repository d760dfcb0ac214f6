"""`lint`: mistakes in a configuration, before any daemon sees it."""

from typing import Annotated

import typer

from analyzer.cli import options


def run(
    file: Annotated[str, typer.Argument(metavar="FILE", help="buildkitd.toml, or dockerd's daemon.json.")],
    daemon_flags: options.DaemonFlags = None,
    buildkit_version: options.BuildkitVersion = None,
    format_: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="terminal or json.")
    ] = "terminal",
    output: options.Output = "-",
    fail_on: options.FailOn = "error",
) -> int:
    """Find mistakes in a configuration.

    What BuildKit would ignore, misread or refuse, each with its place and its fix.

    Exit codes: 0 nothing at or above --fail-on; 1 something; 2 the file cannot be read.
    """
    from analyzer.cli.output import open_output
    from analyzer.intent import load_config
    from analyzer.reports import unknown_name
    from analyzer.reports.configuration import find_lint_writer
    from analyzer.reports.model import reaches

    if fail_on not in options.FAIL_ON:
        raise unknown_name("severity", fail_on, options.FAIL_ON)
    write = find_lint_writer(format_)
    config = load_config(file)
    if daemon_flags:
        config = config.with_flags(" ".join(daemon_flags))
    findings = config.lint(buildkit_version)
    with open_output(output) as stream:
        write(findings, stream)
    return int(any(reaches(finding.severity, fail_on) for finding in findings))
