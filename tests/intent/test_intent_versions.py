from __future__ import annotations

import pytest

from analyzer.intent.versions import NEWEST, Version, parse_version, print_version


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("v0.17.3", (0, 17, 3)),
        ("0.9", (0, 9, 0)),
        (" v0.32.2-rootless", (0, 32, 2)),
        ("v0.13.0-rc1", (0, 13, 0)),
        ("20.10.24", (20, 10, 24)),
        ("buildx-stable-1", NEWEST),
        ("", NEWEST),
        (None, NEWEST),
    ],
)
def test_versions_are_read(text: str | None, version: Version) -> None:
    assert parse_version(text) == version


def test_versions_are_printed_as_buildkit_does() -> None:
    assert print_version((0, 12, 0)) == "v0.12"
    assert print_version((0, 13, 2)) == "v0.13.2"
