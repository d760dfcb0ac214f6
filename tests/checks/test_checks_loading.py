from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from analyzer.checks import (
    Rule,
    builtin_rules,
    load_rule,
    load_rules,
    missing_examples,
    parse_rule,
    with_all_examples,
)
from analyzer.errors import RuleError, UsageError

RULE = """\
id = "my-rule"
title = "It holds"
severity = "info"
why = "Because."
fix = "Mend it."
references = ["https://example.com/"]

[check]
subjects = "SELECT 'a' AS subject"
rows = \"\"\"
SELECT 'a' AS subject,
       1 AS n\"\"\"
expect = "n = 1;"
empty = "unknown"
needs = ["debug"]
message = "{n}"
no_rows = "nothing of {subject}"

[[example]]
verdict = "pass"
log = "x"

[[example]]
verdict = "fail"
sample = "mirror-fallback"
evidence = "proof"
"""


def write(tmp_path: Path, text: str = RULE, name: str = "my-rule.toml") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_rule_is_read_whole(tmp_path: Path) -> None:
    folder = tmp_path / "own-family"
    folder.mkdir()
    rule = load_rule(write(folder))
    assert (rule.id, rule.title, rule.family, rule.severity) == ("my-rule", "It holds", "own-family", "info")
    assert (rule.why, rule.fix, rule.references) == ("Because.", "Mend it.", ("https://example.com/",))
    assert (rule.expect, rule.empty, rule.needs, rule.message) == ("n = 1", "unknown", ("debug",), "{n}")
    assert [example.verdict for example in rule.examples] == ["pass", "fail"]
    assert [example.line for example in rule.examples] == [19, 23]
    assert rule.where("check.rows").endswith("my-rule.toml:10:1")
    assert missing_examples(rule) == ("unknown",)


def test_line_ends_of_windows_are_read(tmp_path: Path) -> None:
    path = tmp_path / "my-rule.toml"
    path.write_bytes(RULE.replace("\n", "\r\n").encode())
    assert load_rule(path).where("check.rows").endswith(":10:1")


@pytest.mark.parametrize(
    ("old", "new", "what", "place", "hint"),
    [
        ('expect = "n', 'expct = "n', "unknown key check.expct", ":13:1", "expect"),
        ('title = "It holds"', 'titel = "x"', "unknown key titel", ":2:1", "title"),
        ('log = "x"', 'logg = "x"', "unknown key example.0.logg", ":21:1", "log"),
        ('title = "It holds"\n', "", "title is missing", "", None),
        ('title = "It holds"', "title = 3", "title must be a text", ":2:1", None),
        ('title = "It holds"', r'title = "a\nb"', "longer than a line", ":2:1", None),
        ('title = "It holds"', r'title = "\u001b[2J"', "control", ":2:1", None),
        ('why = "Because."', r'why = "\u202e"', "control", ":4:1", None),
        ('message = "{n}"', r'message = "\u009b31m"', "control", ":16:1", None),
        ('message = "{n}"', 'message = "{n"', "lone {", ":16:1", "column"),
        ('no_rows = "nothing of {subject}"', 'no_rows = "}"', "lone }", ":17:1", None),
        ('severity = "info"', 'severity = "fatal"', "severity is 'fatal'", ":3:1", "error, warning, info"),
        ('empty = "unknown"', 'empty = "pass"', "check.empty is 'pass'", ":14:1", "skipped"),
        ('needs = ["debug"]', 'needs = ["luck"]', "'luck'", ":15:1", "debug"),
        ('needs = ["debug"]', 'needs = "debug"', "list of texts", ":15:1", None),
        ('expect = "n = 1;"', "expect = true", "text of SQL", ":13:1", None),
        ('expect = "n = 1;"\n', "", "check.expect is missing", ":8:1", None),
        ('id = "my-rule"', 'id = "My_Rule"', "kebab", ":1:1", None),
        ('id = "my-rule"', 'id = "other-rule"', "not the file's name", ":1:1", "my-rule"),
        ('verdict = "fail"', 'verdict = "maybe"', "'maybe'", ":24:1", "fail"),
        ('verdict = "fail"\n', "", "says its verdict", ":23:1", None),
        ('log = "x"', 'log = "x"\nsample = "y"', "a sample, a log or tables alone", ":20:1", None),
        ('sample = "mirror-fallback"', 'sample = "../../etc"', "no name of a sample", ":25:1", None),
        ('references = ["https', 'references = ["\\u001bhttps', "control", ":6:1", None),
        ("[check]", "[check", "not TOML", ":8:", None),
    ],
)
def test_each_fault_is_told_with_its_place(
    tmp_path: Path, old: str, new: str, what: str, place: str, hint: str | None
) -> None:
    assert old in RULE
    path = write(tmp_path, RULE.replace(old, new, 1))
    with pytest.raises(RuleError) as caught:
        load_rule(path)
    assert what in caught.value.what
    assert (caught.value.where or "").startswith(f"{path}{place}")
    assert hint is None or hint in (caught.value.hint or "")
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u202e]", str(caught.value))


