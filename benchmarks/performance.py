"""The results as docs/performance.md."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version

from benchmarks.contestants import Peer
from benchmarks.goals import Goal, Results, goals_of
from benchmarks.measure import Result

GROWTH_ROUNDS = 3
"""Runs of each command on logs of growing size, at most."""
STARTUP_ROUNDS = 5
"""Runs of the commands whose start-up is measured, at least."""

_OWN = ("numpy", "pyarrow", "duckdb", "pandas")


@dataclass(frozen=True)
class Report:
    """All that was measured, and how.

    Attributes:
        results: By key.
        sizes: Names of the sizes, smallest first.
        growth: Names of the two sizes whose times are compared.
        other: Name of the size of worst cases and other forms.
        peers: All peers.
        missing: Why some were not measured, by key.
        jobs: Whether the tool can use several processes.
        rounds: Runs of each command.
        layers: Time by layer, as text.
        captured: The log that was grown.
    """

    results: Results
    sizes: Sequence[str]
    growth: tuple[str, str] | None
    other: str
    peers: Sequence[Peer]
    missing: Mapping[str, str]
    jobs: bool
    rounds: int
    layers: str
    captured: str


def render(report: Report) -> str:
    """The document."""
    titles = {peer.key: peer.title for peer in report.peers}
    goals = goals_of(report.results, report.sizes, report.growth, titles)
    parts = [
        "# Performance\n",
        "Written by `python -m benchmarks.compare`; nothing here was typed. All commands of a table ran in turn, round "
        "by round, so that a slow minute of the machine met all alike. Each figure is the median of "
        f"{_runs(report.rounds)} (growth: {_runs(min(report.rounds, GROWTH_ROUNDS))}, start-up: "
        f"{_runs(max(report.rounds, STARTUP_ROUNDS))}); memory is the most of them, summed over processes. "
        f"The logs come from `python -m benchmarks.generate`, grown from `{report.captured}`.\n",
        _machine(report),
        "## Goals\n",
        "Ratios are megabytes of log a second of wall time, to Parquet, against the peer; the worst of the sizes "
        "counts. "
        "`export` makes all tables and judges them; `export --table records` makes the table that the peers make.\n",
        _table(["goal", "at least", "aim", "measured", "met"], [_goal(goal) for goal in goals]),
        *(_size(report, size) for size in report.sizes),
        f"## Worst cases and other forms, {report.other}\n",
        _table(
            _HEADER,
            [
                _row(f"`{key[1]}`, {key[2]}", one)
                for key, one in report.results.items()
                if key[0] in ("worst", "form")
            ],
        ),
    ]
    traced = [
        _row(f"`{key[1]}`, {key[2]} of traces", one)
        for key, one in report.results.items()
        if key[0] == "trace"
    ]
    if traced:
        parts += [
            "## Exported traces\n",
            "OTLP JSON lines from `python -m benchmarks.traces`, joined with the log of the same builds, and judged "
            "alone; MB/s are of both files.\n",
            _table(_HEADER, traced),
        ]
    if report.growth:
        rows = [
            _row(f"`{key[1]}` of {key[2]}", one) for key, one in report.results.items() if key[0] == "growth"
        ]
        parts += ["## Growth\n", _table(_HEADER, rows)]
    if report.layers:
        parts += [
            "## Time by layer\n",
            f"From `python -m benchmarks.layers`, one process, {report.sizes[0]}.\n",
            f"```text\n{report.layers.rstrip()}\n```\n",
        ]
    parts += ["## What each peer does less\n", "".join(_peer(report, peer) for peer in report.peers)]
    return "\n".join(parts)


_HEADER = ["", "wall s", "CPU s", "MB/s", "MB/s of CPU", "peak MB", "`export` is"]


def _runs(number: int) -> str:
    return "1 run" if number == 1 else f"{number} runs"


def _machine(report: Report) -> str:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    used = [f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in _OWN)]
    others = {peer.version for peer in report.peers if peer.key not in report.missing}
    jobs = "as many processes as cores where not said otherwise" if report.jobs else "one process"
    return (
        f"Machine: {os.cpu_count()} cores, {memory:.0f} GiB of memory, {platform.system()} {platform.machine()}. "
        f"{', '.join(used)}. Peers: {', '.join(sorted(others - set(used)))}. This tool: {jobs}.\n"
    )


def _goal(goal: Goal) -> list[str]:
    sign = "<=" if goal.below else ">="
    unit = goal.unit if goal.unit == "x" else f" {goal.unit}".rstrip()
    digits = 0 if goal.unit in ("MB", "MB/s") else 2
    measured = "-" if goal.measured is None else f"{goal.measured:.{digits}f}{unit}{goal.told}"
    return [goal.title, f"{sign} {goal.least:g}{unit}", f"{goal.aim:g}{unit}", measured, goal.verdict]


def _size(report: Report, size: str) -> str:
    own = report.results.get(("own", "export", size))
    rows = []
    for key, result in report.results.items():
        if key[0] == "own" and key[2] == size:
            rows.append(_row(f"**`{key[1]}`**", result))
    for peer in report.peers:
        found = report.results.get(("peer", peer.key, size))
        if found is None:
            continue
        taken = (
            f" ({found.case.size / 1e6:.0f} MB of it)"
            if own and found.case.size < own.case.size * 0.9
            else ""
        )
        rows.append(_row(peer.title + taken, found, own))
    return f"## {size}\n\n" + _table(_HEADER, rows)


def _row(title: str, result: Result, own: Result | None = None) -> list[str]:
    run = result.run
    if run is None:
        return [title, f"failed: {result.failure}".replace("|", "/").replace("\n", " ")[:120], *[""] * 5]
    ratio = f"{own.speed / result.speed:.3g}x" if own and own.speed and result.speed else ""
    return [
        title,
        f"{run.wall:.2f}",
        f"{run.cpu:.2f}",
        f"{result.speed or 0:.1f}",
        f"{result.cpu_speed or 0:.1f}",
        f"{run.memory / 1e6:.0f}",
        ratio,
    ]


def _peer(report: Report, peer: Peer) -> str:
    skipped = f" Not measured: {report.missing[peer.key]}." if peer.key in report.missing else ""
    sliced = f" At most {peer.most / 1e6:.0f} MB, for it is slow." if peer.most else ""
    return f"- {peer.title}: {peer.less}.{sliced}{skipped}\n"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---", *["---:"] * (len(header) - 1)], *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)
