"""Traces, the spans in them and the requests in these, as columns of numbers that the page's script draws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyzer.limits import LIMITS
from analyzer.reports.escaping import escape_terminal

if TYPE_CHECKING:
    from analyzer.checks.engine import Engine

ALOOF = "requests that the log gives no trace"
"""The title of what stands in no trace."""


@dataclass(frozen=True)
class TraceRow:
    """A trace, for the table that stands beside the drawing.

    Attributes:
        title: What was built, or the trace's ID.
        start: Microseconds since 1970.
        end: Microseconds since 1970.
        records: Records of the log.
        spans: Its spans.
        requests: Its requests.
        errors: Its records at level error or worse.
    """

    title: str
    start: int | None
    end: int | None
    records: int | None
    spans: int
    requests: int
    errors: int | None


@dataclass(frozen=True)
class Timeline:
    """The timeline of a source.

    Attributes:
        traces: The traces.
        data: What the script draws: columns of numbers, and the texts that they name.
        clock: log (its stamps are whole seconds), trace (all times are exact) or both.
        left_out: What found no room, in words.
    """

    traces: tuple[TraceRow, ...]
    data: dict[str, Any]
    clock: str
    left_out: tuple[str, ...]


_TRACES = """
SELECT trace_id, title, epoch_us(start) AS start, epoch_us("end") AS "end", first_record AS first,
       last_record AS last, records, spans, requests, errors
FROM traces
UNION ALL
SELECT trace_id, arg_min(name, (parent_span_id IS NOT NULL, start)), epoch_us(min(start)), epoch_us(max("end")),
       NULL, NULL, NULL, count(*), count(*) FILTER (url IS NOT NULL), NULL
FROM trace_spans WHERE trace_id NOT IN (SELECT trace_id FROM traces) GROUP BY trace_id
ORDER BY first NULLS LAST, start, trace_id
"""

# of a trace without a log, its own spans; those of requests are drawn as requests
_SPANS = """
SELECT trace_id, span_id, span AS name, parent_span_id AS parent, epoch_us(start) AS start, epoch_us("end") AS "end",
       first_record AS first, last_record AS last, errors, times_from = 'trace' AS exact
FROM spans
UNION ALL
SELECT trace_id, span_id, name, parent_span_id, epoch_us(start), epoch_us("end"), NULL, NULL, NULL, true
FROM trace_spans
WHERE trace_id NOT IN (SELECT trace_id FROM traces) AND url IS NULL AND name <> 'remotes.docker.resolver.HTTPRequest'
ORDER BY first NULLS LAST, start, trace_id, span_id, name
"""

_REQUESTS = """
SELECT coalesce(requests.trace_id, 'daemon-' || daemon) AS trace_id, requests.span_id, span,
       requests.trace_span_id, coalesce(epoch_us(timed.start), epoch_us(time)) AS start,
       epoch_us(timed."end") AS "end", record AS first, response_record AS last, line,
       requests.method, requests.kind, requests.host, role,
       requests.status_code AS status,
       coalesce(error_kind, CASE WHEN requests.error IS NULL THEN NULL ELSE 'error' END)
           AS failure,
       coalesce(digest, reference) AS object, timed.parent_span_id AS parent
FROM requests
LEFT JOIN trace_spans timed ON timed.trace_id = requests.trace_id AND timed.span_id = requests.trace_span_id
ORDER BY record NULLS LAST, start, requests.trace_span_id
"""


class _Texts:
    """Texts by number, each once, every character visible."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}

    def number(self, text: str | None) -> int:
        """The number of a text; -1 for none."""
        return -1 if text is None else self._numbers.setdefault(escape_terminal(text), len(self._numbers))

    def all(self) -> list[str]:
        """The texts in the order of their numbers."""
        return list(self._numbers)


