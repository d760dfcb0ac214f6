"""What changed between two logs."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import analyzer as bk
from analyzer.checks.findings import Finding, conclude
from analyzer.checks.rule import native_rule
from analyzer.comparing import Comparison, compare_reports
from analyzer.conclusion import Report
from analyzer.relations import Relations
from analyzer.scan import SourceInfo

VERDICTS = ("pass", "fail", "unknown", "skipped", "waived")


@pytest.fixture(scope="module")
def compared(repository: Path) -> Comparison:
    samples = repository / "sample_logs"
    config = bk.load_config(samples / "mirror-fallback" / "buildkitd.toml")
    reports = [
        bk.check(bk.read(samples / name / "buildkitd.log"), config)
        for name in ("mirror-used", "mirror-fallback")
    ]
    return compare_reports(*reports)


def test_a_mirror_that_lost_its_images_is_seen(compared: Comparison) -> None:
    assert [(one.kind, one.rule) for one in compared.changes] == [
        ("worse", "mirror-healthy"),
        ("worse", "mirror-served"),
    ]
    assert [one.rule for one in compared.regressions] == ["mirror-served"]
    hosts = {
        one.host: (one.requests.before, one.requests.after, one.failures.after) for one in compared.hosts
    }
    assert hosts == {"mirror.example.com": (13, 13, 13), "registry-1.docker.io": (None, 15, 0)}
    images = {one.image: (dict(one.before), dict(one.after)) for one in compared.images}
    assert images["docker.io/library/alpine"] == ({"mirror.example.com": 5}, {"registry-1.docker.io": 5})
    assert compared.rough
    assert (compared.before.version, compared.after.version) == ("v0.32", "v0.17")


def test_a_log_is_no_other_than_itself(repository: Path) -> None:
    report = bk.check(bk.read(repository / "sample_logs" / "parallel" / "buildkitd.log"))
    compared = compare_reports(report, report)
    assert (compared.changes, compared.images, compared.durations) == ((), (), ())
    assert not any(one.changed for one in compared.hosts)


def report_of(verdicts: dict[str, str]) -> Report:
    rule = native_rule("mirror-served", "It holds", family="mirrors")
    findings = [
        Finding(rule.id, "mirrors", "error", subject, verdict, "none", "so")
        for subject, verdict in verdicts.items()
    ]
    info = SourceInfo("a.log", 1, 1, None, {})
    return Report([conclude(rule, findings)], (info,), Relations({}), 0)


@settings(max_examples=10)
@given(*[st.dictionaries(st.sampled_from("abc"), st.sampled_from(VERDICTS)) for _ in range(2)])
def test_every_failure_that_was_none_is_a_regression(before: dict[str, str], after: dict[str, str]) -> None:
    compared = compare_reports(report_of(before), report_of(after))
    lost = {
        name
        for name, verdict in after.items()
        if (verdict == "fail" and before.get(name) != "fail")
        or (verdict == "unknown" and before.get(name) not in ("fail", "unknown"))
    }
    assert {one.subject for one in compared.regressions} == lost
    back = compare_reports(report_of(after), report_of(before))
    opposite = {"worse": "better", "better": "worse", "new": "gone", "gone": "new"}
    assert {(one.subject, opposite[one.kind]) for one in compared.changes} == {
        (one.subject, one.kind) for one in back.changes
    }
