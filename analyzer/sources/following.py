"""Logs that are followed while they are written: what gives their bytes as they come."""

from __future__ import annotations

import io
import os
import select
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from analyzer.errors import SourceError
from analyzer.sources.builders import builder_of
from analyzer.sources.compression import compression_of, encoding_of
from analyzer.sources.model import Source
from analyzer.sources.names import is_url, shown_name
from analyzer.sources.stored import HEAD, reason, refuse_archives, unreadable
from analyzer.sources.surroundings import Files, Surroundings

MOST: Final = 1 << 19
"""Bytes given at once: what comes of more takes memory that is never given back."""

_PAUSE: Final = 0.1
"""Seconds between two looks at a file that gave nothing."""

_PATIENCE: Final = 1.0
"""Seconds after which half a line is given out all the same: a log may end without a line end."""

_CUT: Final = "the file was cut short while it was followed, and what had just been written to it may be lost"


class Follower(Protocol):
    """Gives the bytes of a log as they are written, from its beginning on."""

    @property
    def name(self) -> str:
        """What reports call it: ``builder:mybuilder``, a path."""

    @property
    def ended(self) -> str | None:
        """Why nothing more will come, once all that came was read, in words for people; None while something may."""

    @property
    def broken(self) -> str | None:
        """What of the log was lost on the way; None if nothing was."""

    @property
    def surroundings(self) -> Surroundings | None:
        """What is known of the daemon beside its log; another one once it was started anew."""

    @property
    def files(self) -> Files | None:
        """The files where the daemon runs, while they can be looked at."""

    def read(self, seconds: float) -> bytes:
        """What has come, as a rule whole lines; empty if nothing did.

        Args:
            seconds: How long to wait for something.
        """

    def close(self) -> None:
        """Let go of what it holds."""


def follow(spec: str) -> Follower:
    """Follow a log.

    Args:
        spec: The path of a file, ``-`` for standard input, or a daemon: ``builder:NAME``, ``container:NAME``,
            ``dockerd:``, or the mere name of a builder.

    Raises:
        SourceError: There is nothing of that name, or it cannot be followed.
    """
    if spec == "-":
        return FollowedStream("<stdin>", sys.stdin.fileno())
    if os.path.lexists(spec):
        return FollowedFile(Path(spec))
    if "://" in spec and is_url(spec):
        raise SourceError(
            "a log behind a URL cannot be followed",
            where=shown_name(spec),
            hint="buildkit-analyzer check reads it",
        )
    if os.sep in spec and not spec.startswith("container:"):
        raise SourceError(
            "no such file", where=spec, hint="name a builder, the file of its log, or - to pipe it in"
        )
    return _follow_daemon(spec if ":" in spec else f"builder:{spec}")


def source_of_follower(follower: Follower) -> Source:
    """The source that a followed log is: it cannot be opened once more."""

    def refuse() -> BinaryIO:
        raise SourceError("a log that is followed is read once", where=follower.name)

    return Source(
        name=follower.name,
        path=None,
        open=refuse,
        repeatable=False,
        builder=builder_of(follower.name),
        surroundings=follower.surroundings,
    )


def _follow_daemon(spec: str) -> Follower:
    if spec.startswith("dockerd:"):
        from analyzer.sources.dockerd import follow_dockerd

        return follow_dockerd(spec.removeprefix("dockerd:"))
    from analyzer.sources.followedcontainers import follow_daemon

    return follow_daemon(spec)


