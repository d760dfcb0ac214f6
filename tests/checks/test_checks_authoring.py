from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from analyzer.checks import builtin_rules, evaluate, new_rule, parse_rule, rule_schema
from analyzer.checks.loading import CHECK_KEYS, EXAMPLE_KEYS, TOP_KEYS
from analyzer.errors import UsageError


def test_a_new_rule_loads_and_runs() -> None:
    rule = parse_rule(new_rule("my-rule", "mirrors"), Path("my-rule.toml"))
    assert (rule.id, rule.family) == ("my-rule", "mirrors")
    (result,) = evaluate({}, [rule])
    assert result.verdict == "unknown"


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


@pytest.mark.parametrize("start", [None, "mirror-served", "tls-trusted"])
def test_what_a_new_rule_starts_from_passes_its_own_examples(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str | None
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(
        "rules", "new", "my-rule", "-o", "my-rule.toml", *(["--from", start] if start else [])
    )
    assert (code, out, err) == (0, "", "")
    code, out, _ = run("rules", "test", "my-rule.toml")
    assert code == 0, out
    assert "PASS      my-rule" in out


def test_the_rule_of_the_readme_passes(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, repository: Path
) -> None:
    text = (repository / "README.md").read_text(encoding="utf-8")
    [rule] = [
        block for block in re.findall(r"```toml\n(.*?)```", text, re.DOTALL) if block.startswith('id = "')
    ]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no-latest.toml").write_text(rule)
    code, out, _ = run("rules", "test", "no-latest.toml")
    assert (code, "3 examples, 0 wrong or missing." in out) == (0, True), out


RULE = """\
id = "a-rule"
title = "t"
[check]
subjects = "SELECT 'x' AS subject"
rows = \"\"\"
SELECT 'x' AS subject, *
FROM pulls
WHERE kind = 'resolve'\"\"\"
expect = "reference IS NOT NULL"
message = "{reference}"
[[example]]
verdict = "pass"
sample = "mirror-used"
"""


@pytest.mark.parametrize(
    ("old", "new", "place", "says"),
    [
        ("FROM pulls", "FROM pull", "a-rule.toml:7:6", "there is no table pull"),
        ("FROM pulls", "FROM pull", "a-rule.toml:7:6", "did you mean pulls?"),
        ("WHERE kind", "WHERE  knd", "a-rule.toml:8:8", "did you mean kind? columns of pulls: registry"),
        ("kind = 'resolve'", "kind resolve here", "a-rule.toml:8:12", "syntax error"),
        ("reference IS", "referenc IS", "a-rule.toml:9:11", "did you mean reference?"),
        ("reference IS NOT NULL", "nothing(1)", "a-rule.toml:9:11", "nothing does not exist"),
    ],
)
def test_a_fault_of_the_sql_is_told_where_it_stands(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, old: str, new: str, place: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    assert old in RULE
    (tmp_path / "a-rule.toml").write_text(RULE.replace(old, new, 1))
    code, _, err = run("rules", "test", "a-rule.toml")
    assert code == 2
    assert f"error: {place}: rule a-rule: " in err
    assert says in err
