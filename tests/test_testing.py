"""The pytest plugin, as a test of somebody's own uses it."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import entry_points
from pathlib import Path

import pytest

import analyzer as bk
from analyzer.testing import Buildkit, Checked

pytest_plugins = "pytester"

INSTALLED = any(point.value == "analyzer.testing" for point in entry_points(group="pytest11"))
"""Whether pytest finds the plugin by itself."""

SAMPLES = Path(__file__).resolve().parent.parent / "sample_logs"
PLUGIN = () if INSTALLED else ("-p", "analyzer.testing", "-W", "ignore:Module already imported")


def check(sample: str, **options: object) -> Checked:
    folder = SAMPLES / sample
    return Buildkit().check(folder, config=folder / "buildkitd.toml", **options)  # type: ignore[arg-type]


def run(pytester: pytest.Pytester, code: str, *words: str) -> pytest.RunResult:
    pytester.makepyfile(code)
    return pytester.runpytest_inprocess(*PLUGIN, "-p", "no:cacheprovider", *words)


def test_importing_it_is_cheap() -> None:
    code = (
        "import sys, analyzer.testing; "
        "sys.exit(any(name in sys.modules for name in ('pyarrow', 'duckdb', 'numpy', 'pandas', 'docker', 'typer')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_passing_builder_passes() -> None:
    checked = check("mirror-used")
    checked.assert_pass("mirror-served")
    checked.assert_pass("mirror-served", "tls-trusted")
    checked.assert_pass()
    checked.assert_verdict("keypair-valid", "skipped")
    assert checked.verdict("mirror-served") == "pass"
    assert checked.report.exit_code == 0
    assert set(checked.requests_by_host()) == {"mirror.example.com"}
    assert sum(checked.requests_by_host().values()) == len(checked.table("requests"))
    assert set(checked.answers_by_host()["mirror.example.com"]) == {200}


def test_both_hosts_of_a_fallback_are_counted() -> None:
    checked = check("mirror-partial")
    asked, answers = checked.requests_by_host(), checked.answers_by_host()
    assert set(asked) == {"mirror.example.com", "registry-1.docker.io"}
    assert {host: sum(counts.values()) for host, counts in answers.items()} == asked
    assert answers["mirror.example.com"][404] == 1


def test_a_failure_says_what_a_person_needs() -> None:
    with pytest.raises(AssertionError) as caught:
        check("mirror-partial").assert_pass("mirror-served")
    text = str(caught.value)
    finding = next(one for one in check("mirror-partial").report.findings if one.rule == "mirror-served")
    assert text.splitlines()[0] == "mirror-served does not pass"
    assert "FAIL mirror-served: Pulls of a mirrored registry are served by its mirrors [error]" in text
    assert f"{finding.message} (proven)" in text
    assert str(finding.lines[0]) in text
    assert "buildkitd.log lines " in text
    assert "fix: Give the mirror what it lacks" in text
    assert "see: https://" in text


def test_every_rule_that_fails_is_told_and_no_other() -> None:
    with pytest.raises(AssertionError) as caught:
        check("mirror-partial").assert_pass("mirror-served", "debug-enabled", "mirror-healthy")
    text = str(caught.value)
    assert text.startswith("mirror-served, mirror-healthy do not pass\n")
    assert "debug-enabled" not in text
    with pytest.raises(AssertionError, match=r"\Amirror-served does not pass"):
        check("mirror-partial").assert_pass()  # mirror-healthy is a warning


@pytest.mark.parametrize(
    ("sample", "rule", "verdict"),
    [("debug-off", "mirror-served", "unknown"), ("mirror-used", "keypair-valid", "skipped")],
)
def test_what_is_unknown_or_skipped_does_not_pass(sample: str, rule: str, verdict: str) -> None:
    checked = check(sample)
    assert checked.verdict(rule) == verdict
    with pytest.raises(AssertionError) as caught:
        checked.assert_pass(rule)
    assert f"{verdict.upper()} {rule}: " in str(caught.value)
    checked.assert_verdict(rule, verdict)  # type: ignore[arg-type]


def test_an_unknown_error_rule_does_not_pass_as_a_whole() -> None:
    with pytest.raises(AssertionError, match="UNKNOWN mirror-served"):
        check("debug-off").assert_pass()


@pytest.mark.parametrize("text", ["", "nothing of BuildKit's\n"])
def test_a_log_without_a_record_passes_nothing(tmp_path: Path, text: str) -> None:
    log = tmp_path / "buildkitd.log"
    log.write_text(text)
    with pytest.raises(AssertionError):
        Buildkit().check(log).assert_pass()
    with pytest.raises(AssertionError):
        Buildkit().check(log, config=SAMPLES / "mirror-used" / "buildkitd.toml").assert_pass()


def test_where_nothing_is_judged_nothing_passes() -> None:
    keypair = bk.load_rules(select=["keypair-valid"])
    with pytest.raises(AssertionError, match="no rule of severity error passes"):
        check("mirror-used", rules=keypair).assert_pass()


def test_a_verdict_that_is_another_is_told() -> None:
    check("mirror-partial").assert_verdict("mirror-served", "fail")
    with pytest.raises(AssertionError, match=r"\Amirror-served is not fail\nPASS mirror-served: "):
        check("mirror-used").assert_verdict("mirror-served", "fail")


def test_words_that_do_not_fit_are_told() -> None:
    checked = check("mirror-used")
    with pytest.raises(bk.AnalyzerError, match="'mirror-server' was not judged"):
        checked.assert_pass("mirror-server")
    with pytest.raises(bk.AnalyzerError, match="no verdict 'passed'"):
        checked.assert_verdict("mirror-served", "passed")  # type: ignore[arg-type]
    with pytest.raises(bk.AnalyzerError, match="no table 'pull'"):
        checked.table("pull")
    with pytest.raises(bk.AnalyzerError, match="no source is named"):
        Buildkit().check()


def test_proof_can_be_asked_for() -> None:
    with pytest.raises(AssertionError, match="UNKNOWN mirror-served"):
        check("mirror-used", require_proof=True).assert_pass("mirror-served")


def test_no_control_character_of_a_log_reaches_the_terminal(tmp_path: Path) -> None:
    log = tmp_path / "evil\x1b[2J.log"
    log.write_bytes((SAMPLES / "mirror-partial" / "buildkitd.log").read_bytes())
    checked = Buildkit().check(log, config=SAMPLES / "mirror-partial" / "buildkitd.toml")
    with pytest.raises(AssertionError) as caught:
        checked.assert_pass("mirror-served")
    assert all(line.isprintable() for line in str(caught.value).split("\n"))
    assert r"evil\x1b[2J.log" in str(caught.value)


def test_the_fixture_is_there_and_a_failure_has_no_wall_of_traceback(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        f"""
        FOLDER = {str(SAMPLES)!r}

        def test_used(buildkit):
            buildkit.check(FOLDER + "/mirror-used", config=FOLDER + "/mirror-used/buildkitd.toml").assert_pass()

        def test_partial(buildkit):
            checked = buildkit.check(FOLDER + "/mirror-partial", config=FOLDER + "/mirror-partial/buildkitd.toml")
            checked.assert_pass("mirror-served")
        """,
    )
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        ["E *AssertionError: mirror-served does not pass", "E *FAIL mirror-served: *", "E *fix: *"]
    )
    result.stdout.no_fnmatch_line("*testing.py*")
    result.stdout.no_fnmatch_line("*raise AssertionError*")


@pytest.mark.slow
def test_a_source_that_cannot_be_read_has_no_wall_of_traceback_either(pytester: pytest.Pytester) -> None:
    result = run(
        pytester,
        """
        def test_missing(buildkit):
            buildkit.check("no-such.log")
        """,
    )
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["E *SourceError: no-such.log: *"])
    places = [line for line in result.outlines if re.search(r"\.py:\d+: ", line)]
    assert len(places) == 1  # the test's own line
    result.stdout.no_fnmatch_line("*testing.py*")


# `--option=PATH`: pytest looks for its own files beside a path that stands alone
DEFAULTS = """
def test_defaults(buildkit):
    checked = buildkit.check()
    checked.assert_verdict("mirror-served", "{verdict}")
    assert checked.requests_by_host()["mirror.example.com"]
