"""Several reports of one check: what goes where, and that no report is lost to another."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from analyzer.cli.outputs import Output, read_outputs, write_outputs
from analyzer.errors import OutputError, UsageError
from analyzer.reports.files import replace_whole


def places(format_: str, *values: str) -> list[tuple[str, str]]:
    return [(output.format, output.path) for output in read_outputs(format_, values)]


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ((), [("terminal", "-")]),
        (("-",), [("terminal", "-")]),
        (("report.txt",), [("terminal", "report.txt")]),
        (("junit=report.xml",), [("terminal", "-"), ("junit", "report.xml")]),
        (("junit=a", "sarif=b"), [("terminal", "-"), ("junit", "a"), ("sarif", "b")]),
        (("report.txt", "json=-"), [("terminal", "report.txt"), ("json", "-")]),
        (("json=a=b",), [("terminal", "-"), ("json", "a=b")]),
        (("./json=a",), [("terminal", "./json=a")]),
        (("build=7.txt",), [("terminal", "build=7.txt")]),
    ],
)
def test_outputs_name_format_and_file(values: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    assert places("terminal", *values) == expected


@pytest.mark.parametrize("values", [("json=-",), ("json=a", "sarif=./a"), ("-", "-"), ("junit=",), ("",)])
def test_two_reports_never_go_to_one_place(values: tuple[str, ...]) -> None:
    with pytest.raises(UsageError) as caught:
        read_outputs("terminal", values)
    assert caught.value.where == "--output"
    assert caught.value.hint


def test_a_link_to_the_same_file_is_seen(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "file")
    with pytest.raises(UsageError):
        read_outputs("terminal", [f"json={tmp_path / 'file'}", f"sarif={tmp_path / 'link'}"])


def test_an_unknown_format_is_refused() -> None:
    with pytest.raises(UsageError):
        read_outputs("termnal", ())


def test_check_writes_several_reports(run: Any, from_mirror: Path, config: Path, tmp_path: Path) -> None:
    xml, sarif = tmp_path / "report.xml", tmp_path / "out.sarif"
    words = ["check", from_mirror, "--config", config, "--output", f"junit={xml}", "-o", f"sarif={sarif}"]
    code, out, _ = run(*words)
    assert code == 0
    assert out.startswith("log ")
    assert ElementTree.parse(xml).getroot().tag == "testsuites"
    assert json.loads(sarif.read_text())["version"] == "2.1.0"


def test_clashes_are_told_before_anything_is_read(run: Any, tmp_path: Path) -> None:
    code, out, err = run("check", tmp_path / "no-log", "--output", "json=-")
    assert (code, out) == (2, "")
    assert "two reports would go to standard output" in err
    assert "no-log" not in err


def test_a_report_that_cannot_be_written_replaces_none(tmp_path: Path, report_of_nothing: Any) -> None:
    def write(report: Any, stream: Any) -> None:
        stream.write("new")

    def fail(report: Any, stream: Any) -> None:
        raise OSError(28, os.strerror(28))

    (tmp_path / "a").write_text("old")
    outputs = [Output("json", str(tmp_path / "a"), write), Output("sarif", str(tmp_path / "b"), fail)]
    with pytest.raises(OutputError):
        write_outputs(report_of_nothing, outputs)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "old"


def test_a_message_names_the_target_and_not_the_place_beside_it(tmp_path: Path) -> None:
    target = tmp_path / "export"
    with pytest.raises(OutputError) as told, replace_whole(target) as new:
        raise OutputError(f"{new}/a cannot be written", where=f"{new}/a", hint="make room")
    assert (told.value.where, told.value.what, told.value.hint) == (
        f"{target}/a", f"{target}/a cannot be written", "make room",
    )  # fmt: skip


def test_files_are_whole_when_the_reader_of_the_output_goes_away(
    tmp_path: Path, report_of_nothing: Any, capsys: Any
) -> None:
    def write(report: Any, stream: Any) -> None:
        stream.write("new")

    def go_away(report: Any, stream: Any) -> None:
        raise BrokenPipeError

    outputs = [Output("terminal", "-", go_away), Output("json", str(tmp_path / "a"), write)]
    with pytest.raises(BrokenPipeError):
        write_outputs(report_of_nothing, outputs)
    assert (tmp_path / "a").read_text() == "new"


@pytest.fixture
def report_of_nothing() -> Any:
    """A report that no writer here looks at."""
    return object()
