"""Completion in shells, asked for as a shell does."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(sys.executable).parent


def complete(*words: str) -> list[str]:
    """What bash offers for the last word."""
    script = """
        eval "$(buildkit-analyzer completion bash)"
        COMP_WORDS=(buildkit-analyzer "$@"); COMP_CWORD=$#
        _buildkit_analyzer_completion buildkit-analyzer
        printf '%s\\n' "${COMPREPLY[@]}"
    """
    environment = os.environ | {"PATH": f"{FOLDER}:{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script, "bash", *words], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    return done.stdout.split()


def test_bash_completes_commands_options_and_values() -> None:
    assert complete("che") == ["check"]
    assert complete("check", "--fail") == ["--fail-on"]
    assert complete("check", "--format", "g") == ["github", "gitlab"]
    assert complete("check", "--select", "network-m") == ["network-mode"]


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_each_shell_gets_a_script_of_its_own(run: Any, shell: str) -> None:
    code, out, _ = run("completion", shell)
    assert code == 0
    assert f"complete_{shell}" in out
    if program := shutil.which(shell):
        subprocess.run([program, "-n"], input=out, text=True, check=True)


def test_another_shell_is_an_error(run: Any) -> None:
    code, _, err = run("completion", "csh")
    assert code == 2
    assert "known: bash, zsh, fish" in err
