from __future__ import annotations

import pytest

from analyzer.errors import UsageError
from analyzer.intent import explain, parse_config

TEXT = """
[registry."docker.io"]
mirrors = ["m:5000/hub"]
[registry."m:5000"]
ca = ["/ca.pem"]
"""


def test_an_image_is_explained_host_by_host() -> None:
    mirror, upstream = explain(parse_config(TEXT), "alpine:3.20")
    assert mirror.manifest_url == "https://m:5000/v2/hub/library/alpine/manifests/3.20?ns=docker.io"
    assert mirror.blob_url.startswith("https://m:5000/v2/hub/library/alpine/blobs/sha256:")
    assert (mirror.security, mirror.trust, mirror.namespace) == ("tls", ("/ca.pem",), "docker.io")
    assert str(mirror.listed_at) == "buildkitd.toml:3:12"
    assert str(mirror.settings_at) == "buildkitd.toml:4:1"
    assert upstream.manifest_url == "https://registry-1.docker.io/v2/library/alpine/manifests/3.20"
    assert upstream.namespace is None


@pytest.mark.parametrize(
    ("settings", "security"),
    [
        ("", "tls"),
        ("insecure = true", "tls-unverified"),
        ("http = true", "plain"),
        ("http = true\ninsecure = true", "tls-unverified-then-plain"),
    ],
)
def test_how_safe_a_host_is(settings: str, security: str) -> None:
    (host,) = explain(parse_config(f'[registry."r:1"]\n{settings}'), "r:1/a")
    assert host.security == security


def test_a_digest_is_asked_by_digest() -> None:
    digest = "sha256:" + "a" * 64
    (host,) = explain(parse_config(""), f"ghcr.io/a/b:1@{digest}")
    assert host.manifest_url == f"https://ghcr.io/v2/a/b/manifests/{digest}"


def test_no_reference_is_refused() -> None:
    with pytest.raises(UsageError):
        explain(parse_config(""), "https://x")
