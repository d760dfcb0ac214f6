from __future__ import annotations

import pytest

from analyzer.intent import parse_config, rewrite_for_buildx
from analyzer.intent.differences import compare
from tests.comparing import HOST, only, told


def test_buildx_moves_certificates() -> None:
    meant = f'{HOST}ca = ["certs/ca.pem"]\n[[registry."mirror.example.com".keypair]]\nkey = "k"\ncert = "c"\n'
    effective = rewrite_for_buildx(parse_config(meant))
    rows = compare(parse_config(meant), effective, driver="docker-container")
    assert {(row.cause, row.agrees, row.certificate) for row in rows} == {("rewritten", True, True)}
    assert [row.setting for row in rows] == [
        'registry."mirror.example.com".ca',
        'registry."mirror.example.com".keypair[0].cert',
        'registry."mirror.example.com".keypair[0].key',
    ]
    old = compare(parse_config(meant), effective, driver="docker-container", buildx_version="v0.6.0")
    assert {row.agrees for row in old} == {False}


def test_files_of_one_name_overwrite_each_other() -> None:
    meant = f'{HOST}ca = ["a/x.pem", "b/x.pem", "c/y.pem"]\nkeypair = [{{key = "k/x.pem"}}]'
    effective = rewrite_for_buildx(parse_config(meant))
    rows = compare(parse_config(meant), effective)
    assert [(row.intended, row.cause, row.agrees) for row in rows] == [
        ("a/x.pem", "collision", False),
        ("b/x.pem", "collision", False),
        ("c/y.pem", "rewritten", True),
        ("k/x.pem", "collision", False),
    ]
    assert rows[0].message.endswith(
        'buildx copies "a/x.pem" and "b/x.pem" and "k/x.pem" to one file, '
        '/etc/buildkit/certs/mirror.example.com/x.pem: "k/x.pem" overwrote the others'
    )


def test_files_of_two_sections_may_overwrite_each_other() -> None:
    meant = '[registry."m:5000"]\nca = ["a/x"]\n[registry."m_5000"]\nca = ["b/x"]\n'
    rows = compare(parse_config(meant), rewrite_for_buildx(parse_config(meant)))
    assert [(row.subject, row.cause) for row in rows] == [
        ("registry m:5000", "collision"),
        ("registry m_5000", "collision"),
    ]
    assert "which one is chance" in rows[0].message


def test_one_file_written_in_two_ways_is_one_file() -> None:
    meant = f'{HOST}ca = ["certs/ca.pem", "./certs/ca.pem"]'
    rows = compare(parse_config(meant), rewrite_for_buildx(parse_config(meant)))
    assert {row.cause for row in rows} == {"rewritten"}


def test_without_buildx_nothing_collides() -> None:
    meant = f'{HOST}ca = ["/a/x", "/b/x"]'
    assert {cause for _, cause, _ in told(meant, meant)} == {"same"}


def test_a_relative_path_may_be_the_same_file() -> None:
    row = only(f'{HOST}ca = ["certs/ca.pem"]', f'{HOST}ca = ["/srv/ca.pem"]')
    assert row.agrees is None
    other = only(f'{HOST}ca = ["certs/ca.pem"]', f'{HOST}ca = ["/srv/root.pem"]')
    assert (other.cause, other.agrees) == ("edited", False)


@pytest.mark.parametrize("driver", ["docker-container", "kubernetes"])
def test_folders_are_not_copied(driver: str) -> None:
    meant = f'{HOST}tlsconfigdir = ["/srv/certs"]'
    row = only(meant, meant, driver=driver)
    assert (row.cause, row.agrees, row.certificate) == ("not-copied", False, True)
    assert told(meant, meant) == [('registry."mirror.example.com".tlsconfigdir', "same", True)]
    assert told(meant, meant, driver="remote")[0][1] == "same"


def test_a_folder_that_copies_fill_is_there() -> None:
    meant = f'{HOST}ca = ["a.crt"]\ntlsconfigdir = ["/etc/buildkit/certs/mirror.example.com"]'
    effective = rewrite_for_buildx(parse_config(meant))
    rows = compare(parse_config(meant), effective, driver="docker-container")
    assert [row.cause for row in rows] == ["rewritten", "same"]


def test_a_rewritten_path_gives_buildx_away() -> None:
    meant = f'{HOST}ca = ["a.crt"]\ntlsconfigdir = ["/srv"]\n[worker.oci]\ncniConfigPath = "/srv/cni.json"'
    rows = compare(parse_config(meant), rewrite_for_buildx(parse_config(meant)))
    assert [(row.cause, row.agrees) for row in rows] == [
        ("not-copied", None),  # the image may hold it
        ("rewritten", True),
        ("not-copied", False),
    ]


def test_many_files_are_told_in_few_words() -> None:
    paths = ", ".join(f'"d{number}/ca.pem"' for number in range(1000))
    meant = parse_config(f"{HOST}ca = [{paths}]")
    rows = compare(meant, rewrite_for_buildx(meant))
    assert len(rows) == 1000
    assert "996 others" in rows[0].message
    assert len(rows[0].message) < 1000
