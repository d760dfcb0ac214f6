"""The certificate files that a configuration names, each with the setting that names it.

What BuildKit reads of them, and when, is in ``util/resolver/resolver.go`` (loadTLSConfig, v0.32.2) and, for its own
API, in ``cmd/buildkitd/main.go`` (serverCredentials, v0.9.3 and v0.32.2).
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from analyzer.intent.buildx import buildx_certificate_path, certificate_files
from analyzer.intent.hosts import is_local
from analyzer.tables.urls import DOCKER_HUB, DOCKER_HUB_HOST, upstream_host

if TYPE_CHECKING:
    from analyzer.intent.config import Config
    from analyzer.intent.model import RegistryConfig
    from analyzer.intent.places import Place

Role = Literal["ca", "cert", "key", "directory"]

API: Final = "grpc"
"""The host of the API's own files in the tables."""

DOCKER_FOLDER: Final = "/etc/docker/certs.d"
"""Where dockerd looks for a folder of each host's certificates, without being told."""


@dataclass(frozen=True)
class NamedFile:
    """A file and the setting that names it.

    Attributes:
        host: The registry section's key, or ``grpc``.
        role: As what it is named.
        path: The file, as the daemon opens it.
        key: The setting's key, as TOML writes it.
        pair: The key pair's number in the section; those of folders follow those that are named.
        place: Where the setting stands; None for what the daemon does without being told.
        read: The daemon opens the file.
        unverified: Why it does not matter whom a certificate authority signed; None where it does.
        plain: No TLS is spoken with the host.
        is_api: It is a file of the daemon's own API.
        listed: It is looked for in a folder whose files are known: one that is not among them does not exist.
    """

    host: str
    role: Role
    path: str
    key: str
    pair: int | None = None
    place: Place | None = None
    read: bool = True
    unverified: str | None = None
    plain: bool = False
    is_api: bool = False
    listed: bool = False

    @property
    def asked(self) -> str:
        """The host that is asked: ``registry-1.docker.io`` for ``docker.io``."""
        return upstream_host(self.host)

    @property
    def counts(self) -> bool:
        """What the file holds matters: an authority where hosts are verified, a key pair where TLS is spoken."""
        return self.read and not (self.unverified if self.role in ("ca", "directory") else self.plain)

    @property
    def of_pair(self) -> tuple[str, bool, int | None]:
        """What the two halves of a key pair share."""
        return self.host, self.is_api, self.pair

    @property
    def section(self) -> str:
        """The section, as TOML writes it."""
        return "[grpc.tls]" if self.is_api else f'[registry."{self.host}"]'

    @property
    def where(self) -> str:
        """File and line, or the flag, in words; where nothing was written, the folder that is always read."""
        if self.place is None:
            return self.key if self.key.startswith("/") else self.section
        return self.place.file if self.place.line is None else f"{self.place.file} line {self.place.line}"

    @property
    def words(self) -> str:
        """The setting, and where it stands."""
        if self.place is None:
            return f"the folder {self.key}" if self.key.startswith("/") else f"{self.key} of {self.section}"
        if self.place.line is None:
            return f"the flag {self.place.file}"
        return f"{self.key} of {self.section} ({self.where})"


def named_files(config: Config, paths: Iterable[str], intended: Config | None = None) -> list[NamedFile]:
    """The files that a configuration names, in its order; those in a named folder follow the folder.

    Args:
        config: The configuration that the daemon has.
        paths: The files that lie there, to find those in folders.
        intended: The file that somebody can edit, where it is another one: its places are given then.

    Returns:
        A file for each setting that names it. A setting without a path is the lint's matter.
    """
    paths = sorted(set(paths))
    named = [file for section in config.registries.values() for file in _of_section(section, paths)]
    if config.kind == "dockerd":
        named += _of_docker(config, paths)
    named += _of_api(config)
    if intended is None:
        return named
    places = _intended_places(intended)
    return [replace(file, place=places.get((file.host, file.role, file.path), file.place)) for file in named]


