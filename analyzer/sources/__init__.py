"""Where a log comes from: a file, standard input, a folder, a URL, many of them; compressed or not."""

from __future__ import annotations

from analyzer.sources.builders import builder_of
from analyzer.sources.manifests import is_bundle
from analyzer.sources.model import Source, Unreadable, is_binary
from analyzer.sources.places import name_builders, open_each, open_sources

__all__ = [
    "Source",
    "Unreadable",
    "builder_of",
    "is_binary",
    "is_bundle",
    "name_builders",
    "open_each",
    "open_sources",
]
