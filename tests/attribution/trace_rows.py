"""Captured logs with the traces exported beside them, and ways to lose spans."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import analyzer as bk
from analyzer.judging import judge, see
from analyzer.redaction import Redactor
from analyzer.relations import Relations
from analyzer.scan import Scan, scan_source
from analyzer.sources import open_sources
from analyzer.sources.tracefiles import open_traces
from analyzer.tables.spool import Rows
from analyzer.tables.trace_spans import TraceSpans, read_trace_spans
from analyzer.tracing import load_traces

RULES = (
    "mirror-served",
    "mirror-healthy",
    "hosts-as-configured",
    "tls-trusted",
    "ca-readable",
    "keypair-valid",
)


@dataclass(frozen=True)
class Capture:
    """A log, its truth, and one of the traces exported beside it."""

    folder: Path
    block: str

    @property
    def name(self) -> str:
        return f"{self.folder.name}-{self.block}"

    @cached_property
    def truth(self) -> dict[str, Any]:
        truth: dict[str, Any] = json.loads((self.folder / "truth.json").read_text())
        return truth

    @property
    def sampled(self) -> bool:
        return not self.truth[self.block].get("hosts_equal_registry_log")

    @property
    def trace(self) -> Path:
        return self.folder / str(self.truth[self.block]["file"])

    @cached_property
    def config(self) -> bk.Config:
        return bk.load_config(self.folder / "intended.toml")

    @cached_property
    def spans(self) -> TraceSpans:
        return read_trace_spans(open_traces([str(self.trace)]), Redactor())

    @cached_property
    def log(self) -> Scan:
        return scan_log((self.folder / "buildkitd.log").read_bytes())

    @cached_property
    def nothing(self) -> Scan:
        return scan_source(load_traces(self.trace).instead_of_log(), Redactor())

    def verdicts(
        self, scan: Scan, spans: TraceSpans | None, *rules: str, **how: Any
    ) -> dict[str, tuple[str, str]]:
        """Verdict and evidence of each rule."""
        results = judge(scan, self.config, _rules(rules or RULES), traces=spans, **how).verdicts.results
        return {result.rule.id: (result.verdict, result.evidence) for result in results}

    def tables(self, scan: Scan, spans: TraceSpans | None) -> Relations:
        return see(scan, self.config, traces=spans)


@cache
def _rules(names: tuple[str, ...]) -> list[bk.Rule]:
    return bk.load_rules(select=names)


def scan_log(data: bytes) -> Scan:
    """A log, read."""
    import io

    [source] = open_sources(["-"], stdin=io.BytesIO(data))
    return scan_source(source, Redactor())


def captures(root: Path | None) -> list[Capture]:
    """Those with a trace."""
    folders = sorted(path.parent for path in root.glob("otlp-*/truth.json")) if root else []
    found = [Capture(folder, block) for folder in folders for block in ("otlp", "dockerbuild")]
    return [one for one in found if (one.truth.get(one.block) or {}).get("file")]


def only(spans: TraceSpans, mask: pa.Array | Sequence[bool]) -> TraceSpans:
    """Some of the spans."""
    table = spans.rows.table()
    return replace(spans, rows=Rows.of(table.filter(pa.array(mask, pa.bool_())).combine_chunks()))


def losses(spans: TraceSpans, seed: int, *, whole_traces: bool) -> Iterator[tuple[str, TraceSpans]]:
    """Spans lost at random: requests, others, both, and whole traces."""
    rng = random.Random(seed)
    table = spans.rows.table()
    names = table.column("name").to_pylist()
    traces = table.column("trace_id").to_pylist()
    http = [name.startswith("HTTP ") for name in names]
    asking = sum(http)
    one = rng.choice([row for row, asks in enumerate(http) if asks])
    yield "one request", only(spans, [row != one for row in range(len(names))])
    other = rng.choice([row for row, asks in enumerate(http) if not asks])
    yield "one other", only(spans, [row != other for row in range(len(names))])
    share = rng.choice((0.05, 0.2, 0.5, 0.9))
    yield f"requests {share:.0%}", only(spans, [not asks or rng.random() >= share for asks in http])
    yield f"others {share:.0%}", only(spans, [asks or rng.random() >= share for asks in http])
    yield f"any {share:.0%}", only(spans, [rng.random() >= share for _ in names])
    end = rng.randrange(1, len(names))
    by_end = pc.sort_indices(table.column("end")).to_pylist()
    kept = set(by_end[:end])
    yield "tail", only(spans, [row in kept for row in range(len(names))])
    if whole_traces and asking:
        gone = {trace for trace in set(traces) if rng.random() < 0.5}
        yield "traces", only(spans, [trace not in gone for trace in traces])