def test_a_rule_without_a_check_is_none(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match=r"\[check\] is missing"):
        load_rule(write(tmp_path, 'id = "my-rule"\ntitle = "t"\n'))


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a = " + b"[" * 5000, b"x" * (1 << 21)])
def test_what_is_no_rule_is_a_rule_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "my-rule.toml"
    path.write_bytes(data)
    with pytest.raises(RuleError):
        load_rule(path)


def test_a_missing_file_and_an_empty_folder(tmp_path: Path) -> None:
    for path in (tmp_path / "nowhere.toml", tmp_path):
        with pytest.raises(RuleError) as caught:
            load_rules([path])
        assert caught.value.where == str(path)


def test_rules_of_a_folder_come_after_the_built_in_ones(tmp_path: Path) -> None:
    write(tmp_path)
    rules = load_rules([tmp_path])
    assert [rule.id for rule in rules] == [rule.id for rule in builtin_rules()] + ["my-rule"]
    assert [rule.id for rule in load_rules([tmp_path], builtin=False)] == ["my-rule"]


def test_two_rules_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, RULE.replace("my-rule", "mirror-served"), "mirror-served.toml")
    with pytest.raises(RuleError, match="two rules are called mirror-served"):
        load_rules([path])


def test_select_and_ignore_take_ids_and_families() -> None:
    ids = [rule.id for rule in load_rules(select=["mirrors", "tls-trusted"], ignore=["mirror-healthy"])]
    assert ids == ["hosts-as-configured", "mirror-served", "tls-trusted"]


@pytest.mark.parametrize("option", ["select", "ignore"])
def test_a_misspelt_id_is_told_what_was_meant(option: str) -> None:
    misspelt: dict[str, Any] = {option: ["miror-served"]}
    with pytest.raises(UsageError) as caught:
        load_rules(**misspelt)
    assert caught.value.where == f"--{option}"
    assert caught.value.hint == "did you mean mirror-served?"


BUILTIN = {
    "mirrors": {"mirror-served", "mirror-healthy", "hosts-as-configured"},
    "certificates": {
        "ca-readable",
        "keypair-valid",
        "tls-trusted",
        "certificate-paths",
        "certificate-files",
    },
    "network": {"network-mode", "network-setup", "network-entitlement"},
    "configuration": {"configuration-loaded", "configuration-lint", "debug-enabled", "trace-agrees"},
}


def test_the_built_in_rules_are_all_there() -> None:
    found: dict[str, set[str]] = {}
    for rule in builtin_rules():
        found.setdefault(rule.family, set()).add(rule.id)
    assert found == BUILTIN
    assert list(found) == list(BUILTIN)


@pytest.mark.parametrize("rule", builtin_rules(), ids=lambda rule: rule.id)
def test_a_built_in_rule_is_complete(rule: Rule) -> None:
    assert missing_examples(rule) == ()
    assert rule.why
    assert rule.fix
    assert all(reference.startswith("https://") for reference in rule.references)
    assert rule.references


def test_a_text_alone_can_be_a_rule() -> None:
    assert parse_rule(RULE, Path("my-rule.toml")).family == "custom"


def test_further_examples_stand_beside_a_rule_and_are_no_rule(tmp_path: Path) -> None:
    path = write(tmp_path)
    beside = write(
        tmp_path,
        '[[example]]\nverdict = "unknown"\nfindings = [{ subject = "a" }]\n[example.tables]\ncoverage = []\n',
        "my-rule.examples.toml",
    )
    (rule,) = load_rules([tmp_path], builtin=False)
    assert len(rule.examples) == 2  # a check does not read them
    more = with_all_examples(rule).examples[2]
    assert (more.path, more.line, more.findings) == (beside, 1, ({"subject": "a"},))
    assert with_all_examples(load_rule(path)).examples[:2] == rule.examples
    beside.write_text("id = 'my-rule'\n")
    with pytest.raises(RuleError, match="unknown key id"):
        with_all_examples(rule)
