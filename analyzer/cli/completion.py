"""`completion`: the script that makes a shell complete commands, options and their values."""

from collections.abc import MutableMapping, Sequence
from contextlib import suppress
from typing import Annotated, Any

import typer

from analyzer.cli import options

SHELLS = ("bash", "zsh", "fish")
VARIABLE = "_BUILDKIT_ANALYZER_COMPLETE"
"""Set by the script when it asks the program for completions; its value says what is asked and for which shell."""


def run(
    shell: Annotated[str, typer.Argument(metavar="SHELL", help="bash, zsh or fish.")],
    output: options.Output = "-",
) -> int:
    """Print the script that completes commands, options and values in a shell.

    bash: add `eval "$(buildkit-analyzer completion bash)"` to ~/.bashrc; zsh: the same with zsh, to ~/.zshrc;
    fish: `buildkit-analyzer completion fish -o ~/.config/fish/completions/buildkit-analyzer.fish`.
    """
    import typer.completion

    from analyzer.cli.output import open_output
    from analyzer.reports import unknown_name

    if shell not in SHELLS:
        raise unknown_name("shell", shell, SHELLS)
    script = typer.completion.get_completion_script(  # type: ignore[attr-defined]
        prog_name="buildkit-analyzer", complete_var=VARIABLE, shell=shell
    )
    with open_output(output) as stream:
        stream.write(script.strip() + "\n")
    return 0


def answer_shell(
    command: Any, arguments: Sequence[str], program: str, environment: MutableMapping[str, str]
) -> bool:
    """Print completions if a shell asks for them; whether one did."""
    if not environment.get(VARIABLE):
        return False
    import typer.completion

    typer.completion.completion_init()  # type: ignore[attr-defined]
    # what it ends with tells a shell nothing
    with suppress(SystemExit):
        command.main(args=list(arguments), prog_name=program, complete_var=VARIABLE)
    return True
