"""What ``docker buildx create --buildkitd-config`` makes of a file.

Buildx copies the certificate authorities and key pairs of every registry into the builder and rewrites their
paths (docker/buildx ``util/confutil/container.go``, since v0.7.0; characters of the host folded since
v0.11.0). It copies nothing else.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Literal

from analyzer.intent.model import EXECUTORS, KeyPair, RegistryConfig, WorkerConfig
from analyzer.intent.versions import Version, parse_version

if TYPE_CHECKING:
    from analyzer.intent.places import Place

BUILDER_FOLDER: Final = "/etc/buildkit"
COPIES_SINCE: Final[Version] = (0, 7, 0)
FOLDS_SINCE: Final[Version] = (0, 11, 0)
COPIED_BYTES: Final = 1 << 20
"""Of a larger file only so much is copied, without a word."""


@dataclass(frozen=True)
class CopiedFile:
    """A file that buildx copies into the builder."""

    host: str
    kind: Literal["ca", "cert", "key"]
    pair: int | None
    path: str
    path_in_builder: str
    place: Place | None


@dataclass(frozen=True)
class Collision:
    """Files of different origin that get one path in the builder: the one written last stays, for all."""

    path_in_builder: str
    files: tuple[CopiedFile, ...]


@dataclass(frozen=True)
class NotCopied:
    """A path that the builder's configuration keeps, while what it names stays outside."""

    setting: str
    path: str
    place: Place | None


@dataclass(frozen=True)
class BuildxRewriting:
    """All that buildx does to a file's paths.

    Attributes:
        copied: The files copied, in the order of the sections.
        collisions: Those that overwrite each other.
        not_copied: Paths that lead nowhere in the builder, unless the image holds them.
    """

    copied: tuple[CopiedFile, ...]
    collisions: tuple[Collision, ...]
    not_copied: tuple[NotCopied, ...]


def buildx_certificate_path(host: str, path: str, buildx_version: str | None = None) -> str:
    """The path in the builder of a certificate file.

    Args:
        host: The registry section's key: ``mirror.example.com:5000``.
        path: The file as the configuration names it.
        buildx_version: Buildx's version; the newest where None.

    Returns:
        ``/etc/buildkit/certs/mirror.example.com_5000/ca.pem``; the path itself before v0.7.0.
    """
    version = parse_version(buildx_version)
    if version < COPIES_SINCE or not path:
        return path
    folder = re.sub(r"[^a-zA-Z0-9.-]+", "_", host) if version >= FOLDS_SINCE else host
    name = posixpath.basename(path.rstrip("/")) or "/"
    return posixpath.normpath(posixpath.join(BUILDER_FOLDER, "certs", folder, name))


def rewrite_paths(
    registries: Mapping[str, RegistryConfig],
    workers: Mapping[str, WorkerConfig],
    buildx_version: str | None = None,
) -> BuildxRewriting:
    """What buildx copies, what of that collides, and what it leaves behind."""
    copied = [
        CopiedFile(
            section.name, kind, pair, path, buildx_certificate_path(section.name, path, buildx_version), place
        )
        for section in registries.values()
        for kind, pair, path, place in certificate_files(section)
        if path
    ]
    if parse_version(buildx_version) < COPIES_SINCE:
        copied = []
    by_path: dict[str, list[CopiedFile]] = {}
    for file in copied:
        by_path.setdefault(file.path_in_builder, []).append(file)
    collisions = [
        Collision(path, tuple(files))
        for path, files in by_path.items()
        if len({file.path for file in files}) > 1
    ]
    left = [
        NotCopied("tlsconfigdir", folder, section.place_of("tlsconfigdir", index))
        for section in registries.values()
        for index, folder in enumerate(section.tlsconfigdir)
    ]
    for executor in EXECUTORS:
        worker = workers[executor]
        for setting, path in (
            ("cniConfigPath", worker.cni_config_path),
            ("cniBinaryPath", worker.cni_binary_path),
        ):
            if path:
                left.append(NotCopied(setting, path, worker.place_of(setting)))
    return BuildxRewriting(tuple(copied), tuple(collisions), tuple(left))


def rewrite_section(section: RegistryConfig, buildx_version: str | None = None) -> RegistryConfig:
    """The section with the paths of the builder."""

    def moved(path: str) -> str:
        return buildx_certificate_path(section.name, path, buildx_version)

    return replace(
        section,
        ca=tuple(moved(path) for path in section.ca),
        keypair=tuple(KeyPair(key=moved(pair.key), cert=moved(pair.cert)) for pair in section.keypair),
    )


def certificate_files(
    section: RegistryConfig,
) -> list[tuple[Literal["ca", "cert", "key"], int | None, str, Place | None]]:
    """The files of a section, in order: kind, number of the pair, path, place."""
    files: list[tuple[Literal["ca", "cert", "key"], int | None, str, Place | None]] = [
        ("ca", None, path, section.place_of("ca", index)) for index, path in enumerate(section.ca)
    ]
    for index, pair in enumerate(section.keypair):
        files.append(("cert", index, pair.cert, section.place_of("keypair", index, "cert")))
        files.append(("key", index, pair.key, section.place_of("keypair", index, "key")))
    return files
