"""`schema`: what the program's own files look like, for editors and other programs."""

from typing import Annotated

import typer

from analyzer.cli import options


def run(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="check: the report of `check --format json`; rule: a rule file."),
    ],
    output: options.Output = "-",
) -> int:
    """Print a JSON Schema."""
    from analyzer.cli.output import open_output
    from analyzer.reports.escaping import dump_json
    from analyzer.reports.schema import find_schema

    schema = find_schema(name)
    with open_output(output) as stream:
        stream.write(dump_json(schema, indent=2) + "\n")
    return 0
