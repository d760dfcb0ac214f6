"""GitHub's annotations and job summary, read as its runner reads them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from analyzer.errors import OutputError
from analyzer.reports.github import SUMMARY_BYTES, append_summary
from tests.reports.rendering import render


def commands(text: str) -> list[tuple[str, dict[str, str], str]]:
    """The commands that the runner would obey (actions/runner 079cdb1, ActionCommand.cs)."""
    found = []
    for line in text.splitlines():
        if match := re.match(r"\s*::(.*?)::(.*)", line):
            name, _, words = match[1].partition(" ")
            properties = dict(word.split("=", 1) for word in words.split(",") if "=" in word)
            found.append((name, properties, match[2]))
        elif match := re.search(r"##\[(\w[\w-]*)", line):
            found.append((match[1], {}, line))
    return found


@pytest.fixture
def crowded(rule_maker: Any, result_maker: Any, report_maker: Any) -> Any:
    """Many warnings, and an error after them."""
    light = [{"verdict": "fail", "subject": f"host{number}"} for number in range(14)]
    return report_maker(
        [
            result_maker(rule_maker("light", severity="warning"), *light),
            result_maker(rule_maker("heavy"), {"verdict": "fail", "subject": "docker.io"}),
        ],
        exit_code=1,
    )


def test_annotations_stand_at_the_line_to_blame(
    rule_maker: Any, result_maker: Any, report_maker: Any
) -> None:
    finding = {
        "verdict": "fail",
        "config_file": "a,b.toml",
        "config_line": 7,
        "lines": (3, 4),
        "fix": "Mend it.",
    }
    [(name, properties, message)] = commands(
        render(report_maker([result_maker(rule_maker("r"), finding)]), "github")
    )
    assert name == "error"
    assert properties == {"title": "r%3A docker.io", "file": "a%2Cb.toml", "line": "7"}
    assert message == "as expected. Seen in buildkitd.log:3-4. Fix: Mend it."


def test_what_is_unknown_weighs_less_than_a_failure(report: Any) -> None:
    told = [
        (name, properties["title"].split("%")[0])
        for name, properties, _ in commands(render(report, "github"))
    ]
    assert told == [
        ("error", "mirror-served"),
        ("warning", "mirror-served"),
        ("warning", "tls-trusted"),
        ("warning", "mirror-healthy"),
    ]


def test_there_are_never_more_than_ten_and_the_worst_come_first(crowded: Any) -> None:
    told = commands(render(crowded, "github"))
    assert [name for name, _, _ in told] == ["error", *["warning"] * 8, "notice"]
    assert told[-1][2] == "6 findings more; a report to a file has them: --output FORMAT=FILE"


def test_nothing_in_a_log_is_obeyed(hostile: Any) -> None:
    text = render(hostile, "github")
    assert [name for name, _, _ in commands(text)] == ["error", "warning"]
    assert len(text.splitlines()) == 3


def test_the_terminal_report_holds_no_command(rule_maker: Any, result_maker: Any, report_maker: Any) -> None:
    # a long word is cut where the line ends, and what follows would stand at the start of the next one
    for length in range(80, 95):
        message = "x" * length + "::stop-commands::x ::add-mask::y ##[error]z"
        report = report_maker([result_maker(rule_maker("r"), {"verdict": "fail", "message": message})])
        assert commands(render(report, "terminal")) == []


def test_the_summary_is_appended(
    report: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crowded: Any
) -> None:
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    text = render(crowded, "github")
    assert summary.read_text() == "before\n" + render(crowded, "markdown")
    assert "6 findings more; the job summary has them" in text


def test_the_summary_keeps_under_its_limit_and_says_so(
    rule_maker: Any, result_maker: Any, report_maker: Any, tmp_path: Path
) -> None:
    findings = [{"verdict": "fail", "subject": f"é{number}", "message": "ö" * 2000} for number in range(400)]
    report = report_maker([result_maker(rule_maker("r"), *findings)], exit_code=1)
    summary = tmp_path / "summary.md"
    append_summary(report, summary)
    size = summary.stat().st_size
    assert SUMMARY_BYTES - 5000 < size <= SUMMARY_BYTES
    text = summary.read_text()
    told = text.count("> ö")
    assert text.endswith(f"**There was no room for the rest: {400 - told} findings more.**\n")
    append_summary(report, summary)
    assert summary.stat().st_size <= SUMMARY_BYTES


def test_a_summary_that_cannot_be_written_is_told(
    report: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "missing" / "summary.md"))
    with pytest.raises(OutputError):
        render(report, "github")
