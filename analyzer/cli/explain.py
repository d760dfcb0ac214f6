"""`explain`: which hosts BuildKit will ask for a reference, and why."""

from typing import Annotated

import typer

from analyzer.cli import options


def run(
    reference: Annotated[
        str, typer.Argument(metavar="REFERENCE", help="An image reference, such as alpine:3.20.")
    ],
    config: options.Config = None,
    daemon_flags: options.DaemonFlags = None,
    buildkit_version: options.BuildkitVersion = None,
    format_: Annotated[
        str, typer.Option("--format", "-f", metavar="FORMAT", help="terminal or json.")
    ] = "terminal",
    output: options.Output = "-",
) -> int:
    """Explain which hosts BuildKit asks for an image.

    In which order, by which URLs, plain or by TLS, trusting which files, and which line says so.
    """
    from analyzer.cli.output import open_output
    from analyzer.cli.pipeline import read_intended
    from analyzer.intent import explain, parse_config
    from analyzer.reports.configuration import find_explain_writer

    write = find_explain_writer(format_)
    # without a file BuildKit goes by its defaults, and that is worth an explanation too
    meant = read_intended(config, daemon_flags) or parse_config("", name="(no configuration)")
    hosts = explain(meant, reference, buildkit_version)
    with open_output(output) as stream:
        write(reference, hosts, stream)
    return 0
