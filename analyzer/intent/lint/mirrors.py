"""Mirrors that are not asked as meant."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from analyzer.intent.conformance import quote
from analyzer.intent.hosts import MIRRORS_ARE_URLS_SINCE, is_local, mask_credentials, read_mirror
from analyzer.intent.lint.finding import LintFinding, finding_at
from analyzer.intent.versions import parse_version
from analyzer.tables.urls import DOCKER_HUB, upstream_host

if TYPE_CHECKING:
    from analyzer.intent.config import Config
    from analyzer.intent.model import RegistryConfig
    from analyzer.intent.places import Place

SETTINGS: Final = ("http", "insecure", "ca", "keypair", "tlsconfigdir")
"""The keys that say how a host is spoken to."""


@dataclass(frozen=True)
class _Mirror:
    """A mirror as written, and as BuildKit of the version reads it."""

    section: RegistryConfig
    text: str
    host: str
    path: str
    place: Place | None
    urls: bool

    @property
    def shown(self) -> str:
        return quote(mask_credentials(self.text))

    @property
    def key(self) -> str:
        """The key by which its own section is looked up (resolver.go, ``m[mirrorHost]``)."""
        return self.host if self.urls else self.text


def check_mirrors(config: Config, version: str | None) -> Iterator[LintFinding]:
    """The texts of mirrors, and the sections that should go with them."""
    urls = parse_version(version) >= MIRRORS_ARE_URLS_SINCE
    near = _by_bare_name(config)
    for section in config.registries.values():
        if ("mirrors",) in section.places and not section.mirrors:
            yield finding_at(
                section.place_of("mirrors"),
                "mirrors-empty",
                "warning",
                f"the list of mirrors of {section.name} is empty: it is asked directly",
                fix="List a mirror, or take the key out.",
            )
        seen: set[str] = set()
        for index, text in enumerate(section.mirrors):
            host, path, _ = read_mirror(text, parse_version(version))
            mirror = _Mirror(section, text, host, path, section.place_of("mirrors", index), urls)
            if not text.strip() or text != text.strip() or not re.fullmatch(r"\S+", host):
                yield _not_a_host(mirror)
                continue
            yield from _check_scheme(config, mirror)
            yield from _check_credentials(mirror)
            yield from _check_repetition(mirror, seen)
            yield from _check_settings(config, mirror, near)
            seen.add(host + path)


def _not_a_host(mirror: _Mirror) -> LintFinding:
    inner = mirror.text.strip()
    return finding_at(
        mirror.place,
        "mirror-not-a-host",
        "error",
        f"the mirror {mirror.shown} of {mirror.section.name} names no host",
        fix="Write host or host:port, as in mirror.example.com:5000.",
        suggestion=quote(mask_credentials(inner))
        if re.fullmatch(r"\S+", inner) and inner != mirror.text
        else None,
    )


def _check_scheme(config: Config, mirror: _Mirror) -> Iterator[LintFinding]:
    scheme, mark, rest = mirror.text.partition("://")
    without = quote(mask_credentials(rest))
    if not mark:
        if "/" in mirror.text and not mirror.urls:
            yield finding_at(
                mirror.place,
                "mirror-path",
                "error",
                f"the path in {mirror.shown} stands before /v2 in every URL with BuildKit before v0.12",
                fix="Use BuildKit v0.12 or newer, or a mirror without a path.",
            )
    elif not mirror.urls:
        yield finding_at(
            mirror.place,
            "mirror-scheme",
            "error",
            f"{mirror.shown} makes BuildKit before v0.12 look for a host named {scheme}",
            fix="Leave the scheme out.",
            suggestion=without,
        )
    elif scheme.lower() == "http" and not _is_plain(config, mirror.host):
        yield finding_at(
            mirror.place,
            "mirror-scheme",
            "error",
            f"the http:// of {mirror.shown} is ignored: BuildKit asks {mirror.host} by HTTPS",
            fix=f"Leave the scheme out, and write http = true under [registry.{quote(mirror.host)}].",
            suggestion=without,
        )
    else:
        yield finding_at(
            mirror.place,
            "mirror-scheme",
            "info",
            f"the scheme of {mirror.shown} is ignored, and BuildKit before v0.12 fails on it",
            fix="Leave the scheme out.",
            suggestion=without,
        )


def _is_plain(config: Config, host: str) -> bool:
    own = config.registries.get(host)
    return own.http if own and own.http is not None else is_local(host)


def _check_credentials(mirror: _Mirror) -> Iterator[LintFinding]:
    if mask_credentials(mirror.text) != mirror.text:
        yield finding_at(
            mirror.place,
            "mirror-credentials",
            "error",
            f"{mirror.shown} holds a user name, a password or a query, which BuildKit does not use",
            fix="Take them out, and log in with docker login: the client hands its credentials on.",
        )


def _check_repetition(mirror: _Mirror, seen: set[str]) -> Iterator[LintFinding]:
    registry = mirror.section.name
    if mirror.host + mirror.path in seen:
        yield finding_at(
            mirror.place,
            "mirror-twice",
            "warning",
            f"the mirror {mirror.shown} of {registry} is listed twice, and asked twice",
            fix="Take one of them out.",
        )
    if mirror.host in (registry, upstream_host(registry)) and mirror.path == "/v2":
        yield finding_at(
            mirror.place,
            "mirror-is-registry",
            "warning",
            f"the mirror {mirror.shown} is {registry} itself, which is asked last in any case",
            fix="Take it out.",
        )


def _check_settings(
    config: Config, mirror: _Mirror, near: dict[str, RegistryConfig]
) -> Iterator[LintFinding]:
    registry = mirror.section.name
    if mirror.key in config.registries or mirror.key == registry:
        return
    own = f"[registry.{quote(mask_credentials(mirror.key))}]"
    if other := _near_section(near, mirror.host):
        yield finding_at(
            other.place,
            "mirror-section-name",
            "error",
            f"[registry.{quote(mask_credentials(other.name))}] does not count for the mirror {mirror.host}: "
            "the name must be equal",
            fix=f"Name it {own}.",
            suggestion=own,
        )
        return
    stated = [key for key in SETTINGS if (key,) in mirror.section.places]
    if stated:
        # A registry of one's own may well need a CA of its own; Docker Hub never does.
        yield finding_at(
            mirror.section.place_of(stated[0]),
            "settings-under-registry",
            "error" if registry == DOCKER_HUB else "warning",
            f"{', '.join(stated)} under [registry.{quote(mask_credentials(registry))}] counts for {registry} "
            f"itself, not for its mirror {mirror.host}, which has no section",
            fix=f"Move it under {own}.",
            suggestion=own,
        )


def _by_bare_name(config: Config) -> dict[str, RegistryConfig]:
    """Sections that may be meant for a mirror, by host without scheme, port and path."""
    names: dict[str, RegistryConfig] = {}
    for section in config.registries.values():
        if not section.mirrors:
            names.setdefault(_bare(section.name).partition(":")[0], section)
    return names


def _near_section(near: dict[str, RegistryConfig], host: str) -> RegistryConfig | None:
    section = near.get(host.lower().partition(":")[0])
    if section is None:
        return None
    bare = _bare(section.name)
    # Two ports are two hosts, each with its own section.
    return section if bare == host.lower() or ":" not in bare or ":" not in host else None


def _bare(name: str) -> str:
    return name.rpartition("://")[2].partition("/")[0].lower()
