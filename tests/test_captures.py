"""The larger set of captured logs, where it is there: verdicts and requests against what the registries saw."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import analyzer as bk
from tests.judging import cuts, promises, verdicts

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def captures(captures_root: Path | None) -> list[tuple[Path, dict[str, Any]]]:
    if captures_root is None:
        pytest.skip("the larger set of captured logs is not there")
    return [
        (path.parent, json.loads(path.read_text())) for path in sorted(captures_root.glob("*/truth.json"))
    ]


def test_requests_per_host_are_those_that_the_registries_counted(
    captures: list[tuple[Path, dict[str, Any]]],
) -> None:
    compared = 0
    for folder, truth in captures:
        counted = {host: n for host, n in truth.get("requests_by_host", {}).items() if n}
        if (
            not counted
            or re.search(r"v0\.9\.3$|^cut-|^debug-off", folder.name)
            or "docker.io" not in truth["mirror"]
        ):
            continue
        seen = bk.attribute(bk.read(folder / "buildkitd.log"), bk.load_config(folder / "intended.toml"))
        rows = seen.requests.select(["host", "status_code"]).to_pylist()
        answered = Counter(row["host"] for row in rows if row["status_code"] is not None)
        assert dict(answered) == counted, folder.name
        compared += 1
    assert compared > 100


def test_no_whole_log_is_taken_for_a_cut_one(captures: list[tuple[Path, dict[str, Any]]]) -> None:
    for folder, _ in captures:
        if folder.name.startswith("cut-"):
            continue
        for row in bk.read(folder / "buildkitd.log").coverage.to_pylist():
            assert row["gaps"] == [], folder.name


def test_never_a_pass_where_the_truth_is_a_failure(captures: list[tuple[Path, dict[str, Any]]]) -> None:
    for folder, truth in captures:
        found = verdicts(folder / "buildkitd.log", bk.load_config(folder / "intended.toml"))
        bypassed = any(
            registry["verdict"] in ("fallback", "partial")
            or (registry["verdict"] == "not_configured" and registry.get("configured"))
            for registry in truth["mirror"].values()
        )
        if bypassed:
            assert found["mirror-served"] != "pass", folder.name
        if truth["network"]["verdict"] == "mismatch":
            assert found["network-mode"] != "pass", folder.name


def test_thousands_of_cuts_never_turn_a_failure_into_a_pass(
    captures: list[tuple[Path, dict[str, Any]]],
) -> None:
    made = 0
    for folder, _ in captures:
        data = (folder / "buildkitd.log").read_bytes()
        config = bk.load_config(folder / "intended.toml")
        failing = [rule for rule, verdict in verdicts(data, config).items() if verdict == "fail"]
        if not failing:
            continue
        lines = data.splitlines(keepends=True)
        for seed in range(4):
            for how, cut in cuts(lines, seed):
                made += 1
                after = verdicts(cut, config)
                assert [rule for rule in failing if after[rule] == "pass"] == [], (folder.name, how, seed)
    assert made > 2000


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
    captures_root: Path | None, scenario: str, forms: tuple[str, ...]
) -> None:
    if captures_root is None:
        pytest.skip("the larger set of captured logs is not there")
    found = []
    for form in forms:
        folder = captures_root / f"{form}{scenario}"
        found.append(verdicts(folder / "buildkitd.log", bk.load_config(folder / "intended.toml")))
    assert all(one == found[0] for one in found), found
    assert {rule.id for rule in promises()} == set(found[0])
