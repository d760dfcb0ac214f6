"""Measure the promises, and write ``docs/reliability.md``: ``python -m tests.trust --captures DIR [MEASURE]...``.

Each measure keeps its figures beside the page, in ``docs/reliability.json``, so that one can be taken anew alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.fuzz.running import FINDINGS, fuzz_all
from tests.fuzz.targets import TARGETS
from tests.trust import conserved, faults, hostile, interrupted, mutants, stability
from tests.trust.outputs import BUNDLES, commands, outputs
from tests.trust.planted import leaks, plant, plant_in_spans

REPOSITORY = Path(__file__).resolve().parent.parent.parent
SAMPLES = REPOSITORY / "sample_logs"
PAGE = REPOSITORY / "docs" / "reliability.md"
FIGURES = PAGE.with_suffix(".json")

CHANGES = 7_500
"""Changed logs to judge at least; each takes a fifth of a second."""

FUZZ_SECONDS = 300
"""For each parser."""

Figures = dict[str, Any]


def measure_bytes(captures: Path) -> Figures:
    """Bytes conserved, on every captured log and 10,000 generated inputs."""
    logs = sorted(captures.glob("*/buildkitd.log"))
    samples = [path.read_bytes() for path in sorted(SAMPLES.glob("*/buildkitd.log"))]
    real, made = conserved.of_files(logs), conserved.of_generated(10_000, samples)
    return {
        "captures": real.inputs,
        "captures_bytes": real.given,
        "captures_kept": real.kept,
        "generated": made.inputs,
        "generated_bytes": made.given,
        "generated_kept": made.kept,
        "broken": len(real.broken) + len(made.broken),
    }


def measure_secrets(captures: Path) -> Figures:
    """Planted secrets in every kind of output."""
    sample = SAMPLES / "mirror-partial"
    planted, (in_spans, trace) = plant(), plant_in_spans()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        log, traces = folder / "buildkitd.log", folder / "traces.jsonl"
        log.write_bytes((sample / "buildkitd.log").read_bytes() + b"".join(one.lines for one in planted))
        traces.write_bytes(trace)
        words = [str(log), "--config", str(sample / "buildkitd.toml"), "--trace", str(traces)]
        leaked = [
            form for _, output in outputs(words, folder) for form in leaks([*planted, *in_spans], output)
        ]
        kinds = len(list(commands(words))) + len(BUNDLES)
    return {"secrets": len(planted) + len(in_spans), "outputs": kinds, "leaked": len(leaked)}


def measure_kills(captures: Path) -> Figures:
    """A hundred programs killed while they write."""
    with tempfile.TemporaryDirectory() as place:
        log = Path(place) / "buildkitd.log"
        log.write_bytes((SAMPLES / "parallel" / "buildkitd.log").read_bytes() * 20)
        kills = list(interrupted.kill(log, 100))
    return {
        "programs": len(kills),
        "killed": sum(one.landed for one in kills),
        "writing": sum(one.writing for one in kills),
        "states": dict(sorted(Counter(one.state for one in kills).items())),
    }


def measure_faults(captures: Path) -> Figures:
    """Accidents while a program reads or writes."""
    with tempfile.TemporaryDirectory() as place:
        folder, log = Path(place) / "work", Path(place) / "buildkitd.log"
        folder.mkdir()
        log.write_bytes((SAMPLES / "parallel" / "buildkitd.log").read_bytes() * 20)
        suffered = list(faults.suffer(folder, log))
    kinds = dict(Counter(one.kind for one in suffered))
    return {"kinds": kinds, "wrong": sum(bool(one.wrong) for one in suffered)}


def measure_stability(captures: Path) -> Figures:
    """Changed logs of which verdicts failed, in two processes."""
    failing = stability.find_failing(sorted(captures.iterdir()), "intended.toml")
    halves = [(failing, CHANGES // 2, 0), (failing, CHANGES // 2, 1_000)]
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        parts = pool.starmap(stability.hold, halves)
    return {
        "logs": len(failing),
        "tried": dict(sum((Counter(part.tried) for part in parts), Counter())),
        "judged": sum(part.judged for part in parts),
        "turned": sum(len(part.turned) for part in parts),
    }


def measure_hostile(captures: Path) -> Figures:
    """Hostile files."""
    with tempfile.TemporaryDirectory() as place:
        return {
            "files": [
                vars(one) | {"ok": one.ok} for one in hostile.attack(Path(place), SAMPLES / "mirror-partial")
            ]
        }


def measure_mutants(captures: Path) -> Figures:
    """Every mutant of the rules."""
    return {"rules": {rule: vars(caught) for rule, caught in mutants.try_all()}}


def measure_fuzz(captures: Path) -> Figures:
    """Every parser fuzzed."""
    return {
        "mended": sum(path.is_file() for path in FINDINGS.glob("*/*")),
        "targets": {
            one.target: {
                "seconds": round(one.seconds),
                "inputs": one.executions,
                "findings": len(one.findings),
            }
            for one in fuzz_all(list(TARGETS), FUZZ_SECONDS, captures)
        },
    }


MEASURES: dict[str, Callable[[Path], Figures]] = {
    "bytes": measure_bytes,
    "secrets": measure_secrets,
    "kills": measure_kills,
    "faults": measure_faults,
    "stability": measure_stability,
    "hostile": measure_hostile,
    "mutants": measure_mutants,
    "fuzz": measure_fuzz,
}


def page_of(figures: dict[str, Figures]) -> str:
    """The page; a measure that was not taken says so."""
    rows = [row for name, tell in ROWS.items() if name in figures for row in tell(figures[name])]
    lines = [*_HEAD, *(f"| {what} | {wanted} | {measured} |" for what, wanted, measured in rows)]
    if "hostile" in figures:
        lines += [*_HOSTILE, *map(_hostile_row, figures["hostile"]["files"])]
    if "mutants" in figures:
        rules = figures["mutants"]["rules"]
        lines += [
            *_MUTANTS,
            *(f"| {name} | {one['tried']} | {one['caught']} |" for name, one in rules.items()),
        ]
    if "fuzz" in figures:
        lines += [*_FUZZ, *(_fuzz_row(*one) for one in figures["fuzz"]["targets"].items())]
    missing = [name for name in MEASURES if name not in figures]
    if missing:
        lines += ["", f"Not measured: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


_HEAD = (
    "# Reliability",
    "",
    "Written by `python -m tests.trust --captures DIR`; nothing here was typed. `DIR` holds captured logs, each in a",
    "folder with its `intended.toml`.",
    "",
    "| what | wanted | measured |",
    "| --- | ---: | ---: |",
)
_HOSTILE = (
    "",
    "## Hostile files",
    "",
    f"Each is judged by `check --format json` with {hostile.ADDRESSES >> 30} GB of address space, and given up after",
    f"{hostile.SECONDS:.0f} s.",
    "",
    "| file | MB | exit code | s | peak MB |",
    "| --- | ---: | ---: | ---: | ---: |",
)
_MUTANTS = (
    "",
    "## Mutants of the rules",
    "",
    "One operator, literal, condition or clause of a rule's SQL is changed. A change that no log could tell from the",
    "rule counts as missed like any other.",
    "",
    "| rule | tried | caught |",
    "| --- | ---: | ---: |",
)

_FUZZ = (
    "",
    "## Fuzzing",
    "",
    "Each parser takes what Atheris makes of parts of logs and of files beside them, and must keep its promises:",
    "`tests/fuzz/targets.py` says which. What was found before is a test now, in `tests/fuzz/findings/`.",
    "",
    "| parser | s | inputs | findings |",
    "| --- | ---: | ---: | ---: |",
)


def _hostile_row(one: Figures) -> str:
    code = "none: given up" if one["code"] is None else one["code"]
    size, peak = one["file_bytes"] / 1e6, one["peak_bytes"] / 1e6
    return f"| {one['name']} | {size:.1f} | {code} | {one['seconds']:.0f} | {peak:.0f} |"


def _fuzz_row(name: str, one: Figures) -> str:
    return f"| {name} | {one['seconds']} | {one['inputs']:,} | {one['findings']} |"


Row = tuple[str, str, str]


def _tell_bytes(told: Figures) -> list[Row]:
    rows = []
    for name, what in (("captures", "captured logs"), ("generated", "generated inputs")):
        given, kept = told[f"{name}_bytes"], told[f"{name}_kept"]
        share = "100 %" if kept == given else f"{100 * kept / given:.4f} %"
        rows.append((f"bytes conserved, {told[name]:,} {what} ({given:,} bytes)", "100 %", share))
    inputs = told["captures"] + told["generated"]
    rows.append(
        (f"of these {inputs:,}, inputs whose records leave gaps or overlap", "0", str(told["broken"]))
    )
    return rows


def _tell_secrets(told: Figures) -> list[Row]:
    what = f"planted secrets leaked, of {told['secrets']} in {told['outputs']} kinds of output"
    return [(what, "0", str(told["leaked"]))]


def _tell_kills(told: Figures) -> list[Row]:
    states = ", ".join(f"{state} {count}" for state, count in told["states"].items())
    killed = f"{told['killed']} were killed at work, {told['writing']} of them while they wrote"
    what = f"writes left half-done, of {told['programs']}; {killed} ({states})"
    return [(what, "0", str(told["states"].get("half", 0)))]


def _tell_faults(told: Figures) -> list[Row]:
    kinds = ", ".join(f"{kind} {count}" for kind, count in told["kinds"].items())
    what = (
        f"accidents that ended in a traceback, a loss or a half, of {sum(told['kinds'].values())} ({kinds})"
    )
    return [(what, "0", str(told["wrong"]))]


def _tell_stability(told: Figures) -> list[Row]:
    tried = sum(told["tried"].values())
    how = ", ".join(f"{name} {count:,}" for name, count in told["tried"].items())
    what = f"failing verdicts turned to passes, of {told['judged']:,} in {tried:,} changes of {told['logs']} logs"
    return [(f"{what} ({how})", "0", str(told["turned"]))]


def _tell_hostile(told: Figures) -> list[Row]:
    files = told["files"]
    what = f"hostile files that ended otherwise than a check does, of {len(files)}"
    return [(what, "0", str(sum(not one["ok"] for one in files)))]


def _tell_mutants(told: Figures) -> list[Row]:
    caught, tried = (sum(one[name] for one in told["rules"].values()) for name in ("caught", "tried"))
    what = f"mutants of the built-in rules that their examples catch, of {tried}"
    return [(what, "95 %", f"{100 * caught / tried:.1f} %")]


def _tell_fuzz(told: Figures) -> list[Row]:
    targets = told["targets"].values()
    hours = sum(one["seconds"] for one in targets) / 3600
    inputs = sum(one["inputs"] for one in targets)
    what = f"findings of {hours:.1f} hours of fuzzing {len(targets)} parsers with {inputs:,} inputs"
    found = sum(one["findings"] for one in targets)
    return [(f"{what} ({told['mended']} found before are mended)", "0", str(found))]


ROWS: dict[str, Callable[[Figures], list[Row]]] = {
    "bytes": _tell_bytes,
    "secrets": _tell_secrets,
    "kills": _tell_kills,
    "faults": _tell_faults,
    "stability": _tell_stability,
    "hostile": _tell_hostile,
    "mutants": _tell_mutants,
    "fuzz": _tell_fuzz,
}


def main() -> None:
    """Take the measures, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m tests.trust", description=__doc__)
    parser.add_argument("measures", nargs="*", choices=[*MEASURES, []], metavar="MEASURE")
    parser.add_argument("--captures", type=Path, required=True)
    asked = parser.parse_args()
    figures: dict[str, Figures] = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    for name in asked.measures or MEASURES:
        figures[name] = MEASURES[name](asked.captures)
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
    PAGE.write_text(page_of(figures), encoding="utf-8")


if __name__ == "__main__":
    main()