def find_timeline(engine: Engine) -> Timeline:
    """The timeline of a source."""
    texts, left_out = _Texts(), []
    traces, more = _limited(engine, _TRACES, LIMITS.page_traces)
    if more:
        left_out.append(f"{more:,} of {more + len(traces):,} traces")
    known = {row["trace_id"]: place for place, row in enumerate(traces)}
    found, more = _limited(engine, _SPANS, LIMITS.page_spans)
    if more:
        left_out.append(f"{more:,} of {more + len(found):,} spans")
    spans = [row for row in found if row["trace_id"] in known]
    spans = list(_nested(spans, known))
    requests, more = _limited(engine, _REQUESTS, LIMITS.page_requests)
    if more:
        left_out.append(f"{more:,} of {more + len(requests):,} requests")
    times = [row["start"] for row in (*traces, *spans, *requests) if row["start"] is not None]
    origin = min(times, default=0)
    kept = _placed(requests, spans, known)
    lost = len(requests) - len(kept)
    if lost:
        left_out.append(f"{lost:,} requests of traces that found no room")
    data = {
        "origin": origin,
        "traces": _columns(traces, ("start", "end", "first", "last", "errors"), origin)
        | {"title": [texts.number(_title(row)) for row in traces]},
        "spans": _columns(spans, ("start", "end", "first", "last", "errors", "trace", "depth"), origin)
        | {
            "name": [texts.number(row["name"] or f"span {row['span_id']}") for row in spans],
            "exact": [int(bool(row["exact"])) for row in spans],
        },
        "requests": _columns(
            kept, ("start", "end", "first", "last", "line", "status", "trace", "span_row"), origin
        )
        | {
            name: [texts.number(row[name]) for row in kept]
            for name in ("method", "kind", "host", "role", "failure", "object")
        },
        "texts": texts.all(),
    }
    rows = tuple(
        TraceRow(
            _title(row),
            row["start"],
            row["end"],
            row["records"],
            row["spans"],
            row["requests"],
            row["errors"],
        )
        for row in traces
    )
    return Timeline(rows, data, _clock(spans, kept), tuple(left_out))


def _limited(engine: Engine, sql: str, limit: int) -> tuple[list[dict[str, Any]], int]:
    """The first rows, and how many there are beyond."""
    rows = engine.rows(f"{sql} LIMIT {limit}")
    if len(rows) < limit:
        return rows, 0
    [counted] = engine.rows(f"SELECT count(*) AS number FROM ({sql})")
    return rows, int(counted["number"]) - len(rows)


def _title(row: dict[str, Any]) -> str:
    return str(row["title"] or f"trace {row['trace_id']}")


def _columns(
    rows: Sequence[dict[str, Any]], names: Sequence[str], origin: int
) -> dict[str, list[int | None]]:
    return {
        name: [row[name] - origin if row[name] is not None else None for row in rows]
        if name in ("start", "end")
        else [row[name] for row in rows]
        for name in names
    }


def _nested(spans: Sequence[dict[str, Any]], traces: dict[str, int]) -> Iterator[dict[str, Any]]:
    """The spans trace by trace, each behind the span that it lies in, with its depth."""
    present = {(row["trace_id"], row["span_id"]): row for row in spans if row["span_id"] is not None}
    inside: dict[int, list[dict[str, Any]]] = {}
    tops: dict[str, list[dict[str, Any]]] = {}
    for row in spans:
        above = present.get((row["trace_id"], row["parent"])) if row["parent"] is not None else None
        if above is None or above is row:
            tops.setdefault(row["trace_id"], []).append(row)
        else:
            inside.setdefault(id(above), []).append(row)
    for trace, place in traces.items():
        waiting = [(row, 1) for row in reversed(tops.get(trace, ()))]
        while waiting:
            row, depth = waiting.pop()
            yield {**row, "trace": place, "depth": depth}
            waiting += [(below, depth + 1) for below in reversed(inside.get(id(row), ()))]


def _placed(
    requests: Sequence[dict[str, Any]], spans: Sequence[dict[str, Any]], traces: dict[str, int]
) -> list[dict[str, Any]]:
    """The requests with the numbers of their trace and of the span that they are drawn in; -1 for neither."""
    exact = {(row["trace_id"], row["span_id"], row["name"]): place for place, row in enumerate(spans)}
    by_id = {(row["trace_id"], row["span_id"]): place for place, row in enumerate(spans) if row["span_id"]}
    placed = []
    for row in requests:
        trace = row["trace_id"]
        if trace is not None and trace not in traces and not trace.startswith("daemon-"):
            continue
        place = exact.get((trace, row["span_id"], row["span"]))
        for span in (row["span_id"], row["parent"]):
            place = by_id.get((trace, span)) if place is None else place
        placed.append({**row, "trace": traces.get(trace, -1), "span_row": -1 if place is None else place})
    return placed


def _clock(spans: Sequence[dict[str, Any]], requests: Sequence[dict[str, Any]]) -> str:
    exact = sum(bool(row["exact"]) for row in spans) + sum(row["end"] is not None for row in requests)
    if not exact:
        return "log"
    return "trace" if exact == len(spans) + len(requests) else "both"