def _of_section(section: RegistryConfig, paths: list[str]) -> Iterator[NamedFile]:
    base = _base(section.name, section)
    for role, pair, path, place in certificate_files(section):
        if path:
            yield replace(
                base,
                role=role,
                path=path,
                key="ca" if role == "ca" else f"keypair.{role}",
                pair=pair,
                place=place,
            )
    pairs = len(section.keypair)
    for index, folder in enumerate(section.tlsconfigdir):
        place = section.place_of("tlsconfigdir", index)
        files = list(_in_folder(replace(base, key="tlsconfigdir", place=place), folder, paths, pairs))
        pairs += sum(file.role == "cert" for file in files)
        yield replace(base, role="directory", path=folder, key="tlsconfigdir", place=place)
        yield from files


def _base(host: str, section: RegistryConfig | None) -> NamedFile:
    """What counts for all files of a host; ``fillInsecureOpts`` in resolver.go."""
    asked = upstream_host(host)
    stated = section.http if section else None
    plain = stated if stated is not None else is_local(asked)
    insecure = bool(section and section.insecure)
    unverified = None
    if insecure:
        unverified = "insecure = true: no certificate of the host is verified"
    elif plain:
        unverified = "the host is asked in plain HTTP"
    return NamedFile(host, "ca", "", "ca", unverified=unverified, plain=plain and not insecure)


def _in_folder(base: NamedFile, folder: str, paths: list[str], pairs: int) -> Iterator[NamedFile]:
    """The files of a folder that BuildKit takes: ``*.crt``, and ``x.cert`` with ``x.key``."""
    inside = [path for path in paths if posixpath.dirname(path) == posixpath.normpath(folder)]
    for path in inside:
        if path.endswith(".crt"):
            yield replace(base, role="ca", path=path)
        elif path.endswith(".cert"):
            yield replace(base, role="cert", path=path, pair=pairs)
            key = path.removesuffix(".cert") + ".key"
            yield replace(base, role="key", path=key, pair=pairs, listed=True)
            pairs += 1


def _of_docker(config: Config, paths: list[str]) -> Iterator[NamedFile]:
    """The folders that dockerd reads by itself, where there are files in them."""
    hosts = {host.name for name in (*config.registries, DOCKER_HUB) for host in config.registry_hosts(name)}
    # a registry's own folder has the registry's name, not that of the host that is asked for it
    for host in sorted(hosts - {DOCKER_HUB_HOST} | {DOCKER_HUB}):
        folder = f"{DOCKER_FOLDER}/{host}"
        base = replace(_base(host, config.registries.get(host)), key=folder)
        yield from _in_folder(base, folder, paths, 0)


def _of_api(config: Config) -> Iterator[NamedFile]:
    tls = (config.values.get("grpc") or {}).get("tls") or {} if config.kind == "buildkitd" else {}
    # without certificate and key the API speaks no TLS, and the authority is not read
    spoken = bool(tls.get("cert") or tls.get("key"))
    roles: tuple[Role, ...] = ("ca", "cert", "key")
    for role in roles:
        if path := tls.get(role):
            pair = None if role == "ca" else 0
            place = config.place_of("grpc", "tls", role)
            yield NamedFile(API, role, str(path), role, pair, place, read=spoken, is_api=True)


def _intended_places(intended: Config) -> dict[tuple[str, str, str], Place | None]:
    """Where each file is named, by section, role and path: the file's own, and the one that buildx gives it."""
    places: dict[tuple[str, str, str], Place | None] = {}
    for section in intended.registries.values():
        for role, _, path, place in certificate_files(section):
            for written in (buildx_certificate_path(section.name, path), path):
                places[section.name, role, written] = place
        for index, folder in enumerate(section.tlsconfigdir):
            places[section.name, "directory", folder] = section.place_of("tlsconfigdir", index)
    for file in _of_api(intended):
        places[file.host, file.role, file.path] = file.place
    return places
