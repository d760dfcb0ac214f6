"""The documentation of the command line, made from the commands themselves.

``python -m analyzer.cli.reference docs/cli.md`` writes it; a test keeps it true.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from analyzer.cli.app import build_command

_HEAD = """\
# Command line

Made by `python -m analyzer.cli.reference docs/cli.md`. Results go to standard output, everything else to
standard error. `NO_COLOR` and pipes are respected. Several SOURCEs may be given where one may.

| exit code | meaning |
|---|---|
| 0 | nothing failed and nothing is unknown |
| 1 | a failure at or above `--fail-on` |
| 2 | usage, unreadable input, a bad rule or configuration file, a result that could not be written |
| 3 | no such failure, but an `error` rule is unknown, or the input held no BuildKit record |
| 130, 141 | interrupted; the reader of the output went away |
"""


def describe_commands() -> str:
    """The text of ``docs/cli.md``."""
    parts = [_HEAD]
    for path, command in _walk(build_command(), "buildkit-analyzer"):
        parts.append(f"\n## {path}\n\n{_prose(command.help or '')}\n")
        parts.append(f"\n```\n{_usage(path, command)}\n```\n")
        options = [parameter for parameter in command.params if parameter.param_type_name == "option"]
        arguments = [parameter for parameter in command.params if parameter.param_type_name == "argument"]
        if arguments or options:
            parts.append("\n| word | meaning |\n|---|---|\n")
        for parameter in arguments:
            parts.append(f"| `{parameter.metavar or parameter.name}` | {_cell(parameter.help)} |\n")
        for parameter in options:
            parts.append(f"| `{_option(parameter)}` | {_cell(parameter.help)}{_default(parameter)} |\n")
    return "".join(parts)


def _walk(command: Any, path: str) -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from _walk(child, f"{path} {name}")


def _usage(path: str, command: Any) -> str:
    words = [path, "[OPTIONS]"]
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            words.append(parameter.metavar or parameter.name.upper())
    if hasattr(command, "commands"):
        words.append("COMMAND ...")
    return " ".join(words)


def _option(parameter: Any) -> str:
    names = ", ".join(sorted(parameter.opts, key=len, reverse=True))
    return names if parameter.is_flag else f"{names} {parameter.metavar}"


def _default(parameter: Any) -> str:
    value = parameter.default
    return f" Default: `{value}`." if isinstance(value, str) else ""


def _prose(text: str) -> str:
    return "\n\n".join(" ".join(block.split()) for block in text.strip().split("\n\n"))


def _cell(text: str | None) -> str:
    return " ".join((text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    Path(sys.argv[1] if len(sys.argv) > 1 else "docs/cli.md").write_text(
        describe_commands(), encoding="utf-8"
    )
