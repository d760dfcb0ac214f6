"""The containers of a Buildx builder.

Buildx keeps a builder as a JSON file under ``instances`` (docker/buildx ``store/store.go``), a node a container
``buildx_buildkit_<node>`` (``driver/manager.go``); a node is called as its builder with a number behind, unless its
maker named it. The file also holds the configuration and the certificate files, keys among them, that the builder was
made with: nothing of that is taken.
"""

from __future__ import annotations

import difflib
import json
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analyzer.errors import SourceError

if TYPE_CHECKING:
    from analyzer.sources.engine import Engine

PREFIX: Final = "buildx_buildkit_"
CONTAINER_DRIVER: Final = "docker-container"

_FILE_BYTES = 64 << 20


@dataclass(frozen=True)
class Node:
    """A node of a builder.

    Attributes:
        name: Its name: ``mybuilder0``.
        endpoint: The engine that runs it, an address or a context; None for the one in use.
    """

    name: str
    endpoint: str | None = None

    @property
    def container(self) -> str:
        """The container that it runs in."""
        return PREFIX + self.name


@dataclass(frozen=True)
class Builder:
    """A builder as Buildx keeps it.

    Attributes:
        name: Its name.
        driver: ``docker-container``, ``kubernetes``, ``remote`` or ``docker``.
        nodes: At least one.
    """

    name: str
    driver: str
    nodes: tuple[Node, ...]


def stored_builder(name: str) -> Builder | None:
    """A builder of the user's own Buildx; None where it has none of that name, or cannot be asked."""
    entry = _read(_folder() / "instances" / name.lower()) if _is_file_name(name) else None
    if not isinstance(entry, dict) or not isinstance(entry.get("Nodes"), list):
        return None
    nodes = tuple(
        Node(
            node["Name"], endpoint if isinstance(endpoint := node.get("Endpoint"), str) and endpoint else None
        )
        for node in entry["Nodes"]
        if isinstance(node, dict) and isinstance(node.get("Name"), str)
    )
    if not nodes:
        return None
    return Builder(str(entry.get("Name") or name), str(entry.get("Driver") or CONTAINER_DRIVER), nodes)


def builder_in_use() -> str | None:
    """The builder that ``docker buildx build`` would use; None where none was chosen."""
    if chosen := os.environ.get("BUILDX_BUILDER"):
        return chosen
    entry = _read(_folder() / "current")
    name = entry.get("Name") if isinstance(entry, dict) else None
    return name if isinstance(name, str) and name else None


def nodes_of(name: str, engine: Engine) -> list[Node]:
    """The nodes of a builder that the engine in use has containers of, or the node of that name itself.

    Raises:
        SourceError: There is none, or the engine does not answer.
    """
    names = engine.container_names()
    nodes = [one.removeprefix(PREFIX) for one in names if one.startswith(PREFIX)]
    of_builder = [node for node in nodes if re.fullmatch(re.escape(name) + r"\d+", node)]
    found = sorted(of_builder, key=lambda node: (len(node), node)) or [node for node in nodes if node == name]
    if found:
        return [Node(node) for node in found]
    raise SourceError(
        "there is no container of this builder",
        where=f"builder:{name}",
        hint=_hint(name, names, nodes, engine.where),
    )


def _hint(name: str, names: Sequence[str], nodes: Sequence[str], where: str) -> str:
    if name in names:
        return f"there is a container of that name: container:{name}"
    builders = sorted({re.sub(r"\d+$", "", node) or node for node in nodes})
    if close := difflib.get_close_matches(name, builders, n=1):
        return f"did you mean builder:{close[0]}?"
    if builders:
        return f"builders there: {', '.join(builders[:10])}"
    return f"{where} has no builder of the driver docker-container; docker buildx ls lists builders"


def _folder() -> Path:
    """Where Buildx keeps its builders (``util/confutil/config.go``)."""
    if own := os.environ.get("BUILDX_CONFIG"):
        return Path(own)
    docker = os.environ.get("DOCKER_CONFIG")
    return (Path(docker) if docker else Path.home() / ".docker") / "buildx"


def _is_file_name(name: str) -> bool:
    return re.fullmatch(r"[A-Za-z][A-Za-z0-9._-]*", name) is not None


def _read(path: Path) -> Any:
    try:
        if path.stat().st_size > _FILE_BYTES:
            return None
        return json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
