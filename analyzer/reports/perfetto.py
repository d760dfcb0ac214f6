"""Spans as trace events, which Perfetto and Chrome open.

The format is Chrome's (Trace Event Format, "Complete Events" and "Metadata Events"): a process is a trace, a thread a
lane in which events lie within each other or one after the other, since a viewer draws overlapping ones of a thread
wrongly. Times are microseconds; what is finer stands after the point.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from analyzer.records.exportedspans import ExportedSpan
from analyzer.reports.escaping import dump_json


def write_trace_events(spans: Iterable[ExportedSpan]) -> Iterator[str]:
    """The document, part by part.

    Args:
        spans: The spans; they are held in memory, trace by trace, since a lane needs all of them.
    """
    traces: dict[str, list[ExportedSpan]] = {}
    for span in spans:
        if span.start is not None:
            traces.setdefault(span.trace_id, []).append(span)
    yield '{"displayTimeUnit":"ms","traceEvents":[\n'
    first = True
    for process, found in enumerate(traces.values(), start=1):
        for event in _events(process, found):
            yield ("" if first else ",\n") + dump_json(event)
            first = False
    yield "\n]}\n"


def _events(process: int, spans: list[ExportedSpan]) -> Iterator[dict[str, Any]]:
    # what holds others comes before them
    spans.sort(key=lambda span: (span.start or 0, -_end(span)))
    roots = [span for span in spans if span.parent_span_id is None]
    title = (roots or spans)[0].name
    yield {"ph": "M", "pid": process, "name": "process_name", "args": {"name": title}}
    yield {"ph": "M", "pid": process, "name": "process_sort_index", "args": {"sort_index": process}}
    lanes: list[list[ExportedSpan]] = []
    for span in spans:
        lane = _find_lane(lanes, span)
        begun, lasted = span.start or 0, _end(span) - (span.start or 0)
        arguments = {"trace_id": span.trace_id, "span_id": span.span_id, **span.attributes}
        if span.message:
            arguments["error"] = span.message
        for number, event in enumerate(span.events):
            arguments |= {f"{event.name}.{number}.{key}": value for key, value in event.attributes.items()}
        yield {
            "ph": "X",
            "pid": process,
            "tid": lane + 1,
            "ts": begun / 1000,
            "dur": lasted / 1000,
            "name": span.name or "(no name)",
            "cat": f"{span.kind}{',error' if span.status == 'error' else ''}",
            "args": arguments,
        }
    for lane in range(len(lanes)):
        yield {
            "ph": "M",
            "pid": process,
            "tid": lane + 1,
            "name": "thread_name",
            "args": {"name": f"lane {lane + 1}"},
        }


def _end(span: ExportedSpan) -> int:
    return max(span.end or 0, span.start or 0)


def _find_lane(lanes: list[list[ExportedSpan]], span: ExportedSpan) -> int:
    """The first lane where a span lies after everything, or within what is open there; spans come by their start."""
    begin, end = span.start or 0, _end(span)
    for number, open_ in enumerate(lanes):
        while open_ and _end(open_[-1]) <= begin:
            open_.pop()
        if not open_ or end <= _end(open_[-1]):
            open_.append(span)
            return number
    lanes.append([span])
    return len(lanes) - 1
