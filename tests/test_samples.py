"""The shipped samples: each says what `check` must say of it, in every format."""

from __future__ import annotations

import json
from importlib.metadata import version
from io import StringIO
from pathlib import Path

import pytest

import analyzer as bk
from analyzer.cli.pipeline import SAMPLE_TRACES
from analyzer.reports import write_report
from tests.conftest import slow_but
from tests.judging import cuts, promises, verdicts
from tests.reports.outline import outline

SAMPLES = sorted(
    path.parent for path in (Path(__file__).parent.parent / "sample_logs").glob("*/buildkitd.log")
)
IDS = [path.name for path in SAMPLES]
FAILING = ("mirror-fallback", "ca-missing-kubectl", "keypair-mismatch", "network-mismatch")
"""A failure of each of the rules that promise something."""


GOLDEN = Path(__file__).parent / "reports" / "golden"
SUFFIXES = {
    "terminal": "txt",
    "markdown": "md",
    "junit": "xml",
    "sarif": "sarif",
    "github": "txt",
    "gitlab": "json",
    "html": "txt",
}
"""Formats of which every sample has a report beside its JSON, and the ends of their names."""


def judge(sample: Path) -> dict[Path, str]:
    """What the command line prints for a sample, when called in its folder: in each format, by where it is kept."""
    trace = [name for name in SAMPLE_TRACES if (sample / name).is_file()]
    report = bk.check(bk.read("buildkitd.log"), bk.load_config("buildkitd.toml"), trace=trace)
    kept = {name: GOLDEN / name / f"{sample.name}.{suffix}" for name, suffix in SUFFIXES.items()}
    return {path: render(report, name) for name, path in {"json": sample / "expected.json", **kept}.items()}


def render(report: bk.Report, name: str) -> str:
    """A report in a format, a page by what stands on it; a new version of the program says nothing new."""
    stream = StringIO()
    write_report(report, name, stream)
    if name == "html":
        return outline(stream.getvalue())
    return stream.getvalue().replace(f'ersion": "{version("buildkit-analyzer")}"', 'ersion": "0"')


@pytest.mark.parametrize("sample", slow_but((*FAILING, "mirror-used-trace", "untrusted-terminal"), SAMPLES))
def test_a_sample_is_judged_as_expected(sample: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sample)
    for name in ("GITHUB_WORKSPACE", "GITHUB_STEP_SUMMARY", "CI_PROJECT_DIR"):
        monkeypatch.delenv(name, raising=False)
    for path, text in judge(sample).items():
        assert text == path.read_text(encoding="utf-8"), path


@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
def test_a_sample_says_where_it_is_from(sample: Path) -> None:
    assert "BuildKit" in (sample / "README.md").read_text()


def test_the_samples_show_every_rule_in_every_verdict_that_a_log_can_give() -> None:
    seen: dict[str, set[str]] = {}
    for sample in SAMPLES:
        for rule in json.loads((sample / "expected.json").read_text())["rules"]:
            seen.setdefault(rule["id"], set()).add(rule["verdict"])
    assert set(seen) == {rule.id for rule in bk.load_rules()}
    for rule in ("mirror-served", "tls-trusted", "network-mode", "hosts-as-configured"):
        assert {"pass", "fail", "unknown"} <= seen[rule], rule
    for rule in ("ca-readable", "keypair-valid", "debug-enabled", "mirror-healthy"):
        assert {"pass", "fail"} <= seen[rule], rule


def test_the_samples_show_every_form_and_generation() -> None:
    forms: set[str] = set()
    series: set[str] = set()
    for sample in SAMPLES:
        log = bk.read(sample)
        forms |= set(log.table("records").column("form").to_pylist())
        series |= {source.buildkit_version or "" for source in log.sources}
    assert forms == {"logfmt", "json", "terminal", "stack", "other"}
    for release in ("v0.9", "v0.10", "v0.12", "v0.17", "v0.19", "v0.23", "v0.32"):
        assert any(known.startswith(release) for known in series), release


@pytest.mark.parametrize("sample", slow_but(FAILING, SAMPLES))
def test_lines_taken_out_never_turn_a_failure_into_a_pass(sample: Path) -> None:
    data = (sample / "buildkitd.log").read_bytes()
    config = bk.load_config(sample / "buildkitd.toml")
    failing = [rule for rule, verdict in verdicts(data, config).items() if verdict == "fail"]
    if not failing:
        return
    for how, cut in cuts(data.splitlines(keepends=True), seed=len(data)):
        after = verdicts(cut, config)
        assert [rule for rule in failing if after[rule] == "pass"] == [], how


@pytest.mark.slow
def test_renaming_the_mirror_in_the_configuration_makes_no_pull_look_mirrored() -> None:
    served = [rule for rule in promises() if rule.id == "mirror-served"]
    renamed = 0
    for sample in SAMPLES:
        text = (sample / "buildkitd.toml").read_text()
        log = bk.read(sample)
        if bk.check(log, bk.parse_config(text), rules=served).verdict("mirror-served") != "pass":
            continue
        renamed += 1
        for host in ("mirror", "mirror2", "cache"):
            text = text.replace(f"{host}.example.com", f"other-{host}.example.com")
        assert bk.check(log, bk.parse_config(text), rules=served).verdict("mirror-served") in (
            "fail",
            "unknown",
        )
    assert renamed > 8
