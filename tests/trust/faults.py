"""Accidents while a program reads or writes: full disks, read errors, files that change, targets that take nothing.

Each ends as a program should: with an exit code of its own and no traceback, nothing half-written, nothing lost that
stood there before.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.engine.program import START
from tests.trust.interrupted import KINDS, content

DISK, ROOM = 8 << 10, 96 << 10
"""Bytes of a full disk, less than any of the outputs, and of a small folder for temporary files."""

EARLIER = b"what stood there before"
ROUNDS = 3
"""How often a file is changed under a reading program."""


@dataclass(frozen=True)
class Fault:
    """An accident.

    Attributes:
        kind: What sort of accident.
        name: What happened to what.
        code: The exit code; below zero a signal.
        words: What the program said on standard error.
        wrong: What should not be; empty if all is well.
    """

    kind: str
    name: str
    code: int
    words: str
    wrong: tuple[str, ...]


def can_mount() -> bool:
    """Whether a small disk can be made here: only root may, and not in every container."""
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        return False
    with tempfile.TemporaryDirectory() as place:
        tried = ["unshare", "-m", "mount", "-t", "tmpfs", "tmpfs", place]
        return subprocess.run(tried, capture_output=True, check=False).returncode == 0


def _run(words: list[str], *, before: str = "", after: str = "", **variables: str) -> tuple[int, str]:
    """Run the program, in a mount namespace of its own where something has to be mounted before."""
    command = [*START, *words]
    if before:
        script = f'{before} && "$@"; code=$?; {after or ":"}; exit $code'
        command = ["unshare", "-m", "sh", "-c", script, "sh", *command]
    done = subprocess.run(command, capture_output=True, env={**os.environ, **variables}, check=False)
    return done.returncode, done.stderr.decode("utf-8", "replace")


def _judge(kind: str, name: str, told: tuple[int, str], codes: tuple[int, ...], wrong: list[str]) -> Fault:
    code, words = told
    if code not in codes:
        wrong.append(f"exit code {code}")
    if "Traceback" in words:
        wrong.append("a traceback")
    if ".partial" in words:
        wrong.append("names a place that a user does not know")
    if 2 in codes and code == 2 and not words.strip():
        wrong.append("no word")
    return Fault(kind, name, code, words.strip(), tuple(wrong))


def fill_disks(place: Path, log: Path) -> Iterator[Fault]:
    """Outputs, each on a disk with too little room, an earlier result there.

    Args:
        place: An empty folder.
        log: A log whose outputs do not fit.
    """
    for number, (name, words) in enumerate(KINDS.items()):
        # a disk is seen in its own namespace alone: what is left there is copied out
        disk, seen = place / f"disk-{number}", place / f"seen-{number}"
        disk.mkdir()
        target = disk / "target"
        asked = [{"LOG": str(log), "TARGET": str(target)}.get(word, word) for word in words]
        mount = f"mount -t tmpfs -o size={DISK} tmpfs {disk}"
        expected = {}
        if words[0] != "export":  # an export replaces only an export
            mount += f" && printf '{EARLIER.decode()}' > {target}"
            expected["target"] = EARLIER
        told = _run(asked, before=mount, after=f"cp -a {disk} {seen}")
        left = content(seen)
        yield _judge(
            "a full disk", name, told, (2,), [] if left == expected else [f"left {sorted(left or ())}"]
        )


def fill_temporary(place: Path, log: Path) -> Iterator[Fault]:
    """Inputs that need room of their own, where temporary files have none.

    Args:
        place: An empty folder.
        log: A log larger than the room.
    """
    room, target = place / "room", place / "report.json"
    room.mkdir()
    packed = place / "packed.log.gz"
    packed.write_bytes(gzip.compress(log.read_bytes(), 1))
    mount = f"mount -t tmpfs -o size={ROOM} tmpfs {room}"
    for name, words in {
        "a log": [str(log)],
        "a compressed log": [str(packed)],
        "a pipe": ["/dev/stdin"],
        "standard input": ["-"],
    }.items():
        asked = ["check", *words, "--format", "json", "--output", str(target)]
        before = f"{mount} && exec < {log}"
        told = _run(asked, before=before, TMPDIR=str(room))
        wrong = ["a report all the same"] if told[0] == 2 and target.exists() else []
        if [one.name for one in place.iterdir() if one.name.endswith(".partial")]:
            wrong.append("left its work")
        yield _judge("no room for temporary files", name, told, (0, 1, 2, 3), wrong)
        target.unlink(missing_ok=True)


def read_errors(place: Path, log: Path) -> Iterator[Fault]:
    """A file that cannot be read, beside one that can: the other one is judged."""
    for name in ("/proc/self/mem", "/proc/self/task"):
        yield _judge("a read error", name, _run(["check", name]), (2,), [])
        target = place / "report.json"
        told = _run(["check", name, str(log), "--format", "json", "--output", str(target)])
        judged = target.exists() and log.name.encode() in target.read_bytes()
        wrong = [] if judged else ["the other log is lost"]
        yield _judge("a read error", f"{name}, beside a log", told, (1, 2, 3), wrong)
        target.unlink(missing_ok=True)


def fail_disk(place: Path, log: Path) -> Iterator[Fault]:
    """A disk that fails where the middle of a log lies: what stands before and behind is still read.

    The disk is a file with an ext4 system, mounted through a loop device and then cut.

    Args:
        place: An empty folder.
        log: A log of some megabytes.
    """
    disk, image, report = place / "disk", place / "image", place / "report.json"
    disk.mkdir()
    packed = place / "packed.log.gz"
    packed.write_bytes(gzip.compress(log.read_bytes(), 1))
    for source in (log, packed):
        mount = (
            f"truncate -s 32M {image} && mkfs.ext4 -q {image} && mount -o loop {image} {disk} && "
            f"cp {source} {disk} && sync && umount {disk} && mount -o loop,ro {image} {disk}"
        )
        # the cut lies a little behind where the file begins; pieces of it may lie before that
        find = f"first=$(filefrag -v {disk}/{source.name} | awk '$1 == \"0:\" {{ print $4 + 0 }}')"
        cut = f"truncate -s $(( (first + 200) * 1024 )) {image}"
        words = ["show", str(disk / source.name), "coverage", "--format", "json", "--output", str(report)]
        told = _run(words, before=f"{{ {mount} && {find} && {cut}; }} >/dev/null")
        if told[0] == 32 or not report.exists():  # no loop device here
            continue
        rows = json.loads(report.read_text())
        wrong = ["called complete"] if all(row["complete"] for row in rows) else []
        if not sum(row["records"] for row in rows):
            wrong.append("all is lost")
        yield _judge("a disk that fails", f"under {source.name}", told, (0,), wrong)
        report.unlink()


def changing_files(place: Path, log: Path) -> Iterator[Fault]:
    """A file that grows, shrinks, is emptied, or is replaced while it is read, again and again."""
    data = log.read_bytes()
    path = place / "buildkitd.log"

    def grow() -> None:
        with path.open("ab") as stream:
            stream.write(data[:50_000])

    def shrink() -> None:
        with contextlib.suppress(OSError):
            os.truncate(path, max(0, path.stat().st_size - 70_000))

    def empty() -> None:
        os.truncate(path, 0)
        path.write_bytes(data)

    def rotate() -> None:
        path.rename(place / "buildkitd.log.1")
        path.write_bytes(data[:100_000])

    def remove() -> None:
        path.unlink(missing_ok=True)
        path.write_bytes(data)

    changes: dict[str, Callable[[], None]] = {
        "grows": grow,
        "shrinks": shrink,
        "is emptied": empty,
        "is rotated": rotate,
        "is removed": remove,
    }
    for name, change in changes.items():
        for _ in range(ROUNDS):
            for asked in (["check", str(path)], ["check", str(place / "*.log*")]):
                path.write_bytes(data)
                with _repeated(change):
                    told = _run(asked)
                yield _judge("a file that changes", f"{name}: {asked[-1][-5:]}", told, (0, 1, 2, 3), [])
        (place / "buildkitd.log.1").unlink(missing_ok=True)


@contextlib.contextmanager
def _repeated(change: Callable[[], None]) -> Iterator[None]:
    """Do something every few milliseconds."""
    done = threading.Event()

    def work() -> None:
        time.sleep(0.1)
        while not done.wait(0.02):
            change()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def bad_targets(place: Path, log: Path) -> Iterator[Fault]:
    """Targets that take nothing."""
    folder, file = place / "folder", place / "file"
    folder.mkdir()
    file.write_bytes(EARLIER)
    closed = place / "closed"
    closed.mkdir()
    for name, target, before in (
        ("a folder", folder, ""),
        ("below a file", file / "x", ""),
        ("in no folder", place / "none" / "x", ""),
        ("a full device", Path("/dev/full"), ""),
        ("a name that is too long", place / ("x" * 300), ""),
        ("a disk that is read only", closed / "x", f"mount -t tmpfs -o ro tmpfs {closed}"),
    ):
        told = _run(["check", str(log), "--output", str(target)], before=before)
        wrong = (
            []
            if file.read_bytes() == EARLIER and not list(folder.iterdir())
            else ["something was lost or left"]
        )
        yield _judge("a target that takes nothing", name, told, (2,), wrong)


def suffer(place: Path, log: Path) -> Iterator[Fault]:
    """All accidents.

    Args:
        place: An empty folder.
        log: A log of some megabytes.
    """
    for accident in (fill_disks, fill_temporary, read_errors, fail_disk, changing_files, bad_targets):
        folder = place / accident.__name__
        folder.mkdir()
        yield from accident(folder, log)
