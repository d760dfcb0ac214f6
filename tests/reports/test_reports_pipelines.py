"""The formats that other programs read: JUnit, SARIF, GitHub, GitLab, Markdown, HTML."""

from __future__ import annotations

import io
import json
from typing import Any
from xml.etree import ElementTree

import pytest

from analyzer.reports import FORMATS, write_report

HOSTILE = "\x1b[2J\n::error::x\r\n<script>]]>&\x00\ufffe|`[a](b)@user =1+1 \u202e"


def render(report: Any, name: str) -> str:
    stream = io.StringIO()
    write_report(report, name, stream)
    return stream.getvalue()


@pytest.fixture
def hostile(rule_maker: Any, result_maker: Any, report_maker: Any, source_maker: Any) -> Any:
    rule = rule_maker("r", title=HOSTILE, why=HOSTILE, fix=HOSTILE)
    parts = {"subject": HOSTILE, "message": HOSTILE, "source": HOSTILE, "lines": (3,), "fix": HOSTILE}
    findings = [{"verdict": verdict, **parts} for verdict in ("fail", "unknown", "pass", "skipped", "waived")]
    return report_maker([result_maker(rule, *findings)], [source_maker(name=HOSTILE)], exit_code=1)


@pytest.mark.parametrize("name", FORMATS)
def test_no_control_character_gets_out(hostile: Any, name: str) -> None:
    assert all(line.isprintable() for line in render(hostile, name).split("\n"))


@pytest.mark.parametrize("name", FORMATS)
def test_an_empty_report_is_valid_too(report_maker: Any, name: str) -> None:
    text = render(report_maker([], [], exit_code=3), name)
    if name in ("json", "sarif", "gitlab"):
        json.loads(text)
    elif name == "junit":
        ElementTree.fromstring(text)
    else:
        assert "no BuildKit record" in text


def test_junit_counts_what_it_holds(report: Any) -> None:
    root = ElementTree.fromstring(render(report, "junit"))
    # the failed warning stands below --fail-on; the unknown subject and rule are of severity error
    assert root.attrib == {
        "name": "buildkit-analyzer",
        "tests": "8",
        "failures": "1",
        "errors": "2",
        "skipped": "4",
    }
    failure = root.find(".//failure")
    assert failure is not None
    assert "fix: Give the mirror" in (failure.text or "")


def test_junit_survives_hostile_words(hostile: Any) -> None:
    root = ElementTree.fromstring(render(hostile, "junit"))
    assert len(root.findall(".//testcase")) == 5


def test_sarif_keeps_rules_apart_and_findings_the_same(report: Any) -> None:
    run = json.loads(render(report, "sarif"))["runs"][0]
    rules = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert len(set(rules)) == len(report.results)
    for result in run["results"]:
        assert rules[result["ruleIndex"]] == result["ruleId"]
        assert result["level"] == "none" or result["kind"] == "fail"
    prints = [result["partialFingerprints"]["ruleAndSubject/v1"] for result in run["results"]]
    assert len(set(prints)) == len(prints)
    assert [result["kind"] for result in run["results"]] == ["fail", "fail", "open", "open", "fail"]
    assert "suppressions" in run["results"][-1]


def test_github_annotations_are_one_line_each(hostile: Any) -> None:
    lines = render(hostile, "github").splitlines()
    assert [line.split(" ")[0] for line in lines] == ["::error", "::warning", "buildkit-analyzer:"]
    assert all(line.count("::error") + line.count("::warning") >= 1 for line in lines[:2])


def test_gitlab_issues_have_what_gitlab_asks_for(report: Any) -> None:
    issues = json.loads(render(report, "gitlab"))
    assert [issue["severity"] for issue in issues] == ["minor", "critical", "minor", "minor"]
    for issue in issues:
        assert {"description", "check_name", "fingerprint", "severity", "location"} == issue.keys()
        assert issue["location"]["lines"]["begin"] >= 1


def test_markdown_shows_verdicts_first(report: Any) -> None:
    lines = render(report, "markdown").splitlines()
    assert lines[0] == "## BuildKit check: 2 fail, 1 unknown, 1 pass, 2 skipped, 1 waived"
    assert "| `mirror-served` | error | **fail** | proof |" in lines


def test_html_holds_nothing_that_runs(hostile: Any) -> None:
    from html.parser import HTMLParser

    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.seen: set[str] = set()
            self.attributes: set[str] = set()

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            self.seen.add(tag)
            self.attributes |= {name for name, _ in attrs}

    tags = Tags()
    tags.feed(render(hostile, "html"))
    assert not tags.seen & {"script", "a", "img", "link", "iframe"}
    assert tags.attributes <= {"lang", "charset", "http-equiv", "content", "class"}
