"""Bundles as `collect` makes them, in memory, so that tests can change them."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from analyzer.collecting import write_bundle
from analyzer.sources import Source, open_sources
from analyzer.sources.manifests import MANIFEST
from analyzer.sources.surroundings import ConfigFile, Surroundings


def as_builder(log: Path, config: Path) -> list[Source]:
    """A log as that of a builder, whose configuration was looked at."""
    [source] = open_sources([str(log)])
    around = Surroundings(
        "builder:web", config=ConfigFile("/etc/buildkit/buildkitd.toml", True, config.read_bytes())
    )
    return [replace(source, name="builder:web", surroundings=around)]


def members_of(sources: Sequence[Source]) -> dict[str, bytes]:
    """The members of their bundle, its manifest first."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "bundle"
        write_bundle(sources, folder)
        found = {str(path.relative_to(folder)): path for path in sorted(folder.rglob("*")) if path.is_file()}
        return {name: found[name].read_bytes() for name in (MANIFEST, *(set(found) - {MANIFEST}))}


def log_member(members: Mapping[str, bytes]) -> str:
    """The name of the first log."""
    [first, *_] = json.loads(members[MANIFEST])["daemons"]
    return f"{first['folder']}/{first['log']}" if first.get("folder") else str(first["log"])


def changed(
    members: Mapping[str, bytes], news: Mapping[str, bytes], said: int | None = None
) -> dict[str, bytes]:
    """Members with others added or replaced, and a manifest that fits; or that says this size of the new ones."""
    manifest: dict[str, Any] = json.loads(members[MANIFEST])
    for name, data in news.items():
        size = len(data) if said is None else said
        manifest["members"][name] = {"bytes": size, "sha256": hashlib.sha256(data).hexdigest()}
    return {
        MANIFEST: json.dumps(manifest).encode(),
        **{k: v for k, v in members.items() if k != MANIFEST},
        **news,
    }


def packed(
    members: Mapping[str, bytes], mode: str = "w", *, odd: Callable[[tarfile.TarFile], None] | None = None
) -> bytes:
    """An archive of members, and perhaps of something odd behind them."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode=mode) as archive:  # type: ignore[call-overload]
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
        if odd is not None:
            odd(archive)
    return made.getvalue()
