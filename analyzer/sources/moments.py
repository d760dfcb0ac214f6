"""Moments as Go's programs print them: RFC 3339 with up to nine digits of a second."""

from __future__ import annotations

import re
from datetime import datetime

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?(Z|[+-]\d\d:\d\d)\Z")


def read_moment(value: object) -> datetime | None:
    """A moment; None of what is none, or of Go's zero time, which stands for none."""
    match = _MOMENT.match(str(value)[:64])
    if not match or match[1].startswith("0001"):
        return None
    try:
        return datetime.fromisoformat(
            f"{match[1]}.{(match[2] or '0')[:6]:0<6}{match[3].replace('Z', '+00:00')}"
        )
    except ValueError:
        return None
