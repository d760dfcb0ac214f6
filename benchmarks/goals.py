"""What is aimed at, and whether it was reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.measure import Result

Results = Mapping[tuple[str, ...], Result]
RATIOS = {
    "re": (6.0, 9.0),
    "logfmtkv": (20.0, 30.0),
    "duckdb": (7.0, 10.0),
    "miller": (3.0, 5.0),
    "polars": (1.2, 1.6),
    "chdb": (1.1, 1.5),
}
"""`export` against a peer, in megabytes a second of wall time: at least, and aim."""
RECORDS_ONLY = "export --table records"
"""What the peers do: records as a table, and nothing made of them."""
MEMORY_SHARE = 0.2
"""Of chdb's peak memory, at most."""


@dataclass(frozen=True)
class Goal:
    """A row of the table of goals.

    Attributes:
        title: What is asked.
        least: The bound that must hold.
        aim: The bound that is aimed at.
        measured: The worst of what was measured; None if nothing was.
        unit: Of all three.
        below: Less is better.
        told: The measured values, if there is more to tell than the worst.
        also: Another condition holds as well.
    """

    title: str
    least: float
    aim: float
    measured: float | None
    unit: str = ""
    below: bool = False
    told: str = ""
    also: bool = True

    @property
    def verdict(self) -> str:
        """Whether the goal was met."""
        if self.measured is None:
            return "not measured"
        sign = -1 if self.below else 1
        if not self.also or sign * self.measured < sign * self.least:
            return "**no**"
        return "yes, the aim too" if sign * self.measured >= sign * self.aim else "yes"


def goals_of(
    results: Results, sizes: Sequence[str], growth: tuple[str, str] | None, titles: Mapping[str, str]
) -> list[Goal]:
    """All goals with what was measured for them."""
    found = [
        _ratio(results, sizes, command, peer, bounds, titles[peer])
        for peer, bounds in RATIOS.items()
        for command in ("export", RECORDS_ONLY)
    ]
    large = sizes[-1]
    for command, least, aim in (("export", 180.0, 300.0), ("check", 120.0, 200.0)):
        result = results.get(("own", command, large))
        speed = result.speed if result else None
        found.append(Goal(f"`{command}` of {large}", least, aim, speed, "MB/s"))
    for command in ("export", "check"):
        found.append(_growth(results, command, growth))
    for command, least, aim in (("export", 500.0, 300.0), ("check", 600.0, 400.0)):
        peaks = [
            (result.run.largest / 1e6, result.run.memory / 1e6)
            for key, result in results.items()
            if key[:2] in (("own", command), ("growth", command)) and result.run
        ]
        worst = max((largest for largest, _ in peaks), default=None)
        told = f" ({max(together for _, together in peaks):.0f} MB over all processes)" if peaks else ""
        title = f"peak memory of `{command}`, any size, largest process"
        found.append(Goal(title, least, aim, worst, "MB", below=True, told=told))
    for damage, title in (
        ("every-line", "every line damaged"),
        ("rare-escapes", "every value with a rare escape"),
    ):
        speeds = [
            result.speed
            for command in ("export", "check")
            if (result := results.get(("worst", command, damage))) and result.speed
        ]
        told = " (slower of `export` and `check`)"
        found.append(Goal(f"worst case: {title}", 20.0, 60.0, min(speeds, default=None), "MB/s", told=told))
    for key, title, least, aim in (
        ("help", "processor time of `--help`", 0.25, 0.15),
        ("check", "processor time of `check` of a 100 KB log", 0.8, 0.5),
    ):
        result = results.get(("start-up", key))
        taken = result.run.cpu if result and result.run else None
        found.append(Goal(title, least, aim, taken, "s", below=True))
    return found


def _ratio(
    results: Results,
    sizes: Sequence[str],
    command: str,
    peer: str,
    bounds: tuple[float, float],
    title: str,
) -> Goal:
    ratios = {}
    shares = {}
    for size in sizes:
        own, other = results.get(("own", command, size)), results.get(("peer", peer, size))
        if own and other and own.run and other.run and own.speed and other.speed:
            ratios[size] = own.speed / other.speed
            shares[size] = own.run.memory / other.run.memory
    worst = min(ratios.values(), default=None)
    told = "; ".join(f"{ratio:.2f}x at {size}" for size, ratio in ratios.items()) if len(ratios) > 1 else ""
    if peer != "chdb" or not shares:
        return Goal(f"`{command}` against {title}", *bounds, worst, "x", told=told and f" ({told})")
    share = max(shares.values())
    told = "; ".join(filter(None, (told, f"memory {share:.0%} of chdb's, at most 20 %")))
    also = share <= MEMORY_SHARE
    return Goal(f"`{command}` against {title}", *bounds, worst, "x", told=f" ({told})", also=also)


def _growth(results: Results, command: str, growth: tuple[str, str] | None) -> Goal:
    small, large = growth or ("1x", "4x")
    runs = [results.get(("growth", command, size)) for size in (small, large)]
    walls = [one.run.wall for one in runs if one and one.run]
    taken = walls[1] / walls[0] if len(walls) == 2 else None
    return Goal(f"`{command}`: time at {large} / time at {small}", 4.2, 4.0, taken, "", below=True)
