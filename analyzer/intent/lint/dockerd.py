"""A daemon.json, as far as it bears on the BuildKit inside dockerd."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzer.intent.conformance import quote
from analyzer.intent.hosts import is_local, mask_credentials
from analyzer.intent.lint.finding import LintFinding, finding_at

if TYPE_CHECKING:
    from analyzer.intent.config import Config


def check_dockerd(config: Config, version: str | None) -> Iterator[LintFinding]:
    """Mirrors that dockerd refuses, and keys that it does not know."""
    for unknown in config.unknown:
        name = str(unknown.path[-1])
        right = "registry-mirrors" if "mirror" in name.lower() else "insecure-registries"
        yield finding_at(
            unknown.place,
            "unknown-key",
            "error",
            f"{quote(name)} is no key of a daemon.json, and dockerd does not start with it",
            fix=f"Did you mean {quote(right)}?",
            suggestion=quote(right),
        )
    mirrors = config.values.get("registry-mirrors") or ()
    for index, text in enumerate(mirrors):
        place = config.place_of("registry-mirrors", index)
        if not (url := re.fullmatch(r"(https?)://([^/?#@\s]+)(/?)", text)):
            yield finding_at(
                place,
                "mirror-not-a-url",
                "error",
                f"dockerd takes only scheme and host for a mirror, not {quote(mask_credentials(text))}",
                fix="Write https://host or https://host:port, without a path.",
            )
            continue
        own = config.registries.get(url[2])
        # loopback addresses are insecure registries to dockerd without being listed (registry/config.go, 20.10)
        if url[1] == "http" and not is_local(url[2]) and not (own and (own.http or own.insecure)):
            yield finding_at(
                place,
                "mirror-scheme",
                "warning",
                f"the BuildKit inside dockerd ignores the http:// of {quote(text)} and asks by HTTPS",
                fix=f'Add {quote("http://" + url[2])} to "insecure-registries".',
            )
