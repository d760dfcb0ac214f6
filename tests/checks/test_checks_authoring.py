from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from analyzer.checks import builtin_rules, evaluate, new_rule, parse_rule, rule_schema
from analyzer.checks.loading import CHECK_KEYS, EXAMPLE_KEYS, TOP_KEYS
from analyzer.errors import UsageError


def test_a_new_rule_loads_and_runs() -> None:
    rule = parse_rule(new_rule("my-rule", "mirrors"), Path("my-rule.toml"))
    assert (rule.id, rule.family) == ("my-rule", "mirrors")
    (result,) = evaluate({}, [rule])
    assert result.verdict == "skipped"


@pytest.mark.parametrize(
    ("rule_id", "family"), [("My Rule", "mirrors"), ('x"\ny = "', "mirrors"), ("x", "Mirrors")]
)
def test_a_name_that_is_none_is_refused(rule_id: str, family: str) -> None:
    with pytest.raises(UsageError, match="kebab-case"):
        new_rule(rule_id, family)


def test_the_schema_knows_the_keys_that_the_loader_knows() -> None:
    properties = rule_schema()["properties"]
    assert set(properties) == set(TOP_KEYS)
    assert set(properties["check"]["properties"]) == set(CHECK_KEYS)
    assert set(properties["example"]["items"]["properties"]) == set(EXAMPLE_KEYS)


def test_every_built_in_rule_is_valid_by_the_schema() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    validator = jsonschema.Draft202012Validator(rule_schema())
    for rule in builtin_rules():
        assert rule.path is not None
        data = tomllib.loads(rule.path.read_text(encoding="utf-8"))
        assert not [error.message for error in validator.iter_errors(data)]
    assert list(validator.iter_errors({"id": "X", "title": "t", "check": {}}))
