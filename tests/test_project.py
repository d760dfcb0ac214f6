"""The project file: read strictly, found where a team would look for it."""

from __future__ import annotations

import shutil
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import analyzer as bk
from analyzer.errors import ProjectError
from analyzer.project import find_project, load_project, parse_project
from analyzer.starting import start_project

WHOLE = """\
config = "conf/buildkitd.toml"
daemon-flags = "--debug"
effective = ["given.toml"]
rules = ["rules"]
select = ["mirrors"]
ignore = ["mirror-healthy"]
fail-on = "warning"
allow-unknown = true
require-proof = false
buildkit-version = ">=0.16"
baseline = "known.json"

[severity]
mirror-served = "info"

[[waivers]]
rule = "mirror-served"
subject = "docker.io"
reason = "it is being filled"
expires = 2027-01-31
"""


def test_every_key_is_read() -> None:
    project = parse_project(WHOLE, "team/buildkit-analyzer.toml")
    assert project.config == "team/conf/buildkitd.toml"
    assert project.daemon_flags == ("--debug",)
    assert project.effective == ("team/given.toml",)
    assert project.rules == ("team/rules",)
    assert (project.select, project.ignore) == (("mirrors",), ("mirror-healthy",))
    assert (project.fail_on, project.allow_unknown, project.require_proof) == ("warning", True, False)
    assert project.required is not None
    assert (project.required.text, project.required.line) == (">=0.16", 10)
    assert project.baseline == "team/known.json"
    assert project.severity == {"mirror-served": "info"}
    [waiver] = project.waivers
    assert (waiver.rule, waiver.subject, waiver.expires) == ("mirror-served", "docker.io", date(2027, 1, 31))
    assert (waiver.file, waiver.line) == ("team/buildkit-analyzer.toml", 16)


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ('fail-no = "error"', "p.toml:1:1", "did you mean fail-on?"),
        ('\nfail-on = "errors"', "p.toml:2:1", "one of error, warning, info, never"),
        ("config = 1", "p.toml:1:1", "config must be a text"),
        ('config = ""', "p.toml:1:1", "config must be a text"),
        ('config = "a\\u001bb"', "p.toml:1:1", "control or hidden characters"),
        ('allow-unknown = "yes"', "p.toml:1:1", "true or false"),
        ('buildkit-version = "new"', "p.toml:1:1", '">=0.16, <0.33"'),
        ("select = {}", "p.toml:1:1", "a list of texts"),
        ("severity = 1", "p.toml:1:1", "must be a table"),
        ('[severity]\nmirror-served = "high"', "p.toml:2:1", "one of error, warning, info"),
        ('waivers = "all"', "p.toml:1:1", "[[waivers]]"),
        ('[[waivers]]\nrule = "a"\nreason = "b"', "p.toml:1:1", "the waiver has no expires"),
        (
            '[[waivers]]\nrule = "a"\nreason = "b"\nexpires = "2027-01-31"',
            "p.toml:4:1",
            "expires = 2027-01-31",
        ),
        (
            '[[waivers]]\nrule = "a"\nreason = "b"\nexpires = 2027-01-31T10:00:00Z',
            "p.toml:4:1",
            "must be a date",
        ),
        ('[[waivers]]\nrule = "a"\nwhy = "b"', "p.toml:3:1", "unknown key why"),
        ("[[", "p.toml:1", "not TOML"),
        ("a = " + "[" * 99, "p.toml:1", "nested"),
    ],
)
def test_a_fault_is_told_with_its_place(text: str, place: str, says: str) -> None:
    with pytest.raises(ProjectError) as caught:
        parse_project(text, "p.toml")
    assert str(caught.value).startswith(f"{place}")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('[[waivers]]\nrule = "mirror-servd"\nreason = "a"\nexpires = 2027-01-31', "p.toml:2:1"),
        ('[severity]\nmirror-servd = "info"', "p.toml:2:1"),
    ],
)
def test_a_rule_that_does_not_exist_is_no_silence(text: str, place: str) -> None:
    with pytest.raises(ProjectError, match="did you mean mirror-served") as caught:
        parse_project(text, "p.toml").load_rules()
    assert caught.value.where == place


def test_severities_are_those_of_the_project() -> None:
    project = parse_project('[severity]\nmirror-served = "info"', "p.toml")
    by_id = {rule.id: rule.severity for rule in project.load_rules()}
    assert (by_id["mirror-served"], by_id["network-mode"]) == ("info", "error")


