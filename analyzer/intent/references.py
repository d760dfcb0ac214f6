"""Image references, read as BuildKit reads them.

The rules are those of ``github.com/distribution/reference`` (``normalize.go``, ``regexp.go``), which BuildKit
uses: a first part without a dot, colon or capital that is not ``localhost`` is no registry, Docker Hub is
``docker.io``, and its official images live under ``library/``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from analyzer.errors import UsageError
from analyzer.tables.urls import DOCKER_HUB

"""The host that serves ``docker.io`` (BuildKit ``util/resolver/resolver.go``)."""


@dataclass(frozen=True)
class Reference:
    """A reference in full.

    Attributes:
        registry: ``docker.io``, ``ghcr.io``, ``localhost:5000``.
        repository: ``library/alpine``.
        tag: ``latest`` where neither a tag nor a digest is given; None with a digest alone.
        digest: ``sha256:...`` or None.
    """

    registry: str
    repository: str
    tag: str | None
    digest: str | None

    @property
    def object(self) -> str:
        """What a manifest is asked by: the digest, else the tag."""
        return self.digest or self.tag or "latest"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


_LABEL = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?")
_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_DIGEST = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_LONGEST: Final = 4096


def parse_reference(text: str) -> Reference:
    """Read an image reference.

    Args:
        text: ``alpine``, ``ghcr.io/team/app:1.2``, ``app@sha256:...``; a leading ``docker-image://`` is cut
            off.

    Raises:
        UsageError: The text is no reference.
    """
    rest = text.strip().removeprefix("docker-image://")
    if "://" in rest:
        raise _refuse(text, "leave out the scheme: a reference is no URL")
    if len(rest) > _LONGEST:
        raise _refuse(text, "it is too long")
    rest, at, digest = rest.partition("@")
    if at and not _DIGEST.fullmatch(digest):
        raise _refuse(text, "a digest reads sha256: and 64 hexadecimal digits")
    registry, repository = _split_registry(rest)
    repository, colon, tag = repository.partition(":")
    if colon and not _TAG.fullmatch(tag):
        raise _refuse(text, "a tag holds letters, digits, dots, dashes and underscores, at most 128")
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    if not _REPOSITORY.fullmatch(repository):
        advice = "repository names are lower case" if repository != repository.lower() else None
        raise _refuse(text, advice or "it should read like docker.io/library/alpine:3.20")
    if not _REGISTRY.fullmatch(registry):
        raise _refuse(text, "it should read like docker.io/library/alpine:3.20")
    return Reference(registry, repository, tag or (None if digest else "latest"), digest or None)


def _split_registry(text: str) -> tuple[str, str]:
    first, slash, rest = text.partition("/")
    if not slash:
        return DOCKER_HUB, text
    if not ("." in first or ":" in first or first == "localhost" or first != first.lower()):
        return DOCKER_HUB, text
    return (DOCKER_HUB if first == "index.docker.io" else first), rest


def _refuse(text: str, advice: str) -> UsageError:
    shown = text if len(text) <= 80 else text[:77] + "..."
    return UsageError(f"{shown!r} is no image reference", hint=advice)
