from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.intent import Host, KeyPair, parse_config
from analyzer.intent.hosts import is_local, mask_credentials, read_mirror
from analyzer.intent.versions import NEWEST

OLD, NEW = "v0.11.6", "v0.12.0"


def hosts(text: str, registry: str = "docker.io", version: str | None = None) -> tuple[Host, ...]:
    return parse_config(text).registry_hosts(registry, version)


def urls(text: str, registry: str = "docker.io", version: str | None = None) -> list[str]:
    return [host.manifest_url("library/a", "1") for host in hosts(text, registry, version)]


def test_mirrors_come_in_their_order_and_upstream_last() -> None:
    found = hosts('[registry."docker.io"]\nmirrors = ["m1", "m2:5000"]')
    assert [(host.position, host.name, host.role) for host in found] == [
        (0, "m1", "mirror"),
        (1, "m2:5000", "mirror"),
        (2, "registry-1.docker.io", "upstream"),
    ]
    assert [(host.pull, host.push, host.namespace) for host in found] == [
        (True, False, "docker.io"),
        (True, False, "docker.io"),
        (True, True, None),
    ]
    assert str(found[1].listed_at) == "buildkitd.toml:2:18"


def test_a_registry_without_section_is_asked_itself() -> None:
    assert urls("", "ghcr.io") == ["https://ghcr.io/v2/library/a/manifests/1"]
    assert urls("") == ["https://registry-1.docker.io/v2/library/a/manifests/1"]


def test_the_key_must_be_equal() -> None:
    assert urls('[registry."registry-1.docker.io"]\nmirrors = ["m"]') == [
        "https://registry-1.docker.io/v2/library/a/manifests/1"
    ]


@pytest.mark.parametrize(
    ("mirror", "version", "url"),
    [
        ("m", None, "https://m/v2/library/a/manifests/1?ns=docker.io"),
        ("m:5000/hub", NEW, "https://m:5000/v2/hub/library/a/manifests/1?ns=docker.io"),
        ("https://m:5000/hub/", NEW, "https://m:5000/v2/hub/library/a/manifests/1?ns=docker.io"),
        ("http://m", NEW, "https://m/v2/library/a/manifests/1?ns=docker.io"),
        ("127.0.0.1:5000", NEW, "http://127.0.0.1:5000/v2/library/a/manifests/1?ns=docker.io"),
        ("m:5000/hub", OLD, "https://m:5000/hub/v2/library/a/manifests/1?ns=docker.io"),
        # As v0.9.3 logged it: Head "https://https//mirror.example.com/v2/...": dial tcp: lookup https.
        ("https://m", OLD, "https://https//m/v2/library/a/manifests/1?ns=docker.io"),
        ("registry-1.docker.io", None, "https://registry-1.docker.io/v2/library/a/manifests/1"),
    ],
)
def test_a_mirror_is_read_as_its_version_reads_it(mirror: str, version: str | None, url: str) -> None:
    assert urls(f'[registry."docker.io"]\nmirrors = ["{mirror}"]', version=version)[0] == url


def test_a_namespace_is_escaped() -> None:
    text = '[registry."r:5000"]\nmirrors = ["m"]'
    assert urls(text, "r:5000") == [
        "https://m/v2/library/a/manifests/1?ns=r%3A5000",
        "https://r:5000/v2/library/a/manifests/1",
    ]


SETTINGS = """
[registry."docker.io"]
mirrors = ["m"]
ca = ["/hub.pem"]
[registry."m"]
ca = ["/m.pem"]
tlsconfigdir = ["/d"]
keypair = [{key = "/k", cert = "/c"}]
"""


def test_a_mirror_has_the_settings_of_its_own_section() -> None:
    mirror, upstream = hosts(SETTINGS)
    assert mirror.trust == ("/m.pem", "/d")
    assert mirror.keypairs == (KeyPair("/k", "/c"),)
    assert mirror.reads == ("/m.pem", "/c", "/k")
    assert "no host of docker.io is asked" in (mirror.note or "")
    assert upstream.trust == ("/hub.pem",)
    assert mirror.settings_at is not None
    assert mirror.settings_at.line == 5


