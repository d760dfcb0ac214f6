"""Where a log comes from: a file, standard input, a folder, compressed or not."""

from __future__ import annotations

from analyzer.sources.model import Source, is_binary
from analyzer.sources.places import open_sources

__all__ = ["Source", "is_binary", "open_sources"]
