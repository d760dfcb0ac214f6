"""Each command once in earnest, on a small log."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest


def test_check_passes_what_the_mirror_served(run: Any, from_mirror: Path, config: Path) -> None:
    code, out, err = run("check", from_mirror, "--config", config)
    assert code == 0, out
    assert err == ""
    assert "PASS      mirror-served" in out


def test_check_fails_what_upstream_served(run: Any, from_upstream: Path, config: Path) -> None:
    code, out, _ = run("check", from_upstream, "--config", config, "--format", "json")
    document = json.loads(out)
    assert code == 1
    assert document["summary"]["exit_code"] == 1
    verdicts = {rule["id"]: rule["verdict"] for rule in document["rules"]}
    assert verdicts["mirror-served"] == "fail"
    [finding] = [f for f in document["findings"] if f["rule"] == "mirror-served"]
    assert finding["subject"] == "docker.io"
    assert finding["evidence"] == "proof"
    assert set(finding["lines"]) & {8, 9}
    assert document["sources"][0]["name"] == str(from_upstream)


def test_check_options_change_the_verdict(run: Any, from_upstream: Path, config: Path) -> None:
    standard = ("check", from_upstream, "--config", config)
    assert run(*standard, "--fail-on", "never")[0] == 0
    assert run(*standard, "--ignore", "mirror-served", "--select", "debug-enabled")[0] == 0
    code, out, _ = run(*standard, "--select", "debug-enabled", "-f", "json")
    assert (code, [rule["id"] for rule in json.loads(out)["rules"]]) == (0, ["debug-enabled"])


def test_check_without_debug_lines_is_unknown(run: Any, from_mirror: Path, config: Path) -> None:
    lines = from_mirror.read_text().splitlines(keepends=True)
    from_mirror.write_text("".join(line for line in lines if "level=debug" not in line))
    assert run("check", from_mirror, "--config", config)[0] == 3
    assert run("check", from_mirror, "--config", config, "--allow-unknown")[0] == 0


def test_check_takes_flags_for_what_was_meant(run: Any, from_mirror: Path, config: Path) -> None:
    for given in ((), ("--config", config)):
        flags = ("--daemon-flags", "--oci-worker-net=bridge")
        _, out, _ = run("check", from_mirror, *given, *flags, "--select", "network-mode", "-f", "json")
        assert json.loads(out)["rules"][0]["verdict"] == "fail"


def test_check_says_when_there_is_nothing(run: Any, tmp_path: Path) -> None:
    (tmp_path / "empty.log").write_text("")
    code, out, _ = run("check", tmp_path / "empty.log")
    assert code == 3
    assert "Exit 3: the input held no BuildKit record." in out


A_FORMAT = [
    "terminal",
    "sarif",
    *(
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("json", "junit", "github", "gitlab", "markdown", "html")
    ),
]


@pytest.mark.parametrize("name", A_FORMAT)
def test_check_writes_each_format_to_a_file(
    run: Any, from_upstream: Path, config: Path, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "report"
    code, out, _ = run("check", from_upstream, "--config", config, "--format", name, "--output", target)
    assert (code, out) == (1, "")
    assert "mirror-served" in target.read_text(encoding="utf-8")
    assert not [entry for entry in os.listdir(tmp_path) if "partial" in entry]


@pytest.mark.parametrize("name", A_FORMAT)
def test_no_control_character_of_a_log_gets_out(
    run: Any, from_upstream: Path, config: Path, name: str
) -> None:
    hostile = r"library/\x1b[2J\u202e\n::error::x[link=x]"
    from_upstream.write_text(from_upstream.read_text().replace("library/alpine", hostile))
    code, out, _ = run("check", from_upstream, "--config", config, "--format", name)
    assert code in (0, 1, 3)
    assert all(line.isprintable() for line in out.split("\n"))
    assert not [line for line in out.split("\n") if line.startswith("::error::x")]


@pytest.mark.parametrize("arguments", [("spans",), ("show", "requests"), ("show", "records")])
def test_no_control_character_of_a_log_is_shown(
    run: Any, from_upstream: Path, arguments: tuple[str, ...]
) -> None:
    text = from_upstream.read_text().replace("library/alpine", r"library/\x1b[2J\u202e\n")
    from_upstream.write_text(text.replace("spanID=02", r'span="resolving \x1b[2J\u202e\n" spanID=02'))
    command, *table = arguments
    code, out, _ = run(command, from_upstream, *table)
    assert code == 0
    assert r"\x1b[2J" in out
    assert all(line.isprintable() for line in out.split("\n"))


def test_check_two_runs_give_the_same_bytes(run: Any, from_upstream: Path, config: Path) -> None:
    first = run("check", from_upstream, "--config", config, "--format", "json")
    assert run("check", from_upstream, "--config", config, "--format", "json") == first


def test_query_answers_in_json(run: Any, from_mirror: Path) -> None:
    sql = "SELECT host, count(*) AS n, count(status_code) AS answered FROM requests GROUP BY host"
    code, out, err = run("query", from_mirror, sql, "--format", "json")
    assert (code, err) == (0, "")
    assert json.loads(out) == [{"host": "mirror.example.com", "n": 1, "answered": 1}]


def test_query_reaches_the_records(run: Any, from_mirror: Path) -> None:
    code, out, _ = run("query", from_mirror, "SELECT count(*) AS n FROM Records", "-f", "csv")
    assert (code, out) == (0, "n\n10\n")


def test_query_refuses_what_is_no_question(run: Any, from_mirror: Path) -> None:
    for sql in ("SELECT nothing FROM requests", "DROP TABLE requests", "SELECT * FROM '/etc/passwd'"):
        code, out, err = run("query", from_mirror, sql)
        assert (code, out) == (2, "")
        assert err.startswith("error: ")


def test_query_takes_words_that_are_not_utf8(run: Any, from_mirror: Path) -> None:
    code, out, _ = run("query", from_mirror, "SELECT '\udcff' AS x", "-f", "csv")
    assert code == 0
    assert out.startswith("x\n")


def test_show_prints_a_table(run: Any, from_mirror: Path, config: Path) -> None:
    code, out, _ = run("show", from_mirror, "pulls", "--config", config, "--format", "json")
    assert code == 0
    assert [row["served_by"] for row in json.loads(out)] == ["mirror.example.com"]
    code, out, _ = run("show", from_mirror, "records", "--format", "json")
    assert [row["line"] for row in json.loads(out)] == list(range(1, 11))


def test_show_names_the_tables(run: Any, from_mirror: Path) -> None:
    code, _, err = run("show", from_mirror, "pullz")
    assert code == 2
    assert "did you mean pulls?" in err
    assert "records" in err


def test_spans_show_requests_with_hosts(run: Any, from_mirror: Path) -> None:
    code, out, _ = run("spans", from_mirror)
    assert code == 0
    assert "200       GET layer from mirror.example.com (mirror)" in out


def test_export_is_whole(run: Any, from_mirror: Path, tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    code, out, err = run("export", from_mirror, tmp_path / "out")
    assert (code, out) == (0, "")
    assert "tables" in err
    assert pq.read_table(tmp_path / "out" / "records").num_rows == 10


def test_explain_names_hosts_in_order(run: Any, config: Path) -> None:
    code, out, _ = run("explain", "alpine:3.20", "--config", config, "--format", "json")
    assert code == 0
    assert [host["host"] for host in json.loads(out)["hosts"]] == [
        "mirror.example.com",
        "registry-1.docker.io",
    ]
    code, out, _ = run("explain", "alpine:3.20", "--config", config)
    assert f"listed{config}:2:14" in "".join(out.split())


def test_explain_refuses_what_is_no_reference(run: Any) -> None:
    assert run("explain", "https://not a reference")[0] == 2


def test_lint_finds_a_misspelt_key(run: Any, tmp_path: Path) -> None:
    path = tmp_path / "buildkitd.toml"
    path.write_text('[registry."docker.io"]\n  mirror = ["mirror.example.com"]\n')
    code, out, _ = run("lint", path)
    assert code == 1
    assert f"{path}:2:3" in "".join(out.split())
    assert "mirrors" in out
    assert run("lint", path, "--fail-on", "never")[0] == 0
    document = json.loads(run("lint", path, "--format", "json")[1])
    assert document["findings"][0]["line"] == 2


def test_lint_is_content_with_a_good_file(run: Any, config: Path) -> None:
    assert run("lint", config)[:2] == (0, "nothing to complain about\n")


def test_lint_cannot_read_nonsense(run: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[[[")
    code, out, err = run("lint", tmp_path / "bad.toml")
    assert (code, out) == (2, "")
    assert "bad.toml:1" in err


def test_rules_are_listed_and_shown(run: Any) -> None:
    code, out, _ = run("rules", "list", "--format", "json")
    ids = [rule["id"] for rule in json.loads(out)]
    assert code == 0
    assert "mirror-served" in ids
    code, out, _ = run("rules", "show", "mirror-served")
    assert code == 0
    assert "\nexpect\n" in out
    assert json.loads(run("rules", "show", "mirror-served", "-f", "json")[1])["id"] == "mirror-served"
    assert run("rules", "show", "mirror-servd")[0] == 2
    assert run("rules")[0] == 2


def test_rules_have_a_schema(run: Any) -> None:
    code, out, _ = run("rules", "schema")
    assert code == 0
    assert json.loads(out)["type"] == "object"


def test_a_new_rule_loads_and_lacks_only_examples(run: Any, tmp_path: Path) -> None:
    code, _, _ = run("rules", "new", "no-latest", "--family", "own", "--output", tmp_path / "no-latest.toml")
    assert code == 0
    assert "no-latest" in run("rules", "list", "--rules", tmp_path / "no-latest.toml")[1]


def test_rule_examples_are_judged(run: Any, tmp_path: Path, from_mirror: Path) -> None:
    log = from_mirror.read_text().replace("'", "")
    rule = f"""
id = "own-rule"
title = "Requests are answered"
family = "own"
severity = "warning"
[check]
subjects = "SELECT DISTINCT host AS subject FROM requests"
rows = "SELECT host AS subject, * FROM requests"
expect = "status_code = 200"
message = "{{status_code}}"
[[example]]
verdict = "fail"
log = '''
{log}'''
"""
    (tmp_path / "own-rule.toml").write_text(rule)
    code, out, _ = run("rules", "test", tmp_path / "own-rule.toml")
    assert code == 1
    assert "should be fail, is pass" in " ".join(out.split())
    assert "no example of:" in out