def test_the_nearest_file_is_found_but_none_beyond_the_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer, inner, deep = (
        tmp_path / "outer",
        tmp_path / "outer" / "inner",
        tmp_path / "outer" / "inner" / "a" / "b",
    )
    deep.mkdir(parents=True)
    (outer / "buildkit-analyzer.toml").write_text('fail-on = "never"\n')
    monkeypatch.chdir(deep)
    assert find_project().fail_on == "never"
    (inner / ".git").mkdir()
    assert find_project().file is None
    (inner / "pyproject.toml").write_text('[project]\nname = "a"\n')
    assert find_project().file is None
    (inner / "pyproject.toml").write_text('[tool.buildkit-analyzer]\nfail-on = "info"\nconfig = "c.toml"\n')
    found = find_project()
    assert (found.file, found.fail_on, found.config) == ("../../pyproject.toml", "info", "../../c.toml")
    (inner / "buildkit-analyzer.toml").write_text('fail-on = "error"\n')
    assert find_project().fail_on == "error"


def test_a_pyproject_that_others_are_to_mend_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[[")
    (tmp_path / ".git").mkdir()
    assert find_project(tmp_path).file is None


def test_a_file_that_is_named_must_be_there_and_hold_something(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="cannot be read"):
        load_project(tmp_path / "gone.toml")
    (tmp_path / "pyproject.toml").write_text("[tool]\n")
    with pytest.raises(ProjectError, match="no table"):
        load_project(tmp_path / "pyproject.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff")
    with pytest.raises(ProjectError, match="not UTF-8"):
        load_project(tmp_path / "b.toml")


@given(st.text(max_size=60))
def test_no_text_is_more_than_an_error(text: str) -> None:
    with suppress(ProjectError):
        parse_project(text, "p.toml")


@pytest.mark.parametrize("name", ["mirror-used", "mirror-path", "network-mismatch", "keypair-ok"])
def test_what_init_writes_can_be_used(repository: Path, tmp_path: Path, name: str) -> None:
    config = tmp_path / "conf" / "buildkitd.toml"
    config.parent.mkdir()
    shutil.copy(repository / "sample_logs" / name / "buildkitd.toml", config)
    target = tmp_path / "buildkit-analyzer.toml"
    target.write_text(start_project(str(config), str(target)))
    project = load_project(target)
    assert project.config == str(config)
    project.load_rules()
    keys = [line[2:] for line in target.read_text().splitlines() if line.startswith("# ") and " = " in line]
    # what is commented out is right too
    text = "".join(
        f"{line}\n" for line in keys if not line.startswith(("rule ", "subject", "reason", "expires"))
    )
    parse_project("\n".join(line for line in text.splitlines() if "mirror-healthy =" not in line), "p.toml")


def test_a_hostile_configuration_stays_a_comment(tmp_path: Path) -> None:
    config = tmp_path / 'b"uildkitd\n.toml'
    config.write_text('debug = true\n[registry."a\\nfail-on = 1"]\nmirrors = ["b\\u001b[31m"]\n')
    target = tmp_path / "p.toml"
    text = start_project(str(config), str(target))
    assert parse_project(text.replace('\\n.toml"', '.toml"'), str(target)).fail_on == "error"


def test_the_library_knows_projects_too(repository: Path, tmp_path: Path) -> None:
    sample = repository / "sample_logs" / "mirror-fallback"
    for name in ("buildkitd.log", "buildkitd.toml"):
        shutil.copy(sample / name, tmp_path)
    file = tmp_path / "buildkit-analyzer.toml"
    file.write_text(
        'config = "buildkitd.toml"\nselect = ["mirror-served"]\n[[waivers]]\nrule = "mirror-served"\n'
        'reason = "known"\nexpires = 2027-01-31\n'
    )
    log = bk.read(tmp_path / "buildkitd.log")
    last, after = date(2027, 1, 31), date(2027, 2, 1)
    report = bk.check(log, project=file, today=last)
    assert (report.verdict("mirror-served"), report.exit_code) == ("waived", 0)
    report = bk.check(log, project=bk.load_project(file), today=after)
    assert (report.verdict("mirror-served"), report.verdict("waivers-current")) == ("fail", "fail")
    assert report.exit_code == 1
