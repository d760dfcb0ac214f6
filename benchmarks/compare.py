"""Measure this tool beside its peers, all in one run, and write docs/performance.md: ``python -m benchmarks.compare``.

All commands are run in turn, round by round; what counts is the median of each. Peers that are too slow for a large
log get a smaller one, and megabytes a second are compared. A peer that is not installed is skipped; to have them all:
``pip install polars chdb logfmtkv`` and ``apt-get install miller lnav``.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from benchmarks.contestants import PEERS, ROOT, Peer, knows_jobs, own_command
from benchmarks.goals import RECORDS_ONLY
from benchmarks.measure import Case, Result, measure_in_turn
from benchmarks.performance import GROWTH_ROUNDS, STARTUP_ROUNDS, Report, render
from benchmarks.sizes import SAMPLE, name_size, parse_size
from benchmarks.traces import CASE as TRACED
from benchmarks.traces import grow

SMALL = ROOT / "sample_logs" / "cache-registry"
"""A log of some 100 KB."""

CHECK_ENDS = (0, 1, 3)


def say(line: str) -> None:
    """A line of progress."""
    print(line, file=sys.stderr, flush=True)


@dataclass
class Logs:
    """The logs of a run, generated when they are first wanted."""

    work: Path
    seed: int
    captured: Path
    made: dict[str, Path] = field(default_factory=dict)

    def log(self, size: int, *words: str) -> Path:
        """A log of a size, with further words for the generator."""
        name = "-".join([str(size), *(word.strip("-") for word in words)]) + ".log"
        if name not in self.made:
            path = self.work / name
            say(f"generating {name}")
            command = [
                sys.executable,
                "-m",
                "benchmarks.generate",
                "--size",
                str(size),
                "--seed",
                str(self.seed),
            ]
            command += ["--from", str(self.captured), "--out", str(path), *words]
            subprocess.run(command, check=True, cwd=ROOT)
            self.made[name] = path
        return self.made[name]

    def twin(self, size: int) -> Path:
        """The JSON lines of a log without what is no JSON: the stack with which the daemon stops."""
        name = f"{size}-twin.jsonl"
        if name not in self.made:
            whole = self.log(size, "--form", "json", "--stacks", "0")
            with whole.open("rb") as source, (self.work / name).open("wb") as target:
                target.writelines(line for line in source if line.startswith(b"{"))
            whole.unlink()
            self.made[name] = self.work / name
        return self.made[name]

    def drop(self) -> None:
        """Remove the logs."""
        for path in self.made.values():
            path.unlink(missing_ok=True)
        self.made.clear()


def export_case(key: tuple[str, ...], log: Path, *words: str) -> Case:
    return Case(
        key,
        log.stat().st_size,
        lambda target: own_command("export", str(log), str(target / "tables"), *words),
    )


def check_case(key: tuple[str, ...], log: Path, config: Path, *words: str) -> Case:
    command = own_command("check", str(log), "--config", str(config), *words)
    return Case(key, log.stat().st_size, lambda target: command, CHECK_ENDS)


def peer_case(peer: Peer, size: int, logs: Logs) -> Case:
    taken = min(size, peer.most or size)
    log = logs.log(taken)
    command = partial(peer.command, logs.twin(taken) if peer.twin else log)
    return Case(("peer", peer.key, name_size(size)), log.stat().st_size, command)


def cases_of_size(size: int, logs: Logs, config: Path, peers: Sequence[Peer], jobs: bool) -> list[Case]:
    log, name = logs.log(size), name_size(size)
    cases = [export_case(("own", "export", name), log), check_case(("own", "check", name), log, config)]
    cases.append(export_case(("own", RECORDS_ONLY, name), log, "--table", "records"))
    if jobs:
        cases.append(export_case(("own", "export --jobs 1", name), log, "--jobs", "1"))
        cases.append(check_case(("own", "check --jobs 1", name), log, config, "--jobs", "1"))
    return cases + [peer_case(peer, size, logs) for peer in peers]


def growth_cases(size: int, logs: Logs, config: Path) -> list[Case]:
    cases = []
    for one in (size, 4 * size):
        log = logs.log(one)
        cases.append(export_case(("growth", "export", name_size(one)), log))
        cases.append(check_case(("growth", "check", name_size(one)), log, config))
    return cases


def other_cases(size: int, logs: Logs, config: Path) -> list[Case]:
    """The worst cases and the other forms."""
    cases = []
    for damage in ("every-line", "rare-escapes"):
        log = logs.log(size, "--damage", damage)
        cases.append(export_case(("worst", "export", damage), log))
        cases.append(check_case(("worst", "check", damage), log, config))
    for name, words in (
        ("JSON", ("--form", "json")),
        ("terminal", ("--form", "terminal")),
        ("a third in stacks", ("--stacks", "0.33")),
        ("4 builders", ("--builders", "4")),
    ):
        log = logs.log(size, *words)
        cases.append(export_case(("form", "export", name), log))
        cases.append(check_case(("form", "check", name), log, config))
    return cases


def trace_cases(size: int, work: Path) -> list[Case]:
    """Traces that were exported, beside the log of the same builds and by themselves."""
    grown = grow(size, work)
    words = ["--trace", str(grown.traces), "--config", str(TRACED / "buildkitd.toml")]
    cases = []
    for name, sources in (("check LOG --trace", [str(grown.log)]), ("check --trace", [])):
        command = own_command("check", *sources, *words)
        read = sum(Path(source).stat().st_size for source in sources) + grown.traces.stat().st_size
        cases.append(Case(("trace", name, name_size(size)), read, partial(_same, command), CHECK_ENDS))
    return cases


def _same(command: Sequence[str], _: Path) -> Sequence[str]:
    return command


def startup_cases() -> list[Case]:
    log, config = SMALL / "buildkitd.log", SMALL / "buildkitd.toml"
    return [
        Case(("start-up", "help"), 0, lambda target: own_command("--help")),
        check_case(("start-up", "check"), log, config),
    ]


def layers_of(log: Path, config: Path) -> str:
    """What `benchmarks.layers` prints."""
    command = [sys.executable, "-m", "benchmarks.layers", str(log), "--config", str(config)]
    told = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    return told.stdout if told.returncode == 0 else ""


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description=(__doc__ or "").split(":")[0]
    )
    parser.add_argument(
        "--sizes", default="100MB,1GB", help="of the logs, smallest first (default: 100MB,1GB)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="runs of each command (default: 5)")
    parser.add_argument(
        "--from",
        dest="captured",
        type=Path,
        default=SAMPLE,
        metavar="LOG",
        help="the captured log that the generator grows (default: a sample log)",
    )
    parser.add_argument(
        "--config", type=Path, metavar="FILE", help="what was meant (default: buildkitd.toml beside that log)"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--growth",
        type=parse_size,
        metavar="SIZE",
        help="compare the time of this size and of four times as much (default: the largest size; 0 for none)",
    )
    parser.add_argument(
        "--other",
        type=parse_size,
        metavar="SIZE",
        help="of worst cases and other forms (default: the smallest size)",
    )
    parser.add_argument("--peers", help="only these, by key: " + ",".join(peer.key for peer in PEERS))
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="where logs are written (default: a temporary folder)"
    )
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "performance.md", metavar="FILE")
    told = parser.parse_args(arguments)
    sizes = sorted(parse_size(size) for size in told.sizes.split(","))
    config = told.config or told.captured.parent / "buildkitd.toml"
    wanted = set(told.peers.split(",")) if told.peers else {peer.key for peer in PEERS}
    if strange := wanted - {peer.key for peer in PEERS}:
        parser.error(f"no such peer: {', '.join(sorted(strange))}")
    if not config.is_file():
        parser.error(f"{config}: no such file; name what was meant with --config")
    peers = [peer for peer in PEERS if peer.key in wanted and not peer.missing]
    missing = {
        peer.key: reason
        for peer in PEERS
        if (reason := peer.missing or (None if peer.key in wanted else "not asked for"))
    }
    for key, reason in missing.items():
        say(f"{key} is skipped: {reason}")
    jobs = knows_jobs()
    work = Path(tempfile.mkdtemp(prefix="benchmarks-", dir=told.work))
    logs = Logs(work, told.seed, told.captured.resolve())
    env = {"PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
    growth = told.growth if told.growth is not None else sizes[-1]
    results: dict[tuple[str, ...], Result] = {}

    def run(cases: Callable[[], list[Case]], rounds: int) -> None:
        results.update(measure_in_turn(cases(), rounds, work, env, say))

    try:
        run(startup_cases, max(told.rounds, STARTUP_ROUNDS))
        other = told.other or sizes[0]
        run(lambda: other_cases(other, logs, config), told.rounds)
        run(lambda: trace_cases(other, work), told.rounds)
        layers = layers_of(logs.log(sizes[0]), config)
        logs.drop()
        for size in sizes:
            run(lambda size=size: cases_of_size(size, logs, config, peers, jobs), told.rounds)  # type: ignore[misc]
            if size != growth:
                logs.drop()
        if growth:
            run(lambda: growth_cases(growth, logs, config), min(told.rounds, GROWTH_ROUNDS))
            logs.drop()
    finally:
        shutil.rmtree(work, ignore_errors=True)
    names = (name_size(growth), name_size(4 * growth)) if growth else None
    report = Report(
        results,
        [name_size(size) for size in sizes],
        names,
        name_size(other),
        PEERS,
        missing,
        jobs,
        told.rounds,
        layers,
        str(told.captured.relative_to(ROOT)) if told.captured.is_relative_to(ROOT) else told.captured.name,
    )
    told.output.write_text(render(report), encoding="utf-8")
    say(f"wrote {told.output}")


if __name__ == "__main__":
    main()
