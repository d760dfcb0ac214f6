"""The project file on the command line; the words of the command win."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from analyzer.reports import FORMATS

PROJECT = """\
config = "buildkitd.toml"
buildkit-version = ">=0.16"

[severity]
mirror-healthy = "info"

[[waivers]]
rule = "mirror-served"
subject = "docker.io"
reason = "the <mirror> is being filled"
expires = 2027-01-31
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, repository: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("buildkitd.log", "buildkitd.toml"):
        shutil.copy(repository / "sample_logs" / "mirror-fallback" / name, tmp_path)
    (tmp_path / "buildkit-analyzer.toml").write_text(PROJECT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def check(run: Any, *words: str) -> tuple[int, dict[str, Any]]:
    code, out, err = run("check", "buildkitd.log", "--format", "json", "--today", "2027-01-31", *words)
    assert err == ""
    return code, json.loads(out)


def verdicts(document: dict[str, Any]) -> dict[str, str]:
    return {rule["id"]: rule["verdict"] for rule in document["rules"]}


def test_the_project_file_speaks(run: Any) -> None:
    code, document = check(run)
    assert (code, document["project"]) == (0, "buildkit-analyzer.toml")
    told = verdicts(document)
    assert told["mirror-served"] == "waived"
    assert told["buildkit-version-required"] == "pass"
    assert (told["waivers-current"], told["waivers-used"]) == ("pass", "pass")
    [healthy] = [rule for rule in document["rules"] if rule["id"] == "mirror-healthy"]
    assert (healthy["verdict"], healthy["severity"]) == ("fail", "info")


def test_words_win(run: Any, folder: Path) -> None:
    (folder / "buildkit-analyzer.toml").write_text('fail-on = "never"\nallow-unknown = true\n' + PROJECT)
    assert check(run, "--today", "2027-02-01")[0] == 0
    code, document = check(run, "--today", "2027-02-01", "--fail-on", "error")
    assert (code, verdicts(document)["mirror-served"]) == (1, "fail")
    (folder / "other.toml").write_text("debug = true\n")
    code, document = check(run, "--config", "other.toml", "--no-allow-unknown")
    assert verdicts(document)["mirror-served"] == "skipped"


def test_without_a_project(run: Any) -> None:
    code, document = check(run, "--no-project", "--config", "buildkitd.toml")
    assert (code, document["project"], verdicts(document)["mirror-served"]) == (1, None, "fail")
    code, _, err = run("check", "buildkitd.log", "--no-project", "--project", "a.toml")
    assert code == 2
    assert "leave one of them out" in err


def test_a_waiver_fails_loudly_the_day_after_its_last(run: Any) -> None:
    code, document = check(run, "--today", "2027-02-01")
    assert code == 1
    assert (verdicts(document)["mirror-served"], verdicts(document)["waivers-current"]) == ("fail", "fail")
    code, out, _ = run("check", "buildkitd.log", "--today", "2027-02-01")
    assert "the waiver expired: 2027-01-31 was its last day" in " ".join(out.split())


def test_a_baseline_knows_what_was_there_and_only_that(run: Any, folder: Path) -> None:
    common = ("--no-project", "--config", "buildkitd.toml")
    code, document = check(run, *common, "--write-baseline", "known.json", "--fail-on", "info")
    assert (code, verdicts(document)["mirror-served"]) == (0, "waived")
    noted = json.loads((folder / "known.json").read_text())
    assert {finding["rule"] for finding in noted["findings"]} == {"mirror-served", "mirror-healthy"}
    assert check(run, *common, "--baseline", "known.json", "--fail-on", "info")[0] == 0
    noted["findings"] = [finding for finding in noted["findings"] if finding["rule"] != "mirror-served"]
    (folder / "known.json").write_text(json.dumps(noted))
    assert check(run, *common, "--baseline", "known.json")[0] == 1


@pytest.mark.parametrize("name", [name for name in FORMATS if name != "gitlab"])
@pytest.mark.slow
def test_every_format_says_why_a_failure_does_not_count(run: Any, name: str) -> None:
    code, out, _ = run("check", "buildkitd.log", "--today", "2027-01-31", "--format", name)
    assert code == 0
    plain = " ".join(out.replace("&lt;", "<").replace("&gt;", ">").replace("`", "").split())
    if name == "github":
        assert "mirror-served" not in plain
    else:
        assert "<mirror> is being filled (until 2027-01-31)" in plain


@pytest.mark.parametrize("name", ["terminal", "markdown", "html", "json"])
def test_people_see_whose_terms_hold(run: Any, name: str) -> None:
    assert (
        "buildkit-analyzer.toml"
        in run("check", "buildkitd.log", "--select", "network-mode", "--format", name)[1]
    )


def test_a_bad_day_is_told(run: Any) -> None:
    code, _, err = run("check", "buildkitd.log", "--today", "tomorrow")
    assert code == 2
    assert "such as 2027-01-31" in err


def test_init_writes_what_check_reads(run: Any, folder: Path) -> None:
    code, _, err = run("init", "--from", "buildkitd.toml")
    assert code == 2
    assert "--force replaces it" in err
    code, _, err = run("init", "--from", "buildkitd.toml", "--force")
    assert code == 0
    assert "is written" in err
    assert verdicts(check(run)[1])["mirror-served"] == "fail"
    code, out, _ = run("init", "-o", "-")
    assert code == 0
    assert '# config = "buildkitd.toml"' in out
