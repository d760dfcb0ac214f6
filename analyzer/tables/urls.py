"""Registry URLs, taken apart as the OCI Distribution specification puts them together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

DOCKER_HUB = "docker.io"
DOCKER_HUB_HOST = "registry-1.docker.io"

_API = re.compile(
    r"^(?P<prefix>(?:/.*)?)/v2/(?P<repository>.+?)/(?P<resource>manifests|blobs|tags|referrers)"
    r"/(?P<object>.*)$"
)
_QUOTED_URL = re.compile(r"https?://[^\s\"'<>\\]+")


def upstream_host(registry: str) -> str:
    """The registry's own host: ``registry-1.docker.io`` for ``docker.io``, else itself."""
    return DOCKER_HUB_HOST if registry == DOCKER_HUB else registry


@dataclass(frozen=True, slots=True)
class RegistryURL:
    """A request's URL.

    Attributes:
        scheme: ``http`` or ``https``.
        host: Host, with the port where one is written.
        registry: The registry of the reference: the value of ``ns=``, which containerd appends for every host
            but the reference's own (registry.go, isProxy), else the host itself, ``docker.io`` for Docker Hub.
        mirror: ``ns=`` names another registry than the host.
        repository: The repository's path; with a path mirror the mirror's own path stands before it.
        resource: ``manifests``, ``blobs``, ``uploads``, or empty where the path is none of the API's.
        object: Tag or digest; empty for an upload.
    """

    scheme: str
    host: str
    registry: str
    mirror: bool
    repository: str | None
    resource: str
    object: str

    @property
    def digest(self) -> str | None:
        """The digest that the path names, None for a tag or an upload."""
        return self.object if ":" in self.object else None


@lru_cache(maxsize=4096)
def parse_url(text: str) -> RegistryURL | None:
    """Take a URL apart; None for what is no http URL."""
    try:
        parts = urlsplit(text)
        host = parts.netloc.rpartition("@")[2].lower()
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not host:
        return None
    named = parse_qs(parts.query).get("ns", [""])[0]
    own = DOCKER_HUB if host == DOCKER_HUB_HOST else host
    found = _API.match(parts.path)
    repository, resource, item = None, "", ""
    if found:
        repository, resource, item = found["repository"], found["resource"], found["object"]
        if resource == "blobs" and item.startswith("uploads"):
            resource, item = "uploads", ""
    return RegistryURL(parts.scheme, host, named or own, bool(named), repository, resource, item)


def find_url(text: str | None) -> RegistryURL | None:
    """The first registry URL inside a text, such as an error's; None without one."""
    if not text or "://" not in text:
        return None
    for found in _QUOTED_URL.finditer(text):
        url = parse_url(found[0].rstrip(":,.)"))
        if url is not None and url.resource:
            return url
    return None
