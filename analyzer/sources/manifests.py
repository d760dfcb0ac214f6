"""What tells a bundle from other files: how its manifest is called, and the format that this names."""

from __future__ import annotations

import zlib
from pathlib import Path
from typing import Final

FORMAT: Final = "buildkit-analyzer/bundle/1"
MANIFEST: Final = "manifest.json"


def is_bundle(spec: str) -> bool:
    """Whether a path names a bundle, by its content."""
    path = Path(spec)
    try:
        if path.is_dir():
            with (path / MANIFEST).open("rb") as stream:
                return FORMAT.encode() in stream.read(4096)
        if not path.is_file():
            return False
        with path.open("rb") as raw:
            head = raw.read(1 << 14)
        if head.startswith(b"\x1f\x8b"):
            head = zlib.decompressobj(31).decompress(head, 4096)
        return head.startswith(MANIFEST.encode() + b"\0") and FORMAT.encode() in head
    except (OSError, ValueError, zlib.error):
        return False
