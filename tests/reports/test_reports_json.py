from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from analyzer.reports import write_report

GOLDEN = Path(__file__).parent / "golden"


def render(report: Any) -> str:
    stream = io.StringIO()
    write_report(report, "json", stream)
    return stream.getvalue()


def test_report_reads_as_agreed(report: Any) -> None:
    assert render(report) == (GOLDEN / "check.json").read_text(encoding="utf-8")


def test_stable_keys_are_there(report: Any) -> None:
    document = json.loads(render(report))
    assert document["format"] == "buildkit-analyzer/check/1"
    assert {"name", "records", "lines", "buildkit_version", "coverage"} <= document["sources"][0].keys()
    assert document["summary"] == {
        "pass": 1,
        "fail": 2,
        "unknown": 1,
        "skipped": 2,
        "waived": 1,
        "exit_code": 1,
    }
    assert {"id", "family", "severity", "verdict", "evidence"} <= document["rules"][0].keys()
    finding = document["findings"][1]
    assert finding["lines"] == [214, 220, 221, 222]
    stable = {"rule", "subject", "verdict", "evidence", "message", "source", "lines", "fix", "references"}
    assert stable <= finding.keys()


def test_two_runs_give_the_same_bytes(report: Any) -> None:
    assert render(report) == render(report)
