from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from analyzer.checks import RuleResult
from analyzer.checks.facts import known_specs
from analyzer.intent import parse_config, rewrite_for_buildx
from analyzer.intent.conformance import quote
from tests.comparing import HOST, tables_of

Judge = Callable[..., RuleResult]
RULE = "certificate-paths"
FOLDER = "/etc/buildkit/certs/mirror.example.com"
TWO = f'{HOST}ca = ["old/ca.pem", "new/ca.pem"]\n'
COPIED = f'{HOST}ca = ["certs/ca.pem"]\ntlsconfigdir = ["/srv/certs"]\n'


def built(text: str) -> str:
    """The file as buildx writes it, as far as certificates go."""
    lines = []
    for name, section in rewrite_for_buildx(parse_config(text)).registries.items():
        pairs = ", ".join(
            f"{{cert = {quote(pair.cert)}, key = {quote(pair.key)}}}" for pair in section.keypair
        )
        folders = ", ".join(map(quote, section.tlsconfigdir))
        lines += [f"[registry.{quote(name)}]", f"ca = [{', '.join(map(quote, section.ca))}]"]
        lines += [f"keypair = [{pairs}]", f"tlsconfigdir = [{folders}]"]
    return "\n".join(lines)


def verdicts(judge: Judge, tables: dict[str, Any]) -> dict[str, tuple[str, str]]:
    result = judge(RULE, tables)
    return {finding.subject: (finding.verdict, finding.evidence) for finding in result.findings}


def alone(tables: dict[str, Any]) -> dict[str, Any]:
    """The tables of a program that does not compare setting by setting."""
    return {name: table for name, table in tables.items() if name != "configuration_differences"}


@pytest.mark.parametrize("only_tables", [False, True])
@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        (f'{HOST}ca = ["certs/ca.pem"]', "pass"),
        (f'{HOST}ca = ["certs/ca.pem", "./certs/ca.pem"]', "pass"),
        (f'{HOST}ca = ["certs/ca.pem"]\nkeypair = [{{cert = "c.pem", key = "k.pem"}}]', "pass"),
        (f'{HOST}ca = ["certs/ca.pem"]\nkeypair = [{{cert = "c/ca.pem", key = "k.pem"}}]', "fail"),
        (f'{HOST}keypair = [{{cert = "a/x", key = "b/x"}}]', "fail"),
        (TWO, "fail"),
        (COPIED, "fail"),
        (f'{HOST}ca = ["certs/ca.crt"]\ntlsconfigdir = ["{FOLDER}"]\n', "pass"),
    ],
)
def test_what_buildx_makes_of_a_file(judge: Judge, text: str, verdict: str, *, only_tables: bool) -> None:
    tables = tables_of(text, built(text))
    found = verdicts(judge, alone(tables) if only_tables else tables)
    assert found == {"mirror.example.com": (verdict, "proof")}


def test_a_collision_names_both_files_and_the_one_that_stayed(judge: Judge) -> None:
    (found,) = judge(RULE, tables_of(TWO, built(TWO))).findings
    assert found.message == (
        f'registry."mirror.example.com".ca: meant old/ca.pem, loaded {FOLDER}/ca.pem: buildx copies "old/ca.pem" and '
        f'"new/ca.pem" to one file, {FOLDER}/ca.pem: "new/ca.pem" overwrote the other. Give the files names of their '
        'own, and create the builder anew: "old/ca.pem", "new/ca.pem". (and 1 more)'
    )
    assert (found.source, found.lines) == ("b.toml", (2,))
    (by_tables,) = judge(RULE, alone(tables_of(TWO, built(TWO)))).findings
    assert f"buildx copies it and new/ca.pem to one file, {FOLDER}/ca.pem" in by_tables.message


@pytest.mark.parametrize("only_tables", [False, True])
def test_two_sections_may_share_a_folder(judge: Judge, *, only_tables: bool) -> None:
    text = (
        '[registry."m:5000"]\nca = ["a/x"]\n[registry."m_5000"]\nca = ["b/x"]\n[registry."n"]\nca = ["a/x"]\n'
    )
    tables = tables_of(text, built(text))
    found = verdicts(judge, alone(tables) if only_tables else tables)
    assert {subject: verdict for subject, (verdict, _) in found.items()} == {
        "m:5000": "fail",
        "m_5000": "fail",
        "n": "pass",
    }


def test_without_buildx_two_files_of_one_name_are_two(judge: Judge) -> None:
    text = f'{HOST}ca = ["/a/ca.pem", "/b/ca.pem"]\n'
    assert verdicts(judge, tables_of(text, text)) == {"mirror.example.com": ("pass", "proof")}


def test_a_folder_is_left_behind_where_buildx_made_the_builder(judge: Judge) -> None:
    text = f'{HOST}tlsconfigdir = ["/srv/certs"]\n'
    assert verdicts(judge, tables_of(text, text)) == {"mirror.example.com": ("pass", "proof")}
    by_buildx = tables_of(text, text, driver="docker-container")
    assert verdicts(judge, by_buildx) == {"mirror.example.com": ("fail", "proof")}
    (found,) = judge(RULE, by_buildx).findings
    assert "buildx does not copy what tlsconfigdir names" in found.message


def test_files_seen_in_the_folder_clear_it(judge: Judge) -> None:
    spec = known_specs()["certificate_files"]
    for path, verdict in (("/srv/certs/ca.crt", "pass"), ("/srv/certs2/ca.crt", "fail")):
        rows = spec.build([{"path": path, "exists": True, "kind": "ca"}])
        tables = {**tables_of(COPIED, built(COPIED)), "certificate_files": rows}
        assert judge(RULE, tables).verdict == verdict


def test_a_path_with_no_counterpart_tells_why(judge: Judge) -> None:
    text = f'{HOST}ca = ["certs/ca.pem"]\n'
    (found,) = judge(RULE, tables_of(text, f'{HOST}cacert = ["/srv/ca.pem"]\n')).findings
    assert found.verdict == "fail"
    assert 'writes registry."mirror.example.com".cacert, and the daemon does not read that' in found.message
    (doubtful,) = judge(RULE, tables_of(text, f'{HOST}ca = ["/srv/ca.pem"]\n')).findings
    assert (doubtful.verdict, doubtful.evidence) == ("unknown", "none")
    assert "it may be the same file" in doubtful.message


def test_without_an_intended_configuration_nothing_was_meant(judge: Judge) -> None:
    tables = {name: table for name, table in tables_of("", TWO).items() if name.startswith("effective")}
    result = judge(RULE, tables)
    assert result.verdict == "skipped"
    assert "--config" in result.reason