"""


def test_the_command_line_names_source_and_configuration(pytester: pytest.Pytester) -> None:
    sample = SAMPLES / "mirror-partial"
    words = (f"--buildkit-source={sample}", f"--buildkit-config={sample / 'buildkitd.toml'}")
    run(pytester, DEFAULTS.format(verdict="fail"), *words).assert_outcomes(passed=1)


@pytest.mark.slow
def test_the_configuration_of_pytest_names_them_by_its_own_folder(pytester: pytest.Pytester) -> None:
    sample = SAMPLES / "mirror-used"
    logs = pytester.mkdir("logs")
    for name in ("buildkitd.log", "buildkitd.toml"):
        (logs / name).write_bytes((sample / name).read_bytes())
    pytester.makeini(
        """
        [pytest]
        buildkit_source = logs
        buildkit_config = logs/buildkitd.toml
        """
    )
    inner = pytester.mkdir("inner")
    (inner / "test_inner.py").write_text(DEFAULTS.format(verdict="pass"))
    pytester.chdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(inner)
        pytester.runpytest_inprocess(*PLUGIN, "-c", str(pytester.path / "tox.ini")).assert_outcomes(passed=1)


@pytest.mark.slow
def test_the_command_line_beats_the_configuration_of_pytest(pytester: pytest.Pytester) -> None:
    used, partial = SAMPLES / "mirror-used", SAMPLES / "mirror-partial"
    pytester.makeini(
        f"""
        [pytest]
        buildkit_source = {used}
        buildkit_config = {used / "buildkitd.toml"}
        """
    )
    run(pytester, DEFAULTS.format(verdict="pass")).assert_outcomes(passed=1)
    words = (f"--buildkit-source={partial}",)
    run(pytester, DEFAULTS.format(verdict="fail"), *words).assert_outcomes(passed=1)


@pytest.mark.slow
def test_what_a_test_names_beats_both(pytester: pytest.Pytester) -> None:
    sample = SAMPLES / "mirror-used"
    code = f"""
    def test_named(buildkit):
        buildkit.check({str(sample)!r}, config={str(sample / "buildkitd.toml")!r}).assert_pass("mirror-served")
    """
    run(pytester, code, "--buildkit-source", "builder:none", "--buildkit-config", "no.toml").assert_outcomes(
        passed=1
    )


@pytest.mark.slow
def test_the_options_are_explained(pytester: pytest.Pytester) -> None:
    result = run(pytester, "", "--help")
    result.stdout.fnmatch_lines(["*--buildkit-source=SOURCE*", "*--buildkit-config=FILE*"])
    run(pytester, "", "--fixtures").stdout.fnmatch_lines(["*buildkit*session scope*"])
