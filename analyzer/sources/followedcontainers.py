"""The log of a container, followed while it is written: over restarts of the container and of the engine."""

from __future__ import annotations

import queue
import threading
import time
from typing import Final

from analyzer.errors import SourceError
from analyzer.sources.containerfiles import ContainerFiles
from analyzer.sources.containers import BUILDER, CONTAINER, find_nodes, inspect_container, surroundings_of
from analyzer.sources.engine import EngineLostError, RefusedError, connect
from analyzer.sources.frames import FrameError, Lines
from analyzer.sources.nodes import CONTAINER_DRIVER, builder_in_use
from analyzer.sources.surroundings import Files, Surroundings

LOST_SECONDS: Final = 10.0
"""Time that an engine that went away gets to come back."""

_PAUSE: Final = 0.3
_TOGETHER: Final = 1 << 20
_WAITING: Final = 64
"""Pieces that wait to be read: a reader that is slow slows the engine, and takes no more memory."""


class FollowedContainer:
    """A container whose log is followed.

    A restart of the container goes on in the same log, and so does one of the engine. Lines that come twice, since a
    stream was taken up again, are given once.

    Args:
        container: Its name or ID.
        called: What reports call it.
        endpoint: The engine; None for the one in use.
        driver: The buildx driver that made it.

    Attributes:
        name: What reports call it.
        surroundings: What is known of the daemon beside its log; another one once the container was started anew.
        files: The files in the container.
        ended: Why nothing more will come; None while it may.
        broken: What was lost on the way; None if nothing was.

    Raises:
        SourceError: There is no such container, or the engine cannot be asked.
    """

    def __init__(
        self, container: str, called: str, *, endpoint: str | None = None, driver: str | None = None
    ) -> None:
        self.name = called
        self.ended: str | None = None
        self.broken: str | None = None
        self._endpoint = endpoint
        self._engine = connect(endpoint)
        state = inspect_container(self._engine, container, called)
        self._identity = str(state["Id"])
        self._tty = bool((state.get("Config") or {}).get("Tty"))
        with self._engine.log(self._identity, tail=1):
            pass  # a log that the engine does not give is told at once
        self._driver = driver
        self.surroundings: Surroundings | None = surroundings_of(self._engine, state, called, driver)
        self.files: Files = ContainerFiles(self._engine, self._identity)
        self._pieces: queue.Queue[bytes | None] = queue.Queue(_WAITING)
        self._closing = threading.Event()
        self._last, self._again = b"", 0
        self._outcome: tuple[str | None, str | None] = (None, None)
        self._thread = threading.Thread(target=self._run, name="buildkit-analyzer-follow", daemon=True)
        self._thread.start()

    def read(self, seconds: float) -> bytes:
        """Whole lines that arrived, waiting at most so long; empty if none came."""
        if self.ended:
            return b""
        parts: list[bytes] = []
        size = 0
        try:
            piece = self._pieces.get(timeout=max(seconds, 0.0))
            while piece is not None:
                parts.append(piece)
                size += len(piece)
                if size >= _TOGETHER:
                    return b"".join(parts)
                piece = self._pieces.get_nowait()
            self.ended, self.broken = self._outcome
        except queue.Empty:
            pass
        return b"".join(parts)

    def close(self) -> None:
        """Stop following."""
        self._closing.set()

    def _run(self) -> None:
        """Read, in a thread of its own, until nothing more will come."""
        try:
            self._outcome = self._follow()
        except Exception as error:  # whatever it is, the reader must learn that nothing more comes
            self._outcome = ("it cannot be read any more", f"reading broke off: {type(error).__name__}")
        self._put(None)

    def _follow(self) -> tuple[str, str | None]:
        """Follow the container.

        Returns:
            Why it ended, and what was lost.
        """
        gone_since: float | None = None
        while not self._closing.is_set():
            try:
                self._read_once()
                state = self._engine.inspect(self._identity)
            except RefusedError as error:
                if self._engine.inspect(self._identity) is None:
                    return "the container was removed", None
                return "its log is not given any more", error.what
            except (EngineLostError, SourceError) as error:
                gone_since = gone_since or time.monotonic()
                if time.monotonic() - gone_since > LOST_SECONDS:
                    why = error.what if isinstance(error, SourceError) else str(error)
                    return "the engine went away", f"the engine went away: {why}"
                self._reconnect()
            except FrameError as error:
                return "its log cannot be read", str(error)
            else:
                gone_since = None
                if state is None:
                    return "the container was removed", None
            self._closing.wait(_PAUSE)
        return "it is not followed any more", None

    def _note_start(self) -> None:
        """A container that was started anew may have read another configuration."""
        state = self._engine.inspect(self._identity)
        if state is None:
            return
        around = surroundings_of(self._engine, state, self.name, self._driver)
        if around != self.surroundings:
            self.files = ContainerFiles(self._engine, self._identity)
            self.surroundings = around

    def _reconnect(self) -> None:
        try:
            engine = connect(self._endpoint)
        except SourceError:
            return
        self._engine.close()
        self._engine = engine

    def _read_once(self) -> None:
        """Read the stream from where the last one ended to its end: the container stopped, or the engine did."""
        lines = Lines(tty=self._tty)
        skip, before, begun = self._again, self._last, False
        since = _seconds(before) if before else None
        with self._engine.log(self._identity, since=since, follow=True) as pieces:
            for piece in pieces:
                fresh = []
                for line in lines.feed(piece):
                    stamp = line[: len(before)]
                    if skip and stamp == before:
                        skip -= 1
                        continue
                    fresh.append(line)
                if fresh and not begun:
                    begun = True
                    self._note_start()
                self._note(fresh)
                if fresh and not self._put(b"".join(fresh)):
                    return
        if lines.unfinished:
            raise EngineLostError("the stream ended in the middle of a line")
        # a line without an end is given once its end came: a stopped daemon may go on with it

    def _note(self, lines: list[bytes]) -> None:
        """Remember the last stamp, and how many lines bear it."""
        for line in lines:
            stamp = line.split(b" ", 1)[0]
            if stamp == self._last:
                self._again += 1
            else:
                self._last, self._again = stamp, 1

    def _put(self, piece: bytes | None) -> bool:
        while not self._closing.is_set():
            try:
                self._pieces.put(piece, timeout=0.5)
            except queue.Full:
                continue
            return True
        return False


