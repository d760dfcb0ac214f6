"""`rules`: the rules themselves: list, show, test, new, schema."""

from typing import Annotated

import typer

from analyzer.cli import options

Format = Annotated[str, typer.Option("--format", "-f", metavar="FORMAT", help="terminal or json.")]


def build_app() -> typer.Typer:
    """The commands under `rules`."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)
    app.callback(invoke_without_command=True)(_root)
    app.command("list")(list_rules)
    app.command("show")(show_rule)
    app.command("test")(run_examples)
    app.command("new")(new_rule)
    app.command("schema")(schema)
    return app


def _root(context: typer.Context) -> None:
    """List, show, test and start rules."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help(), err=True)
        raise typer.Exit(2)


def list_rules(rules: options.Rules = None, format_: Format = "terminal") -> int:
    """List the built-in rules and those under --rules."""
    from analyzer.checks import load_rules
    from analyzer.cli.output import open_output
    from analyzer.reports.rules import find_list_writer

    write = find_list_writer(format_)
    known = load_rules(rules or ())
    with open_output("-") as stream:
        write(known, stream)
    return 0


def show_rule(
    rule_id: Annotated[str, typer.Argument(metavar="ID", help="The rule's id.")],
    rules: options.Rules = None,
    format_: Format = "terminal",
) -> int:
    """Show a rule, its reason, its remedy and its SQL."""
    from analyzer.checks import load_rules
    from analyzer.cli.output import open_output
    from analyzer.reports.rules import find_rule_writer

    write = find_rule_writer(format_)
    [rule] = load_rules(rules or (), select=[rule_id])
    with open_output("-") as stream:
        write(rule, stream)
    return 0


def run_examples(
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH]...", help="Rule files or folders; without one, the built-in rules."),
    ] = None,
) -> int:
    """Run the examples that rules carry, and those in `<rule>.examples.toml` beside them.

    Each must be judged as it says.

    Exit codes: 0 all are; 1 one is not, or a rule lacks an example of pass, fail or unknown; 2 a bad
    rule file.
    """
    from analyzer.checks import load_rules, with_all_examples
    from analyzer.checks import run_examples as judge
    from analyzer.cli.output import open_output, show_progress
    from analyzer.cli.pipeline import example_tables
    from analyzer.reports.rules import write_examples

    chosen = [with_all_examples(rule) for rule in load_rules(paths or (), builtin=not paths)]
    with show_progress("running examples"):
        outcomes = [(rule, judge(rule, example_tables)) for rule in chosen]
    with open_output("-") as stream:
        return 0 if write_examples(outcomes, stream) else 1


def new_rule(
    rule_id: Annotated[str, typer.Argument(metavar="ID", help="The new rule's id, in kebab-case.")],
    family: Annotated[
        str, typer.Option("--family", metavar="NAME", help="The family, which is the folder it goes to.")
    ] = "custom",
    start: Annotated[
        str | None, typer.Option("--from", metavar="ID", help="Copy this rule, instead of the smallest one.")
    ] = None,
    rules: options.Rules = None,
    output: options.Output = "-",
) -> int:
    """Print a rule file to start from, whose examples pass."""
    from analyzer.checks import load_rules
    from analyzer.checks import new_rule as template
    from analyzer.cli.output import open_output
    from analyzer.errors import UsageError

    copied = None
    if start is not None:
        copied = next((rule for rule in load_rules(rules or (), select=[start]) if rule.id == start), None)
        if copied is None:
            raise UsageError(
                f"{start} is a family, not a rule", where="--from", hint="`rules list` names the rules"
            )
    text = template(rule_id, family, start=copied)
    with open_output(output) as stream:
        stream.write(text)
    return 0


def schema() -> int:
    """Print the JSON Schema of rule files, for editors."""
    from analyzer.checks import rule_schema
    from analyzer.cli.output import open_output
    from analyzer.reports.escaping import dump_json

    with open_output("-") as stream:
        stream.write(dump_json(rule_schema(), indent=2) + "\n")
    return 0
