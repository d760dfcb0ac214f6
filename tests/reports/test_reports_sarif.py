"""SARIF: what a result points to, what it is, and that it stays the same one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from typing import Any

import pytest

from analyzer.reports import sarif
from tests.reports.rendering import render


def run_of(report: Any) -> dict[str, Any]:
    [run] = json.loads(render(report, "sarif"))["runs"]
    found: dict[str, Any] = run
    return found


@pytest.fixture
def result_of(rule_maker: Any, result_maker: Any, report_maker: Any) -> Any:
    """The one result of a finding."""

    def make(**parts: Any) -> dict[str, Any]:
        report = report_maker([result_maker(rule_maker("r"), {"verdict": "fail", **parts})])
        [result] = run_of(report)["results"]
        made: dict[str, Any] = result
        return made

    return make


def parts_of(value: Any) -> Iterator[dict[str, Any]]:
    """Every object in a value."""
    if isinstance(value, dict):
        yield value
    for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from parts_of(part)


def line_of(location: dict[str, Any]) -> tuple[str, int]:
    place = location["physicalLocation"]
    return place["artifactLocation"]["uri"], place["region"]["startLine"]


def test_rules_stay_apart_and_results_name_them(report: Any) -> None:
    run = run_of(report)
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(report.results)
    assert all(rules[result["ruleIndex"]] == result["ruleId"] for result in run["results"])


def test_kinds_and_levels_are_those_of_the_verdicts(report: Any) -> None:
    told = [
        (result["kind"], result["level"], "suppressions" in result) for result in run_of(report)["results"]
    ]
    assert told == [
        ("fail", "warning", False),
        ("fail", "error", False),
        ("open", "none", False),
        ("open", "none", False),
        ("fail", "error", True),
    ]


def test_the_line_of_the_configuration_comes_first(result_of: Any) -> None:
    result = result_of(config_file="buildkitd.toml", config_line=7, source="buildkitd.log", lines=(3, 9))
    assert [line_of(location) for location in result["locations"]] == [("buildkitd.toml", 7)]
    assert [line_of(location) for location in result["relatedLocations"]] == [
        ("buildkitd.log", 3),
        ("buildkitd.log", 9),
    ]


def test_without_it_the_first_line_of_the_log_does(result_of: Any) -> None:
    result = result_of(source="buildkitd.log", lines=(3, 9))
    assert line_of(result["locations"][0]) == ("buildkitd.log", 3)
    assert [line_of(location) for location in result["relatedLocations"]] == [("buildkitd.log", 9)]


def test_a_line_stands_once(result_of: Any) -> None:
    lint = {"config_file": "buildkitd.toml", "config_line": 7, "source": "buildkitd.toml", "lines": (7,)}
    assert "relatedLocations" not in result_of(**lint)
    assert "relatedLocations" not in result_of(source="buildkitd.log", lines=(3,))


def test_too_many_lines_are_cut_with_a_note(result_of: Any) -> None:
    result = result_of(config_file="c", config_line=1, lines=tuple(range(1, 21)))
    assert len(result["relatedLocations"]) == 10
    assert "10 lines more: properties.lines" in result["relatedLocations"][-1]["message"]["text"]
    assert result["properties"]["lines"] == list(range(1, 21))


@pytest.mark.parametrize(
    ("name", "uri", "relative"),
    [
        ("dir/build kit.toml", "dir/build%20kit.toml", True),
        ("./a/../buildkitd.toml", "buildkitd.toml", True),
        ("100%.log", "100%25.log", True),
        ("builder:mine", "builder%3Amine", True),
        ("/var/log/buildkitd.log", "file:///var/log/buildkitd.log", False),
        ("s3://logs/a b.log", "s3://logs/a%20b.log", False),
        ("bad\udcff", "bad%3F", True),
    ],
)
def test_files_are_uris(name: str, uri: str, relative: bool, result_of: Any) -> None:
    artifact = result_of(source=name, lines=(1,))["locations"][0]["physicalLocation"]["artifactLocation"]
    assert artifact == ({"uri": uri, "uriBaseId": "%SRCROOT%"} if relative else {"uri": uri})


def test_a_waiver_gives_its_reason(result_of: Any) -> None:
    [told] = result_of(verdict="waived", waiver="the mirror moves in March")["suppressions"]
    assert told == {"kind": "external", "status": "accepted", "justification": "the mirror moves in March"}


def test_fingerprints_hang_on_rule_and_subject_alone(result_of: Any) -> None:
    first = result_of(lines=(3,), message="x", config_file="a", config_line=4)
    second = result_of(lines=(9,), message="y", config_file="a", config_line=5)
    assert first["partialFingerprints"] == second["partialFingerprints"]
    assert first["partialFingerprints"] != result_of(subject="other")["partialFingerprints"]


def test_findings_of_several_logs_have_fingerprints_of_their_own(
    rule_maker: Any, result_maker: Any, report_maker: Any, source_maker: Any
) -> None:
    findings = [{"verdict": "fail", "source": name} for name in ("a.log", "b.log", "b.log")]
    sources = [source_maker(name=name) for name in ("a.log", "b.log")]
    run = run_of(report_maker([result_maker(rule_maker("r"), *findings)], sources))
    assert len({result["partialFingerprints"]["ruleAndSubject/v1"] for result in run["results"]}) == 3


@pytest.mark.parametrize(("code", "successful"), [(0, True), (1, True), (2, False), (3, True)])
def test_the_invocation_tells_the_exit_code(code: int, successful: bool, report_maker: Any) -> None:
    [invocation] = run_of(report_maker([], [], exit_code=code))["invocations"]
    assert (invocation["exitCode"], invocation["executionSuccessful"]) == (code, successful)


def test_no_link_of_a_log_comes_alive(result_of: Any, hostile: Any) -> None:
    assert result_of(message="see [here](https://evil.example)")["message"]["text"].endswith(
        "see [here] (https://evil.example)."
    )
    texts = [part["text"] for part in parts_of(run_of(hostile)) if "text" in part]
    assert texts
    assert not any("](" in text for text in texts)


def test_the_address_of_the_project_is_that_of_its_package(
    monkeypatch: pytest.MonkeyPatch, report: Any
) -> None:
    from email.message import Message

    known = Message()
    known["Version"] = "1.2"
    known["Project-URL"] = "Homepage, https://example.com/tool"
    monkeypatch.setattr(sarif, "metadata", lambda name: known)
    driver = run_of(report)["tool"]["driver"]
    assert (driver["version"], driver["informationUri"]) == ("1.2", "https://example.com/tool")


def test_a_program_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch, report: Any) -> None:
    def missing(name: str) -> Any:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(sarif, "metadata", missing)
    assert "version" not in run_of(report)["tool"]["driver"]
