from __future__ import annotations

import pytest

from tests.comparing import CNI, HOST, MIRROR, diff, only, told


def test_a_misspelt_key_in_the_loaded_file() -> None:
    row = only(MIRROR, '# a\n[registry."docker.io"]\nmirror = ["mirror.example.com"]')
    assert (row.cause, row.agrees) == ("misspelt", False)
    assert (row.effective, row.effective_file, row.effective_line) == (
        None,
        "/etc/buildkit/buildkitd.toml",
        3,
    )
    assert '/etc/buildkit/buildkitd.toml:3 writes registry."docker.io".mirror,' in row.message


def test_a_misspelt_key_in_the_intended_file() -> None:
    text = '[registry."docker.io"]\nmirror = ["mirror.example.com"]'
    row = only(text, text)
    assert (row.setting, row.cause, row.agrees) == ('registry."docker.io".mirrors', "misspelt", False)
    assert (row.intended, row.effective, row.intended_line) == ("mirror.example.com", None, 2)
    assert told(text, MIRROR) == [('registry."docker.io".mirrors', "misspelt", True)]
    other = MIRROR.replace("mirror.", "m.")
    assert told(text, other) == [('registry."docker.io".mirrors', "misspelt", False)]


@pytest.mark.parametrize(
    "given",
    [
        '[registry."registry-1.docker.io"]\nmirrors = ["mirror.example.com"]',
        "[registry.docker.io]\nmirrors = ['mirror.example.com']",
        "[registri.'docker.io']\nmirrors = ['mirror.example.com']",
    ],
)
def test_a_section_of_another_name(given: str) -> None:
    rows = {row.setting: row for row in diff(MIRROR, given)}
    row = rows['registry."docker.io".mirrors']
    assert (row.cause, row.agrees) == ("misspelt", False)


def test_a_key_in_a_table_that_does_not_know_it() -> None:
    row = only(CNI, 'networkMode = "cni"')
    assert (row.cause, row.effective_line) == ("misspelt", 1)
    # another key of that name that says something else explains nothing
    assert only(CNI, 'debug = false\nnetworkMode = "host"').cause == "edited"


def test_a_misspelt_certificate_is_in_no_table_of_certificates() -> None:
    text = f'{HOST}cacert = ["a.pem"]'
    row = only(text, text)
    assert (row.setting, row.certificate) == ('registry."mirror.example.com".ca', False)
    assert only(f'{HOST}ca = ["a.pem"]', text).certificate


def test_some_versions_heed_the_case_of_a_key() -> None:
    given = '[registry."docker.io"]\nMirrors = ["mirror.example.com"]'
    assert {row.agrees for row in diff(MIRROR, given)} == {True}
    assert only(MIRROR, given, version="v0.17.3").cause == "misspelt"
    assert {row.agrees for row in diff(MIRROR, given, version="v0.28.0")} == {True}


def test_a_key_that_the_version_does_not_know() -> None:
    text = "[history]\nmaxEntries = 5"
    row = only(text, text, version="v0.10.6")
    assert (row.cause, row.agrees) == ("not-in-version", False)
    assert "came with BuildKit v0.11" in row.message
    assert {row.cause for row in diff(text, text, version="v0.12.5")} == {"same"}


def test_a_level_said_in_two_ways_for_two_versions() -> None:
    text = 'debug = true\n[log]\nlevel = "debug"'
    assert {row.agrees for row in diff(text, text, version="v0.17.3")} == {True}
    level = '[log]\nlevel = "debug"'
    assert only(level, level, version="v0.17.3").cause == "not-in-version"
