"""References, as BuildKit prints them: with registry, repository, and a tag, a digest or both."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple


class NamedReference(NamedTuple):
    """A reference in its full form: ``docker.io/library/alpine:3.20@sha256:...``."""

    registry: str
    repository: str
    tag: str | None
    digest: str | None
    text: str


RESOLVING = "resolving "
"""How the name of the span of a look-up begins, since v0.16.0 (BuildKit 08bd6398f)."""


@lru_cache(maxsize=4096)
def split_reference(text: str) -> NamedReference | None:
    """Take a full reference apart; None for what has no registry or no repository."""
    name, _, digest = text.partition("@")
    registry, slash, path = name.partition("/")
    if not slash or not path or " " in text:
        return None
    tag: str | None = None
    last = path.rpartition("/")[2]
    if ":" in last:
        path, _, tag = path.rpartition(":")
    return NamedReference(registry.lower(), path, tag, digest or None, text)


def reference_of_span(span: str | None) -> NamedReference | None:
    """The reference that a span called ``resolving REFERENCE`` looks up; None for every other span."""
    if not span or not span.startswith(RESOLVING):
        return None
    return split_reference(span.removeprefix(RESOLVING).strip())