class _Lines:
    """Makes whole lines of what comes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._held = b""
        self._since = 0.0

    def take(self, data: bytes) -> bytes:
        """The lines that are whole now."""
        held = self._held + data
        end = held.rfind(b"\n") + 1
        if not end and len(held) >= MOST:
            end = len(held)
        self._held, self._since = held[end:], self._clock()
        return held[:end]

    def rest(self, *, at_once: bool = False) -> bytes:
        """Half a line whose end does not come."""
        if not at_once and self._clock() - self._since < _PATIENCE:
            return b""
        held, self._held = self._held, b""
        return held


class FollowedFile:
    """A file that grows, as ``tail -F`` follows it.

    A file that is renamed is read to its end, then the one that came in its place. One that is cut short is read
    anew; one that is cut and has grown beyond what was read before anybody looks is not told from one that grew.

    Args:
        path: The file.
        clock: Tells the seconds.
        sleep: Waits for seconds.

    Raises:
        SourceError: It is no file, cannot be read, or holds no plain text.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = path.as_posix()
        self.surroundings: Surroundings | None = None
        self.files: Files | None = None
        self._path = path
        self._clock, self._sleep = clock, sleep
        self._lines = _Lines(clock)
        self.ended: str | None = None
        self.broken: str | None = None
        try:
            self._stream = self._open()
            head = os.pread(self._stream.fileno(), HEAD, 0)
        except (OSError, ValueError) as error:
            raise unreadable(self.name, error) from None
        refuse_archives(self.name, head)
        if compression_of(head) or encoding_of(head):
            raise SourceError(
                "only plain text can be followed",
                where=self.name,
                hint="buildkit-analyzer check reads such files",
            )
        self._at = 0

    def read(self, seconds: float) -> bytes:
        """The lines that were written since the last call; half a line once its end does not come."""
        until = self._clock() + seconds
        while self.ended is None:
            try:
                data = self._take()
            except OSError as error:
                self.ended = self.broken = f"the file cannot be read any more: {reason(error)}"
                return self._lines.rest(at_once=True)
            left = until - self._clock()
            if data or left <= 0:
                return data
            self._sleep(min(left, _PAUSE))
        return b""

    def close(self) -> None:
        """Close the file."""
        self._stream.close()

    def _open(self) -> io.FileIO:
        # a pipe in its place would wait for a writer
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)
        stream = io.FileIO(descriptor, "rb")
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            stream.close()
            raise SourceError(
                "only a file can be followed by its name",
                where=self.name,
                hint="pipe it in, and name - for it",
            )
        return stream

    def _take(self) -> bytes:
        """What there is now."""
        if os.fstat(self._stream.fileno()).st_size < self._at:
            rest = self._lines.rest(at_once=True)
            self._stream.seek(0)
            self._at, self.broken = 0, _CUT
            if rest:
                return rest
        successor = self._successor()
        data = self._stream.read(MOST) or b""
        if data:
            # looked for a successor before: what is written until a file is renamed is read first
            if successor is not None:
                successor.close()
            self._at += len(data)
            return self._lines.take(data)
        if successor is None:
            return self._lines.rest()
        self._stream.close()
        self._stream, self._at = successor, 0
        return self._lines.rest(at_once=True)

    def _successor(self) -> io.FileIO | None:
        """The file that now stands in the place of the one that is read."""
        try:
            there, own = self._path.stat(), os.fstat(self._stream.fileno())
            if (there.st_dev, there.st_ino) == (own.st_dev, own.st_ino):
                return None
            return self._open()
        except (OSError, SourceError):
            return None  # nothing stands there yet


class FollowedStream:
    """A stream that is read once, such as standard input behind ``docker logs --follow``.

    Args:
        name: What reports call it.
        descriptor: Its file descriptor.
        clock: Tells the seconds.
    """

    def __init__(self, name: str, descriptor: int, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.name = name
        self.surroundings: Surroundings | None = None
        self.files: Files | None = None
        self._descriptor = descriptor
        self._lines = _Lines(clock)
        self._clock = clock
        self.ended: str | None = None
        self.broken: str | None = None

    def read(self, seconds: float) -> bytes:
        """The lines that came; half a line once its end does not come."""
        until = self._clock() + seconds
        while self.ended is None:
            left = max(until - self._clock(), 0.0)
            try:
                ready, _, _ = select.select([self._descriptor], [], [], left)
                data = os.read(self._descriptor, MOST) if ready else None
            except OSError as error:
                self.ended = self.broken = f"it cannot be read any more: {reason(error)}"
                return self._lines.rest(at_once=True)
            if data == b"":
                self.ended = "the input ended"
                return self._lines.rest(at_once=True)
            lines = self._lines.take(data) if data else self._lines.rest()
            if lines or not ready:
                return lines
        return b""

    def close(self) -> None:
        """Nothing is to be done: the descriptor is another's."""
