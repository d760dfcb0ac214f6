"""How current `watch` is, and what it takes, while a log is written: ``python -m benchmarks.watch --seconds 300``.

A log is generated and written to a file line by line at a rate; another process watches the file as the command
does. Told are, as they grow: lines written, how far reading and verdicts are behind, and resident memory.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.generate import Options, generate
from benchmarks.sizes import SAMPLE, SAMPLES, parse_size
from benchmarks.templates import read_capture

STEP = 0.05
"""Seconds between two writes."""


@dataclass
class Written:
    """When how many lines stood in the file."""

    times: list[float] = field(default_factory=list)
    lines: list[int] = field(default_factory=list)

    def note(self, lines: int) -> None:
        self.times.append(time.monotonic())
        self.lines.append(lines)

    def behind(self, now: float, lines: int) -> float:
        """Seconds since the first line was written that is not among so many; 0 if there is none."""
        place = bisect_right(self.lines, lines)
        return max(now - self.times[place], 0.0) if place < len(self.times) else 0.0


def write(
    path: Path, size: int, before: int, rate: float, log: Path, written: Written, stop: threading.Event
) -> None:
    """Write a generated log: so many bytes at once, then so many lines a second."""
    pieces = generate(Options(size), [read_capture(log)])
    lines = 0
    with path.open("ab", buffering=0) as stream:
        while before > 0 and (piece := next(pieces, None)):
            stream.write(piece)
            before -= len(piece)
            lines += piece.count(b"\n")
        written.note(lines)
        begun, first, waiting = time.monotonic(), lines, []
        while not stop.wait(STEP):
            due = first + int((time.monotonic() - begun) * rate) - lines
            while len(waiting) < due:
                waiting += next(pieces).splitlines(keepends=True)
            stream.write(b"".join(waiting[:due]))
            del waiting[:due]
            lines += due
            written.note(lines)


def follow(path: str, config: str) -> None:
    """Watch as the command does, and tell of each turn on standard output."""
    from analyzer.cli.startup import prepare_arrow, prepare_process

    prepare_process()
    prepare_arrow()
    from analyzer.checks import load_rules
    from analyzer.fleet import Question
    from analyzer.intent import load_config
    from analyzer.sources.following import FollowedFile
    from analyzer.watching import Watch

    page = os.sysconf("SC_PAGE_SIZE")
    with Watch(FollowedFile(Path(path)), Question(load_rules(), load_config(config))) as watch:
        while not Path(path + ".end").exists():
            begun = time.monotonic()
            watch.advance()
            now, view = time.monotonic(), watch.view()
            told = {
                "now": now,
                "turn": now - begun,
                "lines": view.lines,
                "judged": view.judged_lines,
                "resident": int(Path("/proc/self/statm").read_text().split()[1]) * page,
                "cpu": sum(os.times()[:4]),
            }
            print(json.dumps(told), flush=True)
        begun = time.monotonic()
        verdicts = watch.conclude()
        peak = next(
            int(line.split()[1]) * 1024
            for line in Path("/proc/self/status").read_text().splitlines()
            if line.startswith("VmHWM")
        )
        end = {"seconds": time.monotonic() - begun, "peak": peak, "records": verdicts.info.records}
        print(json.dumps({"end": end}), flush=True)


def measure(arguments: argparse.Namespace) -> None:
    size = arguments.before + int(arguments.seconds * arguments.rate * 2000)
    written, stop = Written(), threading.Event()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "buildkitd.log"
        path.touch()
        words = (path, size, arguments.before, arguments.rate, arguments.log, written, stop)
        writer = threading.Thread(target=write, args=words)
        writer.start()
        command = [
            sys.executable,
            "-m",
            "benchmarks.watch",
            "--follow",
            str(path),
            "--config",
            str(arguments.config),
        ]
        # as the command sets it before anything of Arrow's is imported
        env = {**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"}
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as watcher:
            assert watcher.stdout is not None
            begun, shown = time.monotonic(), 0.0
            worst = dict.fromkeys(("reading", "verdicts", "turn", "resident"), 0.0)
            print("     time       lines  reading  verdicts  longest turn       RSS  processor")
            for line in watcher.stdout:
                told = json.loads(line)
                if "end" in told:
                    end = told["end"]
                    print(
                        f"report after {end['seconds']:.1f} s, peak RSS {end['peak'] / 1e6:.0f} MB, "
                        f"{end['records']:,} records"
                    )
                    break
                now = told["now"]
                behind = {
                    "reading": written.behind(now, told["lines"]),
                    "verdicts": written.behind(now, told["judged"]),
                    "turn": told["turn"],
                    "resident": told["resident"],
                }
                worst = {name: max(value, behind[name]) for name, value in worst.items()}
                if now - begun >= arguments.seconds and not stop.is_set():
                    stop.set()
                    writer.join()
                    Path(f"{path}.end").touch()
                if now - shown >= arguments.each:
                    shown = now
                    print(
                        f"{now - begun:7.0f} s {told['lines']:11,} {worst['reading']:6.1f} s {worst['verdicts']:7.1f} s"
                        f" {worst['turn']:11.2f} s {worst['resident'] / 1e6:6.0f} MB"
                        f" {told['cpu'] / max(now - begun, 1):9.0%}",
                        flush=True,
                    )
                    worst = dict.fromkeys(worst, 0.0)
        stop.set()
        writer.join()


def main(words: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.watch", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=120, help="how long to write")
    parser.add_argument("--rate", type=float, default=2000, help="lines a second")
    parser.add_argument(
        "--before", type=parse_size, default=0, help="bytes of log that are there at first: 1GB"
    )
    parser.add_argument("--each", type=float, default=10, help="seconds between two rows")
    parser.add_argument("--log", type=Path, default=SAMPLE, help="the captured log that is grown")
    parser.add_argument("--config", type=Path, default=SAMPLES / "parallel" / "buildkitd.toml")
    parser.add_argument("--follow", help=argparse.SUPPRESS)
    told = parser.parse_args(words)
    if told.follow:
        follow(told.follow, str(told.config))
    else:
        measure(told)


if __name__ == "__main__":
    main()
