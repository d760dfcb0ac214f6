"""The published schema of the JSON report: every report keeps to it, and it leaves nothing out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from analyzer.errors import UsageError
from analyzer.reports.schema import SCHEMAS, check_schema, find_schema
from tests.reports.rendering import render
from tests.test_samples import IDS, SAMPLES


def closed(schema: Any) -> Any:
    """The schema with nothing allowed that it does not name."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(part) for key, part in schema.items()}
    return {**made, "additionalProperties": False} if "properties" in schema else made


STRICT = Draft202012Validator(closed(check_schema()))


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_schemas(name: str) -> None:
    Draft202012Validator.check_schema(find_schema(name))


def test_an_unknown_schema_is_refused() -> None:
    with pytest.raises(UsageError):
        find_schema("chek")


@pytest.mark.parametrize("sample", SAMPLES, ids=IDS)
def test_samples_keep_to_it_and_hold_nothing_that_it_does_not_name(sample: Path) -> None:
    STRICT.validate(json.loads((sample / "expected.json").read_text()))


@pytest.mark.parametrize("made", ["report", "hostile"])
def test_made_reports_keep_to_it(made: str, request: pytest.FixtureRequest) -> None:
    STRICT.validate(json.loads(render(request.getfixturevalue(made), "json")))


def test_a_log_that_could_not_be_read_keeps_to_it(report: Any, source_maker: Any) -> None:
    report.sources = [source_maker(coverage={}, records=0, lines=0, buildkit_version=None)]
    STRICT.validate(json.loads(render(report, "json")))


def test_a_later_report_may_say_more(report: Any) -> None:
    document = json.loads(render(report, "json"))
    document["more"] = document["findings"][0]["more"] = 1
    Draft202012Validator(check_schema()).validate(document)
    assert not STRICT.is_valid(document)


@pytest.mark.parametrize("lost", ["verdict", "lines", "config", "waiver"])
def test_what_is_lost_is_missed(lost: str, report: Any) -> None:
    document = json.loads(render(report, "json"))
    del document["findings"][0][lost]
    assert not STRICT.is_valid(document)


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    from analyzer.cli import main

    assert main(["schema", "check"]) == 0
    assert json.loads(capsys.readouterr().out) == check_schema()
