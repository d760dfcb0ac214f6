"""Containers that run a daemon: ``builder:NAME`` of Buildx, and ``container:NAME`` of anybody."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from analyzer.errors import SourceError
from analyzer.sources.containerfiles import ContainerFiles
from analyzer.sources.engine import Engine, EngineLostError, connect
from analyzer.sources.frames import FrameError, Lines
from analyzer.sources.history import History
from analyzer.sources.local import Copy
from analyzer.sources.model import Source, Unreadable
from analyzer.sources.moments import read_moment
from analyzer.sources.nodes import CONTAINER_DRIVER, Node, builder_in_use, nodes_of, stored_builder
from analyzer.sources.stored import reason
from analyzer.sources.surroundings import Surroundings, is_kept_variable

if TYPE_CHECKING:
    from analyzer.sources.engine import Json

CONTAINER: Final = "container:"
BUILDER: Final = "builder:"

_WRITTEN_BYTES = 1 << 20


def open_builder(name: str) -> list[Source | Unreadable]:
    """The logs of a builder's nodes.

    Args:
        name: A builder or a node of one; empty for the builder in use.

    Raises:
        SourceError: There is none, or the engine cannot be asked.
    """
    chosen = name or builder_in_use()
    if not chosen:
        raise SourceError("no builder is named, and none is in use", where=BUILDER, hint="builder:NAME")
    nodes = find_nodes(chosen)
    opened: list[tuple[Node, Source | Unreadable]] = []
    running = True
    for node in nodes:
        called = BUILDER + (chosen if len(nodes) == 1 else node.name)
        try:
            engine = connect(node.endpoint)
            state = inspect_container(engine, node.container, called)
            running = running and _runs(state)
            opened.append((node, _open(engine, state, called, CONTAINER_DRIVER)))
        except SourceError as error:
            opened.append((node, Unreadable(called, error)))
            running = False
    return [
        replace(one, history=_history(chosen, node, one, running=running)) if isinstance(one, Source) else one
        for node, one in opened
    ]


def _history(builder: str, node: Node, source: Source, *, running: bool) -> History:
    """Where the records of a node's builds can be asked for.

    Args:
        builder: The builder.
        node: The node.
        source: Its log.
        running: All nodes of the builder run: Buildx would start one that does not.
    """
    kept = stored_builder(builder)
    since = source.surroundings.created if source.surroundings else None
    if kept is None:
        # a Docker context may have the name, and its records are not of this builder
        return History(builder, node.name, since, "this user's Buildx has no builder of that name")
    if not running:
        return History(kept.name, node.name, since, "not all nodes of the builder run, and none is started")
    return History(kept.name, node.name, since)


def _runs(state: Json) -> bool:
    """Whether a container runs, and is not held."""
    told = _part(state, "State")
    return told.get("Running") is True and told.get("Paused") is not True


def find_nodes(name: str) -> list[Node]:
    """The nodes of a builder.

    Raises:
        SourceError: There is none, or it runs where no engine can be asked.
    """
    kept = stored_builder(name)
    if kept is None:
        return nodes_of(name, connect())
    if kept.driver != CONTAINER_DRIVER:
        raise SourceError(
            f"this builder is of the driver {kept.driver}, and runs in no container of a Docker Engine",
            where=BUILDER + name,
            hint={
                "docker": "it is the engine's own BuildKit: dockerd:",
                "kubernetes": "save the log of its pod, whole: kubectl logs",
            }.get(kept.driver, "save the log where the daemon runs, and name the file"),
        )
    return list(kept.nodes)


def open_container(name: str) -> Source:
    """The log of a container.

    Raises:
        SourceError: There is no such container, or the engine cannot be asked.
    """
    engine, called = connect(), CONTAINER + name
    return _open(engine, inspect_container(engine, name, called), called, None)


def inspect_container(engine: Engine, container: str, called: str) -> Json:
    """What the engine says of a container.

    Raises:
        SourceError: There is none.
    """
    found = engine.inspect(container)
    if found is None:
        raise SourceError(
            f"there is no container {container}",
            where=called,
            hint="docker ps --all lists the containers; a builder that was stopped with docker buildx rm is gone",
        )
    return found


def surroundings_of(engine: Engine, state: Json, called: str, driver: str | None) -> Surroundings:
    """What the engine knows of a container; its files are looked at by others."""
    config, told = _part(state, "Config"), _part(state, "State")
    words = [state.get("Path"), *(state.get("Args") or ())]
    command = tuple(word for word in words if isinstance(word, str) and word) or None
    environment = dict(
        sorted(
            (name, value)
            for name, _, value in (str(one).partition("=") for one in config.get("Env") or ())
            if is_kept_variable(name)
        )
    )
    return Surroundings(
        name=called,
        command_line=command,
        environment=environment,
        image=_text(config.get("Image")),
        image_id=_text(state.get("Image")),
        engine=engine.version(),
        driver=driver,
        created=read_moment(state.get("Created")),
        started=read_moment(told.get("StartedAt")),
        user=_text(config.get("User")),
    )


def _open(engine: Engine, state: Json, called: str, driver: str | None) -> Source:
    identity = str(state["Id"])
    copy = Copy()
    lost = _copy_log(engine, state, called, copy.path)
    source = copy.source(called)
    around = surroundings_of(engine, state, called, driver)
    return replace(source, lost=lost, surroundings=around, files=ContainerFiles(engine, identity))


def _copy_log(engine: Engine, state: Json, called: str, path: Path) -> str | None:
    """Write the log of a container to a file.

    Returns:
        What was lost on the way; None if nothing was.
    """
    identity, tty = str(state["Id"]), bool(_part(state, "Config").get("Tty"))
    lines, lost = Lines(tty=tty), None
    try:
        newest = _newest(engine, identity, tty=tty)
        with path.open("wb", buffering=_WRITTEN_BYTES) as target:
            with engine.log(identity) as pieces:
                try:
                    for piece in pieces:
                        target.writelines(lines.feed(piece))
                    if lines.unfinished:
                        lost = "the engine broke off in the middle of a line"
                except EngineLostError as error:
                    lost = f"the engine broke off: {error}"
                except FrameError as error:
                    raise SourceError(str(error), where=called) from None
            target.writelines(lines.finish())
            size = target.tell()
    except OSError as error:
        raise SourceError(f"its log cannot be copied: {reason(error)}", where=called) from None
    except SourceError as error:
        raise SourceError(error.what, where=called, hint=error.hint) from None
    if lost and not size:
        raise SourceError(f"its log cannot be read: {lost}", where=called, hint="is dockerd still running?")
    if not lost and lines.last < newest:
        # a stream can end early without a word: the engine stops at an entry that it cannot decode
        lost = "the engine ended it before its last line"
    return lost


def _newest(engine: Engine, container: str, *, tty: bool) -> bytes:
    """The stamp of the last line that the log has now; empty for an empty log."""
    lines = Lines(tty=tty)
    with suppress(FrameError, EngineLostError), engine.log(container, tail=1) as pieces:
        for piece in pieces:
            lines.feed(piece)
    lines.finish()
    return lines.last


def _part(state: Json, name: str) -> dict[str, Any]:
    part = state.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