def test_plain_http_trusts_nothing_and_still_reads_the_files() -> None:
    mirror, _ = hosts(SETTINGS.replace('[registry."m"]', '[registry."m"]\nhttp = true'))
    assert (mirror.scheme, mirror.trust, mirror.keypairs) == ("http", (), ())
    assert mirror.reads == ("/m.pem", "/c", "/k")
    assert mirror.url_prefix == "http://m/v2"


def test_before_urls_the_whole_text_is_the_section_of_a_mirror() -> None:
    sections = '[registry."m"]\nhttp = true\n[registry."m/hub"]\ninsecure = true'
    text = f'[registry."docker.io"]\nmirrors = ["m/hub"]\n{sections}'
    assert [host.scheme for host in hosts(text, version=NEW)] == ["http", "https"]
    assert [(host.scheme, host.insecure) for host in hosts(text, version=OLD)] == [
        ("https", True),
        ("https", False),
    ]


def test_http_with_insecure_falls_back_and_once_was_two_hosts() -> None:
    text = '[registry."r:5"]\nhttp = true\ninsecure = true'
    (host,) = hosts(text, "r:5", "v0.12.3")
    assert (host.scheme, host.insecure, host.url_prefix) == ("https-then-http", True, "https://r:5/v2")
    assert [(host.position, host.scheme, host.insecure) for host in hosts(text, "r:5", "v0.12.2")] == [
        (0, "http", False),
        (1, "https", True),
    ]


@pytest.mark.parametrize(
    ("name", "version", "expected"),
    [("r", "v0.14.0", True), ("r:5", "v0.14.0", False), ("r", "v0.13.0", False)],
)
def test_a_refused_connection_falls_back_without_a_port_only(name: str, version: str, expected: bool) -> None:
    (host,) = hosts(f'[registry."{name}"]\nhttp = true\ninsecure = true', name, version)
    assert ("refused" in (host.note or "")) is expected


def test_insecure_alone_is_https_without_verification() -> None:
    (host,) = hosts('[registry."r"]\ninsecure = true', "r")
    assert (host.scheme, host.insecure) == ("https", True)


@pytest.mark.parametrize(
    ("settings", "scheme"),
    [("", "http"), ("http = false", "https"), ("insecure = true", "https-then-http")],
)
def test_this_machine_is_spoken_to_in_plain_http_unless_told_otherwise(settings: str, scheme: str) -> None:
    (host,) = hosts(f'[registry."localhost:5000"]\n{settings}', "localhost:5000")
    assert host.scheme == scheme


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("localhost", True),
        ("localhost:5000", True),
        ("127.9.9.9:80", True),
        ("::1", True),
        ("[::1]", True),
        ("[::1]:5000", True),
        ("localhost.example.com", False),
        ("10.0.0.1", False),
        ("m:5000", False),
    ],
)
def test_loopback_is_told_as_containerd_tells_it(host: str, expected: bool) -> None:
    assert is_local(host) is expected


def test_hosts_of_a_reference() -> None:
    config = parse_config('[registry."quay.io"]\nmirrors = ["m"]')
    assert [host.name for host in config.hosts("quay.io/a/b:1")] == ["m", "quay.io"]
    assert [host.name for host in config.hosts("alpine")] == ["registry-1.docker.io"]


def test_credentials_reach_no_host_and_no_note() -> None:
    name, path, notes = read_mirror("https://u:secret@m:1/x", NEWEST)
    assert (name, path) == ("m:1", "/v2/x")
    assert "secret" not in str(notes)
    assert mask_credentials("https://u:secret@m") == "https://***@m"
    assert mask_credentials("https://m/a?sig=secret#x") == "https://m/a?***"
    assert mask_credentials("m/a@b") == "m/a@b"


@settings(deadline=None)
@given(st.text(max_size=40), st.sampled_from(["v0.9.3", "v0.12.5", None]))
def test_any_mirror_text_gives_a_host(text: str, version: str | None) -> None:
    from analyzer.intent.versions import parse_version

    name, path, _ = read_mirror(text, parse_version(version))
    assert isinstance(name, str)
    assert path.startswith("/")
