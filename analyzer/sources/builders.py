"""Which builder wrote a log, told from the log's name.

The name is all there is: a log does not say who wrote it. Where the file's own name says nothing, as
``buildkitd.log`` does, its folder's does.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from analyzer.sources.names import query_start

_COMPRESSED = re.compile(r"\.(?:gz|zst|xz|bz2)$", re.IGNORECASE)
_ROTATED = re.compile(r"(?:\.log|\.json)?(?:\.\d+|-\d{6,14})?$|\.(?:log|json|txt|out)$", re.IGNORECASE)
_DOCKER = re.compile(r"^[0-9a-f]{64}-json$")
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]*://")
_SAYS_NOTHING = re.compile(
    r"^(?:buildkitd?|moby-buildkit|dockerd?|containers?|logs?|std(?:in|out|err)|output|current|messages|syslog"
    r"|var|tmp|run|data|\.{0,2}"
    r"|\d{1,14}|\d{4}-\d{2}(?:-\d{2})?|(?:date|dt|day|month|year|hour)=.*)$",
    re.IGNORECASE,
)
"""Names of daemons, of places for logs, and of days: no builder is called so."""

_DAEMON = re.compile(r"(?P<kind>builder|container|dockerd):(?!//)(?P<name>[^/\\]*)\Z")

_HIVE = re.compile(r"^\w+=(?=.)")


def builder_of(name: str) -> str:
    """The builder that a log's name tells of: ``s3://logs/builder-17/buildkitd.log.gz`` is ``builder-17``.

    Args:
        name: A path, a URL, ``<stdin>``, or a daemon that runs (``builder:web``).
    """
    if daemon := _DAEMON.match(name):
        return daemon["name"] or daemon["kind"]
    *folders, file = [part for part in _path(name).replace("\\", "/").split("/") if part] or [""]
    stem = _COMPRESSED.sub("", file)
    stem = _ROTATED.sub("", stem).strip("<>")
    if not _SAYS_NOTHING.match(stem) and not _DOCKER.match(stem):
        return stem
    for folder in reversed(folders):
        if not _SAYS_NOTHING.match(folder):
            return _HIVE.sub("", folder)
    return stem or "log"


def unique_builders(names: Iterable[str]) -> list[str]:
    """A builder for each log, no two the same: the second ``web3`` is ``web3-2``."""
    wanted = [builder_of(name) for name in names]
    taken: set[str] = set()
    reserved = set(wanted)
    given = []
    counts: dict[str, int] = {}
    for builder in wanted:
        chosen = builder
        while chosen in taken or (chosen != builder and chosen in reserved):
            counts[builder] = counts.get(builder, 1) + 1
            chosen = f"{builder}-{counts[builder]}"
        taken.add(chosen)
        given.append(chosen)
    return given


def _path(name: str) -> str:
    """The path of a name, with the host or bucket of a URL as its first folder."""
    last = name.split("::")
    url = next((part for part in last if "/" in part.partition("://")[2]), last[0])
    if not _SCHEME.match(url):
        return url
    place = _SCHEME.sub("", url[: query_start(url)])
    host, slash, path = place.partition("/")
    return f"{host.rpartition('@')[2]}{slash}{path}"
