"""The sections of a configuration, from its values and their places."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analyzer.intent.model import Executor, KeyPair, RegistryConfig, WorkerConfig
from analyzer.intent.places import Path, Place, below
from analyzer.tables.urls import DOCKER_HUB


def _section(places: Mapping[Path, Place], path: Path) -> dict[Path, Place]:
    return {
        inner[len(path) :]: place
        for inner, place in places.items()
        if len(inner) > len(path) and inner[: len(path)] == path
    }


def read_registries(values: Mapping[str, Any], places: Mapping[Path, Place]) -> dict[str, RegistryConfig]:
    """The sections ``[registry."<name>"]`` of a buildkitd.toml, by name."""
    inside: dict[str, dict[Path, Place]] = {}
    for path, place in places.items():
        if len(path) > 2 and path[0] == "registry":
            inside.setdefault(str(path[1]), {})[path[2:]] = place
    sections: dict[str, RegistryConfig] = {}
    for name, table in (values.get("registry") or {}).items():
        sections[name] = RegistryConfig(
            name=name,
            mirrors=tuple(table.get("mirrors") or ()),
            http=table.get("http"),
            insecure=table.get("insecure"),
            ca=tuple(table.get("ca") or ()),
            keypair=tuple(
                KeyPair(key=pair.get("key") or "", cert=pair.get("cert") or "")
                for pair in table.get("keypair") or ()
            ),
            tlsconfigdir=tuple(table.get("tlsconfigdir") or ()),
            places=inside.get(name, {}),
            place=below(places, ("registry", name)),
        )
    return sections


def read_dockerd_registries(
    values: Mapping[str, Any], places: Mapping[Path, Place]
) -> dict[str, RegistryConfig]:
    """The sections that dockerd makes for its BuildKit (moby ``daemon/daemon.go``, RegistryHosts)."""
    sections: dict[str, RegistryConfig] = {}
    for index, text in enumerate(values.get("insecure-registries") or ()):
        scheme, mark, rest = text.rpartition("://")
        name = rest.partition("/")[0] if mark else text
        if "/" in name or not name:
            continue  # a network in CIDR notation: it matches no name
        place = below(places, ("insecure-registries", index))
        plain = scheme == "http"
        sections[name] = RegistryConfig(
            name=name,
            http=True if plain else None,
            insecure=None if plain else True,
            places={("http" if plain else "insecure",): place} if place else {},
            place=place,
        )
    mirrors = values.get("registry-mirrors") or ()
    if mirrors:
        inside: dict[Path, Place] = {
            ("mirrors", index): place
            for index in range(len(mirrors))
            if (place := below(places, ("registry-mirrors", index)))
        }
        listed = RegistryConfig(
            name=DOCKER_HUB,
            mirrors=tuple(_host_of_url(text) for text in mirrors),
            places=inside,
            place=below(places, ("registry-mirrors",)),
        )
        sections = {DOCKER_HUB: listed} | {k: v for k, v in sections.items() if k != DOCKER_HUB}
    return sections


def _host_of_url(text: str) -> str:
    return text.rpartition("://")[2].partition("/")[0].rpartition("@")[2]


def read_worker(values: Mapping[str, Any], places: Mapping[Path, Place], executor: Executor) -> WorkerConfig:
    """The section of one worker; of defaults only, where there is none."""
    path: Path = ("worker", executor)
    table: Mapping[str, Any] = (values.get("worker") or {}).get(executor) or {}
    inside = _section(places, path)
    cni_config = table.get("cniConfigPath")
    at = inside.get(("cniConfigPath",))
    if cni_config == "" and not (at and at.source == "flag"):
        # Empty in the file means the default; setDefaultConfig runs before the flags (main.go).
        cni_config = None
    return WorkerConfig(
        executor=executor,
        enabled=table.get("enabled"),
        network_mode=table.get("networkMode"),
        cni_config_path=cni_config,
        cni_binary_path=table.get("cniBinaryPath") or None,
        cni_pool_size=table.get("cniPoolSize"),
        bridge_name=table.get("bridgeName") or None,
        bridge_subnet=table.get("bridgeSubnet") or None,
        rootless=table.get("rootless"),
        snapshotter=table.get("snapshotter") or None,
        labels=dict(table.get("labels") or {}),
        places=inside,
        place=places.get(path),
    )
