"""The larger set of captured logs, where it is there: verdicts and requests against what the registries saw."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import analyzer as bk
from tests.conftest import CAPTURES
from tests.judging import cuts, promises, verdicts

FOLDERS = sorted(path.parent for path in CAPTURES.glob("*/truth.json")) if CAPTURES else []
pytestmark = pytest.mark.skipif(not FOLDERS, reason="the larger set of captured logs is not there")
NO_COUNT = re.compile(r"v0\.9\.\d+$|^cut-|^debug-off")
"""Logs that do not hold what the registries counted."""


def truth_of(folder: Path) -> dict[str, Any]:
    truth: dict[str, Any] = json.loads((folder / "truth.json").read_text())
    return truth


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_captured_log_is_judged_as_the_registries_saw_it(folder: Path) -> None:
    truth = truth_of(folder)
    log, config = bk.read(folder / "buildkitd.log"), bk.load_config(folder / "intended.toml")
    report = bk.check(log, config, rules=promises())
    bypassed = any(
        registry["verdict"] in ("fallback", "partial")
        or (registry["verdict"] == "not_configured" and registry.get("configured"))
        for registry in truth["mirror"].values()
    )
    if bypassed:
        assert report.verdict("mirror-served") != "pass"
    if truth["network"]["verdict"] == "mismatch":
        assert report.verdict("network-mode") != "pass"
    if not folder.name.startswith("cut-"):
        assert [gap for row in report.tables["coverage"].to_pylist() for gap in row["gaps"]] == []
    counted = {host: number for host, number in truth.get("requests_by_host", {}).items() if number}
    if counted and not NO_COUNT.search(folder.name):
        rows = report.tables["requests"].select(["host", "status_code"]).to_pylist()
        assert dict(Counter(row["host"] for row in rows if row["status_code"] is not None)) == counted


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_lines_taken_out_of_a_captured_log_never_turn_a_failure_into_a_pass(folder: Path) -> None:
    data = (folder / "buildkitd.log").read_bytes()
    config = bk.load_config(folder / "intended.toml")
    failing = [rule for rule, verdict in verdicts(data, config).items() if verdict == "fail"]
    lines = data.splitlines(keepends=True)
    for seed in range(4 if failing else 0):
        for how, cut in cuts(lines, seed):
            after = verdicts(cut, config)
            assert [rule for rule in failing if after[rule] == "pass"] == [], (how, seed)


@pytest.mark.parametrize(
    ("scenario", "forms"),
    [
        ("mirror-used-v0.9.3", ("", "tty-")),
        ("mirror-fallback-v0.10.6", ("", "tty-")),
        ("mirror-used-v0.17.3", ("", "json-", "tty-")),
        ("mirror-fallback-v0.19.0", ("", "json-", "tty-")),
        ("mirror-used-v0.32.2", ("", "json-", "tty-")),
    ],
)
def test_runs_logged_as_text_json_and_terminal_give_the_same_verdicts(
    scenario: str, forms: tuple[str, ...]
) -> None:
    found = []
    for form in forms:
        folder = Path(CAPTURES or ".") / f"{form}{scenario}"
        found.append(verdicts(folder / "buildkitd.log", bk.load_config(folder / "intended.toml")))
    assert all(one == found[0] for one in found), found
    assert {rule.id for rule in promises()} == set(found[0])
