"""Exported traces beside a log, or instead of one: what they prove of requests, and where they contradict it.

The log stays what it is: a request that it tells of keeps its record, and gets host, URL and answer from its span
where it lacks them. A request that only a trace tells of has no record; it stands where its time puts it.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.attribution.joining import Asked, Contradiction, Loose, match_trace
from analyzer.attribution.spanrequests import Sent, sent_by_trace
from analyzer.attribution.spantree import name_of, read_tree
from analyzer.attribution.tables import CONTRADICTIONS
from analyzer.attribution.traced import Placer, write_traced
from analyzer.attribution.wholeness import NO_END, NOT_SHOWN, find_faults, unfinished
from analyzer.tables.failures import read_failure
from analyzer.tables.problems import SPEC as PROBLEMS
from analyzer.tables.requests import OBSERVED
from analyzer.tables.selection import is_one_of, rows_of
from analyzer.tables.spool import Rows, Spool
from analyzer.tables.urls import parse_url

_SLACK = 20_000_000_000
_LATEST = 1 << 62


@dataclass(frozen=True, slots=True)
class Covered:
    """How much a log and the traces beside it say of each other.

    Attributes:
        requests: Requests of the log.
        requests_with_span: Those of them whose span is in a trace.
        spans: Spans of requests to registries (sign-ins and redirects are logged nowhere, and do not count).
        spans_with_request: Those of them that the log tells of.
        traces: Traces given in which registries were asked.
        traces_in_log: Those of them that the log names.
        whole: Those of them of which nothing is seen to be missing.
        missing: Traces that the log names and no file holds.
        doubtful: Spans that may or may not be a request of the log.
        contradictions: Facts on which log and trace disagree.
    """

    requests: int = 0
    requests_with_span: int = 0
    spans: int = 0
    spans_with_request: int = 0
    traces: int = 0
    traces_in_log: int = 0
    whole: int = 0
    missing: int = 0
    doubtful: int = 0
    contradictions: int = 0


@dataclass(frozen=True, slots=True)
class Joined:
    """A log and the traces beside it, joined.

    Attributes:
        observed: The requests of both, for ``attribute_requests``.
        problems: The failures that the traces tell of beside the log's, as the table ``problems``; ``record`` is
            null.
        contradictions: The table ``trace_contradictions``.
        covered: How much each says of the other.
        daemons: The starts of the daemon whose builds the traces record; None where that is not known.
        recorded: The traces hold every request of every build that the log shows, or, without a log, of their own.
        faults: What is seen to be missing from the traces.
        source: The first file of the traces.
    """

    observed: Rows
    problems: Rows
    contradictions: Rows
    covered: Covered
    daemons: frozenset[int] | None
    recorded: bool
    faults: tuple[str, ...]
    source: str | None


def join_traces(
    observed: Rows,
    spans: Rows,
    *,
    traces: Rows | None = None,
    problems: Rows | None = None,
    cut: bool = False,
    sole: bool = True,
) -> Joined:
    """Join the requests of a log with the spans of exported traces.

    Args:
        observed: The requests of the log (``Scan.requests.observed``), or none.
        spans: The table ``trace_spans``.
        traces: The table ``traces`` of the log; None without a log.
        problems: The table ``problems`` of the log; None without a log.
        cut: Lines are seen to be missing from the log.
        sole: There is no other log that the traces may belong to. Else a trace that this one does not name is
            left to the others.
    """
    return _Join(observed, spans, traces, problems, cut, sole).joined()


def no_requests() -> Rows:
    """The requests of no log, for `join_traces`."""
    return Rows.of(pa.Table.from_batches([], schema=OBSERVED))


def requests_of_traces(spans: Rows) -> Rows:
    """The requests that traces alone tell of, as `join_traces` gives them."""
    return join_traces(no_requests(), spans).observed


def with_recorded(coverage: pa.Table, joined: Joined) -> pa.Table:
    """The table ``coverage`` with what the traces make up for: its column ``recorded``.

    Without a row, for want of a log, it gets one, of no daemon.
    """
    from analyzer.tables.coverage import SPEC

    rows: list[dict[str, Any]] = coverage.to_pylist()
    alone = not rows
    if alone:
        gaps = [{"reason": why, "record": None, "line": None} for why in joined.faults]
        nothing = dict.fromkeys(("startup", "debug", "complete", "excerpt"), False)
        counts = dict.fromkeys(("records", "lines", "lines_not_understood", "redactions"), 0)
        rows = [{"source": joined.source, "trace_ids": True, "gaps": gaps, **nothing, **counts}]
    told = [row for row in rows if row.get("daemon") is not None]
    for row in rows:
        mine = alone or (
            row.get("daemon") is not None
            and (len(told) == 1 or joined.daemons is None or row["daemon"] in joined.daemons)
        )
        row["recorded"] = joined.recorded and mine
    return SPEC.build(rows)


class _Join:
    """The joining, step by step."""

    def __init__(
        self,
        observed: Rows,
        spans: Rows,
        traces: Rows | None,
        problems: Rows | None,
        cut: bool,
        sole: bool,
    ) -> None:
        self.observed, self.cut, self.sole = observed, cut, sole
        self.tree = read_tree(spans)
        self.faults = find_faults(self.tree)
        self.placer = Placer()
        self.known: set[int] = set()
        self.asked: dict[str, list[Asked]] = defaultdict(list)
        self.others = Loose()
        self.objects = 0
        self.named_in_log: set[str] = set()
        self.missing = 0
        self.daemons: frozenset[int] | None = None
        self.elsewhere = False
        times = (self.tree.starts[self.tree.starts > 0], self.tree.ends[self.tree.ends > 0])
        self.window = (
            min(int(times[0].min(initial=_LATEST)), _LATEST) - _SLACK,
            min(max(int(one.max(initial=0)) for one in times), _LATEST) + _SLACK,
        )
        self._take_requests()
        self._take_traces(traces)
        self.reported = self._reported(problems)

    def joined(self) -> Joined:
        pairs: list[tuple[Asked, Sent]] = []
        new: list[Sent] = []
        contradictions: list[Contradiction] = []
        spans = doubtful = asking = in_log = whole = open_ = 0
        known = np.array(sorted(self.known), np.uint64)
        seen: set[str] = set()
        faults: dict[str, None] = {}
        others: set[int] = set()
        for trace, sent in sent_by_trace(self.tree, known):
            trace_id = self.tree.traces[trace]
            seen.add(trace_id)
            told = self.faults.setdefault(trace, [])
            if unfinished(sent, self.tree):
                told.append(NO_END)
            # what these leave open, an uncut log tells
            shown = all(why in (NOT_SHOWN, NO_END) for why in told)
            matches = match_trace(self.asked.get(trace_id, ()), sent, self.others, whole=shown, cut=self.cut)
            counted = sum(one.action != "auth" for one in sent)
            if not self.sole and trace_id not in self.named_in_log and not matches.pairs:
                others.add(trace)
                continue
            pairs += matches.pairs
            new += matches.new
            contradictions += matches.contradictions
            doubtful += matches.doubtful
            open_ += matches.open
            spans += counted
            if counted:
                asking += 1
                whole += not told
                in_log += trace_id in self.named_in_log or bool(matches.pairs)
            faults.update(dict.fromkeys(told))
        mine = self._builds()
        mine[list(others)] = False
        for trace, told in self.faults.items():
            if trace not in others:
                # also where all that tells of a build is lost
                faults.update(dict.fromkeys(told))
        open_ += sum(len(some) for trace_id, some in self.asked.items() if trace_id not in seen)
        covered = Covered(
            requests=self.observed.num_rows,
            requests_with_span=len(pairs),
            spans=spans,
            spans_with_request=len(pairs),
            traces=asking,
            traces_in_log=in_log,
            whole=whole,
            missing=self.missing,
            doubtful=doubtful,
            contradictions=len(contradictions),
        )
        recorded = (
            bool(mine.any())
            and not faults
            and not doubtful
            and not contradictions
            and not self.missing
            and not self.elsewhere
            and not open_
            and len(pairs) == self.observed.num_rows
        )
        return Joined(
            observed=write_traced(self.observed, pairs, new, self.placer, self.objects),
            problems=self._problems(pairs, new),
            contradictions=Rows.of(CONTRADICTIONS.build(one.row() for one in contradictions)),
            covered=covered,
            daemons=self.daemons,
            recorded=recorded,
            faults=tuple(faults),
            source=self.tree.sources[0] if self.tree.sources else None,
        )

    def _builds(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which traces are of builds, not of a question to the daemon."""
        tree = self.tree
        found = np.zeros(len(tree.traces), np.bool_)
        found[tree.trace[tree.solve]] = True
        found[tree.trace[tree.resolver]] = True
        return found

    def _take_requests(self) -> None:
        """Read the log's requests that may be in the traces."""
        tree = self.tree
        trace_ids = pa.array(tree.traces, pa.string())
        first, last = self.window
        row = 0
        for batch in self.observed.batches():
            self.placer.take(batch)
            traced = batch.column("trace_id")
            here = pc.fill_null(pc.is_in(traced, value_set=trace_ids), False)
            time = pc.fill_null(batch.column("time").cast(pa.int64()), 0)
            near = pc.and_(pc.greater_equal(time, first), pc.less_equal(time, last))
            mask = pc.or_(here, pc.and_(pc.is_null(traced), near))
            numbers = pa.array(range(row, row + batch.num_rows), pa.int64())
            numbered = batch.append_column("row", numbers)
            for one in rows_of(numbered, mask, _ASKED):
                self._take(one)
            objects = pc.max(batch.column("object")).as_py()
            self.objects = max(self.objects, (-1 if objects is None else objects) + 1)
            row += batch.num_rows

    def _take(self, row: dict[str, Any]) -> None:
        trace_id, span_id = row["trace_id"], row.pop("span_id")
        place, url = -1, row.pop("url")
        if trace_id and span_id:
            name = name_of(trace_id, span_id)
            self.known.add(name)
            place = int(self.tree.find(np.array([name], np.uint64))[0])
        exact = row.pop("pairing") == "exact"
        host = row["host"] if row.pop("host_evidence") == "proof" else None
        asked = Asked(
            **{**row, "host": host}, place=place, target=parse_url(url) if url else None, exact=exact
        )
        if trace_id:
            self.asked[trace_id].append(asked)
        else:
            self.others.add(asked)

    def _take_traces(self, traces: Rows | None) -> None:
        """Find which traces the log names."""
        given = set(self.tree.traces)
        daemons: set[int] = set()
        traced = False
        for batch in traces.batches() if traces is not None else ():
            for row in batch.select(["trace_id", "daemon"]).to_pylist():
                trace_id = row["trace_id"]
                if trace_id is None or trace_id.startswith("daemon-"):
                    continue
                traced = True
                if trace_id in given:
                    self.named_in_log.add(trace_id)
                    if row["daemon"] is not None:
                        daemons.add(row["daemon"])
                else:
                    self.missing += 1
        if traced:
            self.daemons = frozenset(daemons)

    def _reported(self, problems: Rows | None) -> set[tuple[str | None, str | None]]:
        """The failures that the log itself reports of these traces."""
        found: set[tuple[str | None, str | None]] = set()
        wanted = [*self.tree.traces]
        first, last = self.window
        for batch in problems.batches() if problems is not None else ():
            time = batch.column("time").cast(pa.int64())
            outside = pc.or_(pc.less(time, first), pc.greater(time, last))
            # of a build that no file holds
            self.elsewhere |= bool(pc.any(pc.and_(pc.is_null(batch.column("trace_id")), outside)).as_py())
            mask = pc.or_(pc.is_null(batch.column("trace_id")), is_one_of(batch.column("trace_id"), wanted))
            found.update(
                (row["trace_id"], row["cause"]) for row in rows_of(batch, mask, ("trace_id", "cause"))
            )
        return found

    def _problems(self, pairs: list[tuple[Asked, Sent]], new: list[Sent]) -> Rows:
        """The failures that the log does not report."""
        spool = Spool(PROBLEMS.schema)
        rows: list[dict[str, Any]] = []

        def add(trace_id: str, text: str, known: dict[str, Any]) -> None:
            failure = read_failure(text)
            if {(trace_id, failure.cause), (None, failure.cause)}.isdisjoint(self.reported):
                told = {"kind": failure.kind, "path": failure.path, "text": text, "cause": failure.cause}
                where = {"host": failure.host, "registry": failure.registry, "trace_id": trace_id}
                rows.append({**where, **told, **known, "level": "error"})

        for sent in [*(sent for asked, sent in pairs if not asked.error), *new]:
            if sent.action == "auth" or not sent.failure:
                continue
            known = {
                "source": sent.source,
                "host": sent.target.host,
                "registry": sent.target.registry,
                "time": sent.start,
                "span_id": sent.span_id,
                "span": sent.asked_by,
                "url": sent.url,
            }
            add(sent.trace_id, sent.failure, {**known, "level": "info"})
        for one in self.tree.failures:
            if not self.sole and one.trace_id not in self.named_in_log:
                continue
            known = {"source": one.source, "time": one.start, "span_id": one.span_id, "span": one.name}
            add(one.trace_id, one.error, known)
        if rows:
            spool.append(PROBLEMS.build(rows))
        return spool.finish()


_ASKED = (
    "row",
    "record",
    "source",
    "time",
    "trace_id",
    "span_id",
    "span",
    "method",
    "url",
    "host",
    "host_evidence",
    "repository",
    "digest",
    "kind",
    "action",
    "object",
    "status_code",
    "error",
    "pairing",
)
