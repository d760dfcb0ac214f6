"""What was replaced is counted by kind; what was not is stamped."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analyzer.reports import FORMATS
from tests.reports.rendering import render

TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJlc2lnbmF0dXJl"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "buildkitd.log"
    path.write_text(
        f'time="2026-01-05T10:00:00Z" level=debug msg="got token {TOKEN}"\n'
        f'time="2026-01-05T10:00:01Z" level=debug msg="https://user:hunter2@registry.example.com/v2/"\n'
    )
    return path


def test_secrets_are_counted_by_kind(run: Any, log: Path) -> None:
    document = json.loads(run("check", log, "--format", "json")[1])
    [source] = document["sources"]
    kinds = source["coverage"]["redactions_by_kind"]
    assert sum(kinds.values()) == source["coverage"]["redactions"] == 2
    assert "jwt" in kinds
    for name in ("terminal", "markdown", "html"):
        text = " ".join(run("check", log, "--format", name)[1].split()).replace("`", "")
        assert "1 jwt" in text, name
        assert TOKEN not in text
        assert "hunter2" not in text


@pytest.mark.parametrize("name", FORMATS)
def test_what_is_not_redacted_says_so(report: Any, name: str) -> None:
    marks = {
        "json": '"redacted": false',
        "sarif": '"redacted": false',
        "junit": 'name="redacted" value="false"',
    }
    mark = marks.get(name, "not redacted")
    assert mark not in render(report, name).lower()
    report.redacted = False
    assert mark in render(report, name).lower()
