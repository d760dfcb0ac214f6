"""Media types: what an object of an image is, by the type of its descriptor."""

from __future__ import annotations

from functools import lru_cache

_KINDS = (
    ("index", ("manifest.list", "image.index")),
    ("manifest", ("distribution.manifest", "image.manifest")),
    ("config", ("image.config", "container.image.v1", "container.plugin")),
    ("layer", ("image.layer", "image.rootfs", "in-toto", "spdx")),
)


@lru_cache(maxsize=1024)
def kind_of_media_type(media_type: str | None) -> str | None:
    """What a descriptor of this media type (or an Accept header that begins with it) is for."""
    if not media_type:
        return None
    first = media_type.partition(",")[0]
    for kind, marks in _KINDS:
        if any(mark in first for mark in marks):
            return kind
    return None
