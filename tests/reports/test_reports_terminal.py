from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from analyzer.reports import find_writer, write_report
from analyzer.reports.model import count, exit_meaning, format_lines
from analyzer.reports.terminal import PLAIN_WIDTH

GOLDEN = Path(__file__).parent / "golden"


def render(report: Any) -> str:
    stream = io.StringIO()
    write_report(report, "terminal", stream)
    return stream.getvalue()


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_report_reads_as_agreed(report: Any) -> None:
    assert render(report) == (GOLDEN / "terminal.txt").read_text(encoding="utf-8")


def test_without_a_terminal_lines_are_plain_and_narrow(report: Any) -> None:
    text = render(report)
    assert "\x1b" not in text
    assert text.isascii()
    assert max(map(len, text.splitlines())) <= PLAIN_WIDTH
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_colour_on_a_terminal_unless_unwanted(report: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = Terminal()
    write_report(report, "terminal", coloured)
    assert "\x1b[1;31mFAIL" in coloured.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    write_report(report, "terminal", plain)
    assert "\x1b[1;31m" not in plain.getvalue()
    assert "[31m" not in plain.getvalue()


def test_failures_of_errors_come_first(report: Any) -> None:
    text = render(report)
    assert text.index("mirror-served") < text.index("mirror-healthy")


def test_hostile_words_stay_words(result_maker: Any, rule_maker: Any, report_maker: Any) -> None:
    bad = "\x1b[2J[link=http://evil]x[/link]:smile:\u202e\r\n"
    rule = rule_maker("r", title=bad, fix=bad)
    result = result_maker(
        rule, {"verdict": "fail", "subject": bad, "message": bad, "source": bad, "lines": (1,), "fix": bad}
    )
    text = render(report_maker([result], exit_code=1))
    assert all(line.isprintable() for line in text.splitlines())
    assert "[link=http://evil]x[/link]:smile:" in text
    assert r"\x1b[2J" in text


def test_what_cannot_be_known_says_what_it_needs(
    report: Any, source_maker: Any, result_maker: Any, rule_maker: Any, report_maker: Any
) -> None:
    source = source_maker()
    source.coverage["debug"] = False
    result = result_maker(
        rule_maker("r"), {"verdict": "unknown", "message": "no debug lines", "evidence": "none"}
    )
    text = render(report_maker([result], [source], exit_code=3))
    assert "no debug lines" in text
    assert "debug = true" in text
    assert "debug = true" not in render(report)


def test_a_log_without_buildkit_says_so(source_maker: Any, report_maker: Any) -> None:
    text = render(report_maker([], [source_maker(records=0, lines=12)], exit_code=3))
    assert "no BuildKit record in it" in text
    assert "Exit 3: the input held no BuildKit record" in text


@pytest.mark.parametrize(
    ("lines", "expected"),
    [((), ""), ((3,), "3"), ((3, 4), "3-4"), ((9, 1, 2, 3, 7, 1), "1-3, 7, 9")],
)
def test_runs_of_lines_are_drawn_together(lines: tuple[int, ...], expected: str) -> None:
    assert format_lines(lines) == expected


def test_numbers_take_their_noun() -> None:
    assert [count(1, "line"), count(0, "line"), count(12000, "line")] == ["1 line", "0 lines", "12,000 lines"]


def test_exit_codes_have_meanings(report: Any) -> None:
    report.exit_code = 0
    assert exit_meaning(report) == "no failure at or above --fail-on"
    report.exit_code = 3
    assert "unknown" in exit_meaning(report)


def test_unknown_formats_name_the_known() -> None:
    from analyzer.errors import UsageError

    with pytest.raises(UsageError) as error:
        find_writer("jsn")
    assert error.value.hint is not None
    assert "did you mean json" in error.value.hint
    assert "terminal" in error.value.hint
