"""The configuration as tables: ``intended_*`` of what was meant, ``effective_*`` of what was loaded."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final, Literal

import pyarrow as pa

from analyzer.intent.buildx import buildx_certificate_path, certificate_files
from analyzer.intent.hosts import mask_credentials, read_mirror
from analyzer.intent.model import EXECUTORS
from analyzer.intent.versions import parse_version
from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.urls import DOCKER_HUB

if TYPE_CHECKING:
    from analyzer.intent.config import Config
    from analyzer.intent.differences import Difference
    from analyzer.intent.hosts import Host
    from analyzer.intent.places import Place

Prefix = Literal["intended", "effective"]
Row = dict[str, Any]

_TEXTS: Final = pa.list_(pa.string())
_FROM = (
    Column("file", pa.string(), "File that says so, or the flag; null for a default."),
    Column("line", pa.int64(), "Line in the file, from 1; null for a flag or a default."),
)

_PREFIXES: Final[tuple[tuple[Prefix, str], ...]] = (
    ("intended", "the configuration that was meant"),
    ("effective", "the configuration that was loaded"),
)


def _registries(prefix: Prefix, whose: str) -> TableSpec:
    return TableSpec(
        f"{prefix}_registries",
        f"A registry section of {whose}.",
        (
            Column("registry", pa.string(), "The section's key: the registry or host that it is for."),
            Column("mirrors", _TEXTS, "Hosts of its mirrors, in order, as BuildKit reads the texts."),
            Column(
                "mirrors_written", _TEXTS, "The mirrors as the file writes them, scheme and path included."
            ),
            Column("http", pa.bool_(), "Plain HTTP is stated; null where nothing is."),
            Column("insecure", pa.bool_(), "TLS without verification is stated; null where nothing is."),
            *_FROM,
        ),
    )


def _hosts(prefix: Prefix, whose: str) -> TableSpec:
    return TableSpec(
        f"{prefix}_hosts",
        f"A host that BuildKit asks for a registry, by {whose}.",
        (
            Column("registry", pa.string(), "Registry as references name it."),
            Column("position", pa.int64(), "Place in the order in which hosts are asked; 0 is the first."),
            Column("host", pa.string(), "Host, with its port where one is stated."),
            Column("role", pa.string(), "mirror or upstream."),
            Column("scheme", pa.string(), "https, http or https-then-http."),
            Column("path", pa.string(), "Path before the repository, such as /v2."),
            Column(
                "trust", _TEXTS, "Files and folders of certificate authorities trusted beside the system's."
            ),
            Column("insecure", pa.bool_(), "TLS is not verified."),
            Column("namespace", pa.string(), "Value of ns= in its URLs; null for none."),
            *_FROM,
        ),
        notes="Every section has its hosts here, and docker.io always. Other registries are asked directly.",
    )


def _certificates(prefix: Prefix, whose: str) -> TableSpec:
    return TableSpec(
        f"{prefix}_certificates",
        f"A certificate file or folder of {whose}.",
        (
            Column("host", pa.string(), "Registry section that names it: the host it is used for."),
            Column("kind", pa.string(), "ca, cert, key or directory."),
            Column("path", pa.string(), "Path as the file writes it."),
            Column(
                "path_in_builder",
                pa.string(),
                "Path in a builder that buildx makes; null for a folder, which buildx does not copy. "
                "Of a loaded configuration: its own path.",
            ),
            Column("pair", pa.int64(), "Number of the key pair in the section, from 0; null for others."),
            *_FROM,
        ),
    )


def _workers(prefix: Prefix, whose: str) -> TableSpec:
    return TableSpec(
        f"{prefix}_workers",
        f"A worker of {whose}; both are always here.",
        (
            Column("executor", pa.string(), "oci or containerd."),
            Column("enabled", pa.bool_(), "Switched on or off; null where BuildKit decides."),
            Column("network", pa.string(), "Network mode as BuildKit takes it: auto where none is stated."),
            Column("network_stated", pa.bool_(), "The network mode is stated, by file or flag."),
            Column("cni_config_path", pa.string(), "CNI configuration; null for the default."),
            Column("cni_binary_path", pa.string(), "Folder of CNI plugins; null for the default."),
            Column("bridge_name", pa.string(), "Name of the bridge; null for the default."),
            Column("source", pa.string(), "Who says the network mode: default, file or flag."),
            *_FROM,
        ),
    )


DIFFERENCES: Final = TableSpec(
    "configuration_differences",
    "A setting that either configuration states, the intended one or the loaded one.",
    (
        Column(
            "subject",
            pa.string(),
            "What it belongs to: registry docker.io, worker oci, or the top-level key.",
        ),
        Column("setting", pa.string(), 'The setting as TOML writes it: registry."docker.io".mirrors.'),
        Column(
            "intended", pa.string(), "The value that was meant, without secrets; null where none is stated."
        ),
        Column("effective", pa.string(), "The value that was loaded; null where none is stated."),
        Column(
            "cause",
            pa.string(),
            "same, rewritten, collision, not-copied, misspelt, flag, driver-default, ignored-by-driver, "
            "not-loaded, edited or not-in-version.",
        ),
        Column("agrees", pa.bool_(), "The two come to the same; null where that is not known."),
        Column("intended_file", pa.string(), "File or flag that says the first."),
        Column("intended_line", pa.int64(), "Line in that file, from 1; null for a flag."),
        Column("effective_file", pa.string(), "File or flag that says the second."),
        Column("effective_line", pa.int64(), "Line in that file, from 1; null for a flag."),
        Column("message", pa.string(), "Both and the cause, for people."),
        Column("fix", pa.string(), "What to do; empty where nothing is."),
        Column("certificate", pa.bool_(), "It names a certificate file or a folder of them."),
        Column(
            "evidence",
            pa.string(),
            "proof: both files say it; inference: that buildx added a flag is told by the flags alone.",
        ),
    ),
    notes="Only where both configurations are known. A stated default counts as nothing stated, and values are "
    "compared as BuildKit reads them.",
)

SPECS: Final[tuple[TableSpec, ...]] = (
    *(
        make(prefix, whose)
        for prefix, whose in _PREFIXES
        for make in (_registries, _hosts, _certificates, _workers)
    ),
    DIFFERENCES,
)
"""The four tables, intended and effective, and what differs between them."""


def differences_table(differences: Iterable[Difference]) -> pa.Table:
    """The table ``configuration_differences`` of what ``compare`` found."""
    return DIFFERENCES.build(vars(difference) for difference in differences)


def build_tables(config: Config, version: str | None, prefix: Prefix) -> dict[str, pa.Table]:
    """The four tables of a configuration, by name; rows in the order of the file."""
    rows = {
        "registries": _registry_rows(config, version),
        "hosts": _host_rows(config, version),
        "certificates": _certificate_rows(config, prefix),
        "workers": _worker_rows(config),
    }
    specs = {spec.name: spec for spec in SPECS}
    return {f"{prefix}_{name}": specs[f"{prefix}_{name}"].build(some) for name, some in rows.items()}


def _registry_rows(config: Config, version: str | None) -> list[Row]:
    rows = []
    for name, section in config.registries.items():
        mirrors = [read_mirror(text, parse_version(version))[0] for text in section.mirrors]
        rows.append(
            {
                "registry": mask_credentials(name),
                "mirrors": list(dict.fromkeys(mirrors)),
                "mirrors_written": [mask_credentials(text) for text in section.mirrors],
                "http": section.http,
                "insecure": section.insecure,
                **_from(section.place),
            }
        )
    return rows


def _host_rows(config: Config, version: str | None) -> list[Row]:
    registries = list(config.registries)
    if DOCKER_HUB not in config.registries:
        registries.append(DOCKER_HUB)
    return [_host_row(host) for name in registries for host in config.registry_hosts(name, version)]


def _host_row(host: Host) -> Row:
    return {
        "registry": mask_credentials(host.registry),
        "position": host.position,
        "host": mask_credentials(host.name),
        "role": host.role,
        "scheme": host.scheme,
        "path": host.path,
        "trust": list(host.trust),
        "insecure": host.insecure,
        "namespace": host.namespace and mask_credentials(host.namespace),
        **_from(host.listed_at),
    }


def _certificate_rows(config: Config, prefix: Prefix) -> list[Row]:
    rows = []
    for section in config.registries.values():
        for kind, pair, path, place in certificate_files(section):
            inside = buildx_certificate_path(section.name, path) if prefix == "intended" else path
            rows.append(_certificate_row(section.name, kind, path, inside, pair, place))
        for index, folder in enumerate(section.tlsconfigdir):
            inside_folder = None if prefix == "intended" else folder
            place = section.place_of("tlsconfigdir", index)
            rows.append(_certificate_row(section.name, "directory", folder, inside_folder, None, place))
    return rows


def _certificate_row(
    host: str, kind: str, path: str, path_in_builder: str | None, pair: int | None, place: Place | None
) -> Row:
    return {
        "host": mask_credentials(host),
        "kind": kind,
        "path": path,
        "path_in_builder": path_in_builder,
        "pair": pair,
        **_from(place),
    }


def _worker_rows(config: Config) -> list[Row]:
    rows = []
    for executor in EXECUTORS:
        worker = config.workers[executor]
        rows.append(
            {
                "executor": executor,
                "enabled": worker.enabled,
                "network": worker.network,
                "network_stated": worker.network_mode is not None,
                "cni_config_path": worker.cni_config_path,
                "cni_binary_path": worker.cni_binary_path,
                "bridge_name": worker.bridge_name,
                "source": worker.network_source,
                **_from(worker.place_of("networkMode")),
            }
        )
    return rows


def _from(place: Place | None) -> Row:
    return {"file": place.file if place else None, "line": place.line if place else None}
