"""What a daemon was told: the file and its flags, as one value."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from analyzer.intent.buildx import BuildxRewriting, rewrite_paths, rewrite_section
from analyzer.intent.flags import BUILDKITD_FLAGS, DOCKERD_FLAGS, Flag, changes_of, split_flags
from analyzer.intent.hosts import Host, predict_hosts
from analyzer.intent.model import EXECUTORS, RegistryConfig, WorkerConfig
from analyzer.intent.places import Path, Place, below
from analyzer.intent.references import parse_reference
from analyzer.intent.sections import read_dockerd_registries, read_registries, read_worker
from analyzer.intent.versions import Version, parse_version

if TYPE_CHECKING:
    import pyarrow as pa

    from analyzer.intent.conformance import UnknownKey
    from analyzer.intent.lint import LintFinding

Kind = Literal["buildkitd", "dockerd"]

LOG_LEVEL_SINCE: Version = (0, 30, 0)
"""Since then ``level`` under ``[log]`` counts, above ``debug`` and ``trace`` (``cmd/buildkitd/main.go``)."""


@dataclass(frozen=True)
class Config:
    """A daemon's configuration.

    Attributes:
        name: The file's name.
        kind: ``buildkitd`` (TOML) or ``dockerd`` (daemon.json).
        values: Every known key, in the schema's spelling, flags merged in.
        places: Where each was written, by path.
        unknown: Keys of the file that the daemon ignores.
        respelt: Keys written in another case than the schema's: path and written name.
        flags: The flags merged in.
        rewriting: What buildx did to the paths, of a configuration that ``rewrite_for_buildx`` gave.
        registries: The sections by key, in the file's order.
        workers: ``oci`` and ``containerd``, both always.
    """

    name: str
    kind: Kind
    values: Mapping[str, Any] = field(repr=False)
    places: Mapping[Path, Place] = field(repr=False)
    unknown: tuple[UnknownKey, ...] = ()
    respelt: tuple[tuple[Path, str], ...] = ()
    flags: tuple[Flag, ...] = ()
    rewriting: BuildxRewriting | None = None
    registries: Mapping[str, RegistryConfig] = field(init=False)
    workers: Mapping[str, WorkerConfig] = field(init=False)

    def __post_init__(self) -> None:
        read = read_dockerd_registries if self.kind == "dockerd" else read_registries
        registries = read(self.values, self.places)
        object.__setattr__(self, "registries", MappingProxyType(registries))
        workers: dict[str, WorkerConfig] = {
            executor: read_worker(self.values, self.places, executor) for executor in EXECUTORS
        }
        object.__setattr__(self, "workers", MappingProxyType(workers))

    # What is asked of the daemon itself

    @property
    def debug(self) -> bool | None:
        """The key ``debug``; None where not stated."""
        return bool(self.values["debug"]) if "debug" in self.values else None

    @property
    def trace(self) -> bool | None:
        """The key ``trace``; None where not stated."""
        return bool(self.values["trace"]) if "trace" in self.values else None

    @property
    def log_level(self) -> str | None:
        """The level stated for the log; None where not stated."""
        return self._logged("level")

    @property
    def log_format(self) -> str | None:
        """The format stated for the log; None where not stated."""
        return self._logged("format")

    @property
    def entitlements(self) -> tuple[str, ...]:
        """What builds may be entitled to: ``network.host``, ``security.insecure``, ``device``."""
        return tuple(self.values.get("insecure-entitlements") or ())

    def level(self, version: str | None = None) -> str:
        """The level at which the daemon really logs.

        Args:
            version: BuildKit's version; the newest where None.
        """
        stated = self.log_level
        if self.kind == "dockerd":
            return "debug" if self.debug else (stated or "info")
        if stated and parse_version(version) >= LOG_LEVEL_SINCE:
            return {"warn": "warning"}.get(stated.lower(), stated.lower())
        return "trace" if self.trace else "debug" if self.debug else "info"

    # Merging and rewriting

    def with_flags(self, flags: str | Sequence[str]) -> Config:
        """The configuration with a daemon's flags merged in, as the daemon merges them.

        Args:
            flags: Flags, or a whole command line, as text in shell notation or as words.

        Raises:
            ConfigError: The text cannot be split, or a value is not what its flag takes.
        """
        specs = DOCKERD_FLAGS if self.kind == "dockerd" else BUILDKITD_FLAGS
        given = split_flags(flags, specs)
        values = copy.deepcopy(dict(self.values))
        places = dict(self.places)
        for change in changes_of(given, specs):
            for path in [path for path in places if path[: len(change.path)] == change.path]:
                del places[path]
            _put(values, change.path, change.value)
            places[change.path] = change.place
        return replace(self, values=values, places=places, flags=(*self.flags, *given))

    def rewritten(self, buildx_version: str | None = None) -> Config:
        """As ``rewrite_for_buildx``."""
        rewriting = rewrite_paths(self.registries, self.workers, buildx_version)
        values = copy.deepcopy(dict(self.values))
        for name, table in (values.get("registry") or {}).items():
            section = rewrite_section(self.registries[name], buildx_version)
            if "ca" in table:
                table["ca"] = list(section.ca)
            for pair, moved in zip(table.get("keypair") or (), section.keypair, strict=True):
                pair.update({part: path for part, path in vars(moved).items() if path})
        return replace(self, values=values, rewriting=rewriting)

    # What follows from it

    def hosts(self, reference: str, version: str | None = None) -> tuple[Host, ...]:
        """The hosts that BuildKit asks for an image, in order: mirrors, then upstream.

        Args:
            reference: An image reference: ``alpine:3.20``, ``ghcr.io/team/app``.
            version: BuildKit's version; the newest where None.

        Raises:
            UsageError: The text is no reference.
        """
        return self.registry_hosts(parse_reference(reference).registry, version)

    def registry_hosts(self, registry: str, version: str | None = None) -> tuple[Host, ...]:
        """The hosts that BuildKit asks for a registry (``docker.io``), in order: mirrors, then upstream."""
        folders = _docker_folders if self.kind == "dockerd" else lambda host: ()
        return predict_hosts(self.registries, registry, parse_version(version), folders=folders)

    def lint(self, version: str | None = None) -> tuple[LintFinding, ...]:
        """What is wrong or doubtful in the file and the flags, in the order of the lines."""
        from analyzer.intent.lint import lint_config

        return lint_config(self, version)

    def tables(
        self, version: str | None = None, prefix: Literal["intended", "effective"] = "intended"
    ) -> dict[str, pa.Table]:
        """The tables ``<prefix>_registries``, ``_hosts``, ``_certificates`` and ``_workers``."""
        from analyzer.intent.tables import build_tables

        return build_tables(self, version, prefix)

    def place_of(self, *path: str | int) -> Place | None:
        """Where a key was written, or the nearest thing around it; None for nothing at all."""
        return below(self.places, path)

    def _logged(self, key: str) -> str | None:
        if self.kind == "dockerd":
            value = self.values.get(f"log-{key}")
        else:
            value = (self.values.get("log") or {}).get(key)
        return None if value is None else str(value)


def rewrite_for_buildx(config: Config, buildx_version: str | None = None) -> Config:
    """The configuration as ``docker buildx create`` writes it into a builder.

    Args:
        config: The file given to buildx.
        buildx_version: Buildx's version; the newest where None.

    Returns:
        A configuration whose certificate paths are those of the builder. Its ``rewriting`` lists the files
        copied, those that overwrite each other, and the paths that are not copied.
    """
    return config.rewritten(buildx_version)


def _docker_folders(host: str) -> tuple[str, ...]:
    # A folder that does not exist is passed over (resolver.go, loadTLSConfig).
    return (f"/etc/docker/certs.d/{host}",)


def _put(values: dict[str, Any], path: Path, value: object) -> None:
    table = values
    for key in path[:-1]:
        inner = table.setdefault(str(key), {})
        table = inner
    if value is None:
        table.pop(str(path[-1]), None)
    else:
        table[str(path[-1])] = value
