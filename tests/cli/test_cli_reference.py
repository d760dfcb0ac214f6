from __future__ import annotations

from pathlib import Path

from analyzer.cli.reference import describe_commands


def test_documentation_is_what_the_commands_say(repository: Path) -> None:
    # to renew it: python -m analyzer.cli.reference docs/cli.md
    assert (repository / "docs" / "cli.md").read_text(encoding="utf-8") == describe_commands()
