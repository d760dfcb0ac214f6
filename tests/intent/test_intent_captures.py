"""The prediction against real daemons: what they asked, and what their files say."""

from __future__ import annotations

import json
import re
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from analyzer.intent import Config, Host, load_config, parse_config

URL = re.compile(r"\burl=\\?\"(https?://[^\"\\]*/v2/[^\"\\]*)")
TYPOS = {
    "mirror-not-configured-typo": "unknown-key",
    "mirror-not-configured-key": "registry-key-alias",
    "network-typo": "unknown-key",
    "network-none-invalid": "network-mode-invalid",
    "mirror-http-without-flag": "mirror-scheme",
    "mirror-tls-ca-wrong-section": "settings-under-registry",
}


@pytest.fixture(scope="session")
def captures(captures_root: Path | None) -> list[Path]:
    if captures_root is None:
        pytest.skip("no captured logs beside this checkout")
    folders = sorted(folder for folder in captures_root.iterdir() if (folder / "buildkitd.toml").is_file())
    assert len(folders) > 100
    return folders


def version_of(folder: Path) -> str:
    return folder.name.rpartition("-")[2]


def loaded(folder: Path) -> Config:
    return load_config(folder / "buildkitd.toml").with_flags((folder / "cmdline.txt").read_text())


def kinds(config: Config) -> set[str]:
    return {found.kind for found in config.lint() if found.severity != "info"}


def test_every_url_in_the_logs_was_predicted(captures: list[Path]) -> None:
    matched = 0
    strange: list[tuple[str, str]] = []
    for folder in captures:
        if folder.name.startswith("two-starts"):
            continue  # its second start had another file
        config, version = loaded(folder), version_of(folder)
        for url in set(URL.findall((folder / "buildkitd.log").read_text(errors="replace"))):
            parts = urlsplit(url)
            namespace = parse_qs(parts.query).get("ns", [None])[0]
            registries = [namespace] if namespace else [*config.registries, "docker.io", parts.netloc]
            hosts: list[Host] = [
                host for registry in registries for host in config.registry_hosts(registry, version)
            ]
            if any(url.startswith(f"{host.url_prefix}/") and host.namespace == namespace for host in hosts):
                matched += 1
            else:
                strange.append((folder.name, url))
    assert strange == []
    assert matched > 500


def test_dockerd_asks_what_its_command_line_says(captures_root: Path | None) -> None:
    folders = sorted(captures_root.glob("dockerd-embedded-*")) if captures_root else []
    if not folders:
        pytest.skip("no captured log of dockerd beside this checkout")
    for folder in folders:
        config = parse_config("{}", kind="dockerd").with_flags((folder / "cmdline.txt").read_text())
        hosts = config.registry_hosts("docker.io", version_of(folder))
        urls = set(URL.findall((folder / "buildkitd.log").read_text(errors="replace")))
        assert urls
        for url in urls:
            assert any(url.startswith(f"{host.url_prefix}/") for host in hosts), url


def test_every_host_that_was_asked_was_predicted(captures: list[Path]) -> None:
    strange: list[tuple[str, str]] = []
    for folder in captures:
        if folder.name.startswith("two-starts"):
            continue
        config, version = loaded(folder), version_of(folder)
        registries = [*config.registries, "docker.io", "quay.io", "ghcr.io"]
        names = {host.name for registry in registries for host in config.registry_hosts(registry, version)}
        truth = json.loads((folder / "truth.json").read_text())
        for host, requests in (truth.get("requests_by_host") or {}).items():
            if requests and host not in names:
                strange.append((folder.name, host))
    assert strange == []


def test_the_effective_network_follows_from_file_and_flags(captures: list[Path]) -> None:
    judged = 0
    for folder in captures:
        effective = json.loads((folder / "truth.json").read_text()).get("network", {}).get("effective")
        worker = next(worker for worker in loaded(folder).workers.values() if worker.enabled is not False)
        if effective in ("host", "cni", "bridge") and worker.network != "auto":
            judged += 1
            assert worker.network == effective or (worker.network, effective) == ("bridge", "cni"), (
                folder.name
            )
    assert judged > 5


def test_mistakes_in_the_loaded_files_are_found_and_nothing_else(captures: list[Path]) -> None:
    found = set()
    for folder in captures:
        scenario = next((name for name in TYPOS if folder.name.startswith(name)), None)
        if folder.name.startswith("two-starts"):
            scenario = "mirror-not-configured-typo"
        expected = {TYPOS[scenario]} if scenario else set()
        assert kinds(load_config(folder / "buildkitd.toml")) == expected, folder.name
        found |= expected
    assert found == set(TYPOS.values())


def test_correct_files_raise_no_alarm(captures: list[Path]) -> None:
    for folder in captures:
        expected = {"network-mode-invalid"} if folder.name.startswith("network-none-invalid") else set()
        for name in ("intended.toml", "local.toml"):
            if (folder / name).is_file():
                assert kinds(load_config(folder / name)) == expected, folder.name


def test_buildx_rewrites_as_the_builders_show(captures: list[Path]) -> None:
    from analyzer.intent import rewrite_for_buildx

    compared = 0
    for folder in captures:
        if (folder / "local.toml").is_file():
            compared += 1
            rewritten = rewrite_for_buildx(load_config(folder / "local.toml"))
            effective = load_config(folder / "buildkitd.toml")
            assert rewritten.values == effective.values, folder.name
    assert compared
