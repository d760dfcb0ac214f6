"""BuildKit's versions, as far as behaviour hangs on them."""

from __future__ import annotations

import re
from typing import Final

Version = tuple[int, int, int]

OLDEST: Final[Version] = (0, 9, 0)
"""The oldest series that this program knows."""

NEWEST: Final[Version] = (1 << 30, 0, 0)
"""Stands for a version that is not known: the newest behaviour is assumed."""

_NUMBERS = re.compile(r"v?(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?(?![\d.])")


def parse_version(text: str | None) -> Version:
    """Read a version.

    Args:
        text: ``v0.17.3``, ``0.17``, ``v0.17.3-rootless``; an image tag such as ``buildx-stable-1`` or None.

    Returns:
        Its three numbers; NEWEST where the text names no version.
    """
    found = _NUMBERS.match(text.strip()) if text else None
    if found is None:
        return NEWEST
    return int(found[1]), int(found[2]), int(found[3] or 0)


def print_version(version: Version) -> str:
    """A version as BuildKit writes it, without a last zero: ``v0.12``, ``v0.17.3``."""
    major, minor, patch = version
    return f"v{major}.{minor}" + (f".{patch}" if patch else "")
