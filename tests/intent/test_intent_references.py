from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import UsageError
from analyzer.intent import Reference, parse_reference, upstream_host

DIGEST = "sha256:" + "0123456789abcdef" * 4


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("alpine", Reference("docker.io", "library/alpine", "latest", None)),
        ("alpine:3.20", Reference("docker.io", "library/alpine", "3.20", None)),
        ("team/app", Reference("docker.io", "team/app", "latest", None)),
        ("docker.io/alpine", Reference("docker.io", "library/alpine", "latest", None)),
        ("index.docker.io/library/alpine", Reference("docker.io", "library/alpine", "latest", None)),
        ("registry-1.docker.io/library/a", Reference("registry-1.docker.io", "library/a", "latest", None)),
        ("ghcr.io/a/b/c:1", Reference("ghcr.io", "a/b/c", "1", None)),
        ("localhost/app", Reference("localhost", "app", "latest", None)),
        ("localhost:5000/app:x", Reference("localhost:5000", "app", "x", None)),
        ("Upper/app", Reference("Upper", "app", "latest", None)),
        ("[::1]:5000/app", Reference("[::1]:5000", "app", "latest", None)),
        (f"alpine@{DIGEST}", Reference("docker.io", "library/alpine", None, DIGEST)),
        (f"alpine:3@{DIGEST}", Reference("docker.io", "library/alpine", "3", DIGEST)),
        ("docker-image://alpine:3", Reference("docker.io", "library/alpine", "3", None)),
    ],
)
def test_references_as_buildkit_reads_them(text: str, expected: Reference) -> None:
    assert parse_reference(text) == expected


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("https://ghcr.io/a/b", "scheme"),
        ("Alpine", "lower case"),
        ("ghcr.io/Team/app", "lower case"),
        ("alpine:", "tag"),
        ("alpine@sha256:12", "digest"),
        ("a:b:c", "tag"),
        ("", "should read"),
        ("ghcr.io/", "should read"),
        ("a" * 5000, "too long"),
    ],
)
def test_what_is_no_reference_is_refused(text: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_reference(text)
    assert hint in (caught.value.hint or "")


def test_the_host_of_docker_hub() -> None:
    assert upstream_host("docker.io") == "registry-1.docker.io"
    assert upstream_host("ghcr.io") == "ghcr.io"


@settings(deadline=None)
@given(st.text(max_size=60))
def test_a_reference_printed_is_read_back(text: str) -> None:
    try:
        reference = parse_reference(text)
    except UsageError:
        return
    assert parse_reference(str(reference)) == reference
