from __future__ import annotations

from pathlib import Path

from analyzer.cli.reference import describe_commands


def test_documentation_is_what_the_commands_say(repository: Path) -> None:
    # to renew it: python -m analyzer.cli.reference docs/cli.md
    assert (repository / "docs" / "cli.md").read_text(encoding="utf-8") == describe_commands()


def test_help_names_every_format() -> None:
    from analyzer.reports import FORMATS
    from analyzer.reports.export import EXPORT_FORMATS

    text = describe_commands()
    lines = [line for line in text.splitlines() if "--format" in line]
    [export] = [line for line in lines if "duckdb" in line]
    reports = [line for line in lines if "junit" in line]  # of check and watch
    assert len(reports) == 2
    assert [name for name in FORMATS for line in reports if name not in line] == []
    assert [name for name in EXPORT_FORMATS if name not in export] == []
