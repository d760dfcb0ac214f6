"""Memory that was freed, given back: between two steps of work on a large log, so that their peaks do not add up."""

from __future__ import annotations

MANY_RECORDS = 200_000
"""Records from which on a log leaves enough behind to be worth it."""


def give_back() -> None:
    """Let the C library return what was freed to the system, where it can."""
    try:
        import ctypes

        trim = ctypes.CDLL(None).malloc_trim
    except (AttributeError, ImportError, OSError, TypeError):
        return  # not the GNU C library
    trim(0)
