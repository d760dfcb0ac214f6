"""Certificate files: pairs that cannot load, and files that buildx lays over each other."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzer.intent.buildx import rewrite_paths
from analyzer.intent.conformance import quote
from analyzer.intent.lint.finding import LintFinding, finding_at

if TYPE_CHECKING:
    from analyzer.intent.config import Config
    from analyzer.intent.model import RegistryConfig


def check_certificates(config: Config, version: str | None) -> Iterator[LintFinding]:
    """Key pairs and file names; the files themselves are not looked at."""
    for section in config.registries.values():
        yield from _check_pairs(section)
        yield from _check_authorities(section)
    for collision in rewrite_paths(config.registries, config.workers).collisions:
        first, *others = {file.path: file for file in collision.files}.values()
        other = others[-1]
        yield finding_at(
            other.place,
            "buildx-name-collision",
            "warning",
            f"docker buildx copies {quote(first.path)} and {quote(other.path)} to one file in the builder, "
            f"{collision.path_in_builder}: one is lost",
            fix=f"Give the files of {other.host} names of their own.",
        )


def _check_pairs(section: RegistryConfig) -> Iterator[LintFinding]:
    for index, pair in enumerate(section.keypair):
        place = section.place_of("keypair", index)
        if not pair.key or not pair.cert:
            missing = "key" if not pair.key else "cert"
            yield finding_at(
                place,
                "keypair-incomplete",
                "error",
                f"a keypair of {section.name} has no {missing}: nothing can be pulled from this registry",
                fix=f"Name the file: {missing} = ...",
            )
        elif _says_key(pair.cert) and not _says_key(pair.key):
            yield finding_at(
                place,
                "keypair-swapped",
                "warning",
                f"by their names, key and cert of {section.name} are the wrong way round: "
                f"cert is {quote(pair.cert)}",
                fix="Swap the two, if the names are right.",
            )


def _check_authorities(section: RegistryConfig) -> Iterator[LintFinding]:
    seen: set[str] = set()
    for index, path in enumerate(section.ca):
        place = section.place_of("ca", index)
        if not path:
            yield finding_at(
                place,
                "ca-empty",
                "error",
                f"a ca of {section.name} is an empty path: nothing can be pulled from this registry",
                fix="Name the file, or take the entry out.",
            )
        elif _says_key(path):
            yield finding_at(
                place,
                "ca-is-key",
                "warning",
                f"by its name, the ca {quote(path)} of {section.name} is a private key",
                fix="Name the certificate of the authority.",
            )
        if path in seen:
            yield finding_at(
                place,
                "ca-twice",
                "info",
                f"the ca {quote(path)} of {section.name} is listed twice",
                fix="Take one of them out.",
            )
        seen.add(path)


def _says_key(path: str) -> bool:
    name = posixpath.basename(path).lower()
    return name.endswith(".key") or name in ("key.pem", "client-key.pem")