def follow_daemon(spec: str) -> FollowedContainer:
    """Follow a builder or a container.

    Args:
        spec: ``builder:NAME``, ``container:NAME``, or the name of a builder alone.

    Raises:
        SourceError: There is none, the engine cannot be asked, or the builder has several nodes.
    """
    if spec.startswith(CONTAINER):
        return FollowedContainer(spec.removeprefix(CONTAINER), spec)
    name = spec.removeprefix(BUILDER) or builder_in_use()
    if not name:
        raise SourceError("no builder is named, and none is in use", where=BUILDER, hint="builder:NAME")
    nodes = find_nodes(name)
    if len(nodes) > 1:
        names = ", ".join(node.name for node in nodes)
        raise SourceError(
            "this builder has several nodes, and one is followed at a time",
            where=BUILDER + name,
            hint=f"name one of them: {names}",
        )
    [node] = nodes
    return FollowedContainer(node.container, BUILDER + name, endpoint=node.endpoint, driver=CONTAINER_DRIVER)


def _seconds(stamp: bytes) -> str:
    """A stamp of the engine as its ``since`` wants it: seconds since 1970, nine digits behind the point."""
    from datetime import datetime

    text = stamp.decode("ascii")
    whole = datetime.fromisoformat(text[:19] + text[29:].replace("Z", "+00:00"))
    return f"{int(whole.timestamp())}.{text[20:29]}"
