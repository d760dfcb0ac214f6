"""Registry sections whose name matches nothing, or whose settings work against each other."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from analyzer.intent.conformance import quote
from analyzer.intent.hosts import ONE_HOST_SINCE, mask_credentials, read_mirror
from analyzer.intent.lint.finding import LintFinding, finding_at
from analyzer.intent.lint.keys import is_unquoted_registry
from analyzer.intent.versions import Version, parse_version
from analyzer.tables.urls import DOCKER_HUB

if TYPE_CHECKING:
    from analyzer.intent.config import Config
    from analyzer.intent.model import RegistryConfig

HUB_ALIASES: Final = frozenset(
    {
        "registry-1.docker.io",
        "index.docker.io",
        "registry.docker.io",
        "registry.hub.docker.com",
        "hub.docker.com",
        "docker.com",
        "docker",
        "dockerhub",
    }
)
"""Names that people use for Docker Hub, and BuildKit does not."""


def check_registries(config: Config, version: str | None) -> Iterator[LintFinding]:
    """Names of sections, and how a host is spoken to."""
    stated = parse_version(version)
    listed = {
        host
        for section in config.registries.values()
        for text in section.mirrors
        for host in (read_mirror(text, stated)[0], text)
    }
    split = {str(unknown.path[1]) for unknown in config.unknown if is_unquoted_registry(unknown)}
    for section in config.registries.values():
        if section.name not in listed and section.name not in split:
            yield from _check_name(section)
        yield from _check_transport(section, stated)


def _check_name(section: RegistryConfig) -> Iterator[LintFinding]:
    name = section.name
    bare = re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://", "", name)
    host = bare.partition("/")[0].rpartition("@")[2]
    right = DOCKER_HUB if host.partition(":")[0] in HUB_ALIASES | {DOCKER_HUB} else host
    header = f"[registry.{quote(mask_credentials(name))}]"
    suggestion = f"[registry.{quote(right)}]"
    if name != bare or "/" in name:
        what = "a URL" if name != bare else "a path"
        yield finding_at(
            section.place,
            "registry-key-url",
            "error",
            f"{header} is {what}, not the name of a registry: it never matches",
            fix="Name the registry as image references do.",
            suggestion=suggestion,
        )
    elif right == DOCKER_HUB != name:
        yield finding_at(
            section.place,
            "registry-key-alias",
            "error",
            f"{header} never matches: BuildKit looks Docker Hub up as docker.io",
            fix="Name the section docker.io.",
            suggestion=suggestion,
        )
    elif "*" in name or name in ("_default", "default", ""):
        yield finding_at(
            section.place,
            "registry-key-pattern",
            "error",
            f"{header} matches no registry: BuildKit knows neither patterns nor a default",
            fix="Write a section for every registry.",
        )
    elif name != name.strip():
        yield finding_at(
            section.place,
            "registry-key-space",
            "error",
            f"{header} never matches, for the space in it",
            fix="Take the space out.",
            suggestion=f"[registry.{quote(name.strip())}]",
        )


def _check_transport(section: RegistryConfig, version: Version) -> Iterator[LintFinding]:
    for key in ("ca", "keypair", "tlsconfigdir"):
        if section.http and not section.insecure and (key,) in section.places:
            yield finding_at(
                section.place_of(key),
                "unused-with-http",
                "warning",
                f"{key} is not used with http = true, and yet a file that cannot be read fails the registry",
                fix="Take out http = true, or the certificate files.",
            )
    if section.insecure and section.ca:
        yield finding_at(
            section.place_of("insecure"),
            "unverified-ca",
            "warning",
            f"insecure = true switches off the verification for which {section.name} has a ca",
            fix="Take out insecure = true, so that the ca counts.",
        )
    if section.insecure and section.http:
        how = (
            "is asked by plain HTTP first, then by HTTPS without verification"
            if version < ONE_HOST_SINCE
            else "is asked by HTTPS without verification first, then by plain HTTP"
        )
        yield finding_at(
            section.place_of("insecure"),
            "http-and-insecure",
            "info",
            f"{section.name} {how}",
            fix="Keep the one that the host speaks.",
        )
