"""What each build did, as a tree: its trace, the spans in it, the requests of each span.

The log names a record's span but never a span's parent, so of a log alone the tree has these three levels and no
more; spans stand in the order of their first records. With an exported trace each span that the log names stands
under the nearest one above it, and took what the trace says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TextIO

from analyzer.reports import unknown_name
from analyzer.reports.escaping import dump_json
from analyzer.reports.model import count
from analyzer.reports.tables import plain_rows
from analyzer.reports.terminal import Page, make_console, shown

if TYPE_CHECKING:
    import pyarrow as pa

FORMATS = ("terminal", "json")

_TRACE = ("trace_id", "title", "start", "end", "first_record", "last_record", "records", "requests", "errors")
_SPAN = (
    "trace_id", "span_id", "span", "start", "end", "first_record", "last_record", "records", "errors",
    "parent_span_id", "duration", "times_from",
)  # fmt: skip
_REQUEST = (
    "trace_id", "span_id", "span", "daemon", "record", "method", "kind", "host", "host_evidence", "role",
    "reference", "digest", "status_code", "error",
)  # fmt: skip

_Key = tuple[str | None, str | None, str | None]


@dataclass
class SpanNode:
    """A span and the requests made in it, each as a row of plain values; and how many spans it lies in."""

    row: dict[str, Any]
    requests: list[dict[str, Any]] = field(default_factory=list)
    depth: int = 0


@dataclass
class TraceNode:
    """A trace and its spans, in the order of their first records."""

    row: dict[str, Any]
    spans: list[SpanNode] = field(default_factory=list)


def build_trees(tables: Mapping[str, pa.Table]) -> list[TraceNode]:
    """One tree a trace, from tables ``traces``, ``spans`` and ``requests``.

    A request whose span has no row, as some versions log no IDs in some places, stands under a span of its
    own name; one without a trace stands in a last tree whose trace ID is null.
    """
    traces = {row["trace_id"]: TraceNode(row) for row in _rows(tables, "traces", _TRACE)}
    spans: dict[_Key, SpanNode] = {}
    rows = sorted(_rows(tables, "spans", _SPAN), key=lambda row: row.get("first_record") or 0)
    for row in rows:
        spans[_key(row)] = node = SpanNode(row)
        _trace(traces, row["trace_id"]).spans.append(node)
    # a trace has a name for every span, a log not always
    named = {key[:2]: node for key, node in reversed(spans.items())}
    for row in _rows(tables, "requests", _REQUEST):
        run = f"daemon-{row['daemon']}"
        if row["trace_id"] is None and run in traces:
            # a daemon that writes no trace IDs: its run is the trace (table `traces`)
            row["trace_id"] = run
        key = _key(row)
        node_or_none = spans.get(key) or (named.get(key[:2]) if key[1] else None)
        if node_or_none is None:
            node_or_none = spans[key] = SpanNode(
                {name: row.get(name) for name in ("trace_id", "span_id", "span")}
            )
            _trace(traces, row["trace_id"]).spans.append(node_or_none)
        node_or_none.requests.append(row)
    if "trace_spans" in tables and tables["trace_spans"].num_rows:
        parents = _parents(tables["trace_spans"], set(traces))
        for tree in traces.values():
            tree.spans = _nested(tree.spans, parents.get(tree.row["trace_id"], {}))
    return list(traces.values())


def _parents(trace_spans: pa.Table, traces: set[Any]) -> dict[str, dict[str, str]]:
    """The parent of each span, by trace."""
    found: dict[str, dict[str, str]] = {}
    for batch in trace_spans.select(["trace_id", "span_id", "parent_span_id"]).to_batches():
        for trace_id, span_id, parent in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            if trace_id in traces and span_id and parent:
                found.setdefault(trace_id, {})[span_id] = parent
    return found


def _nested(nodes: list[SpanNode], parents: Mapping[str, str]) -> list[SpanNode]:
    """Spans, each behind the nearest that it lies in; what lies in the same stays in its order."""
    first: dict[str, SpanNode] = {}
    for node in nodes:
        if node.row.get("span_id"):
            first.setdefault(node.row["span_id"], node)
    inner: dict[int, list[SpanNode]] = {}
    for node in nodes:
        above = node.row.get("span_id")
        holder = first.get(above or "")
        seen: set[str] = set()
        if holder is node or holder is None:
            holder = None
            while (above := parents.get(above or "")) and above not in seen:
                seen.add(above)
                if (holder := first.get(above)) is not None:
                    break
        inner.setdefault(id(holder) if holder is not None else 0, []).append(node)
    ordered: list[SpanNode] = []
    open_ = [(node, 0) for node in reversed(inner.pop(0, []))]
    while open_:
        node, node.depth = open_.pop()
        ordered.append(node)
        open_ += [(one, node.depth + 1) for one in reversed(inner.pop(id(node), []))]
    # what lies in itself, as only damage makes it
    return [*ordered, *(node for some in inner.values() for node in some)]


def write_spans(tables: Mapping[str, pa.Table], name: str, stream: TextIO) -> None:
    """Write the trees.

    Args:
        tables: The tables, hosts attributed.
        name: ``terminal`` or ``json``.
        stream: Where to.

    Raises:
        UsageError: There is no such format.
    """
    if name not in FORMATS:
        raise unknown_name("format", name, FORMATS)
    trees = build_trees(tables)
    if name == "json":
        _write_json(trees, stream)
    else:
        _write_terminal(trees, stream)


def _rows(tables: Mapping[str, pa.Table], name: str, columns: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    table = tables[name]
    chosen = [column for column in columns if column in table.column_names]
    for values in plain_rows(table.select(chosen).to_batches()):
        row: dict[str, Any] = dict.fromkeys(columns)
        row.update(zip(chosen, values, strict=True))
        yield row


def _key(row: Mapping[str, Any]) -> _Key:
    return (row.get("trace_id"), row.get("span_id"), row.get("span"))


def _trace(traces: dict[Any, TraceNode], trace_id: str | None) -> TraceNode:
    if trace_id not in traces:
        traces[trace_id] = TraceNode({**dict.fromkeys(_TRACE), "trace_id": trace_id})
    return traces[trace_id]


def _write_json(trees: list[TraceNode], stream: TextIO) -> None:
    separator = "[\n  "
    for tree in trees:
        spans = [{**node.row, "requests": node.requests} for node in tree.spans]
        stream.write(separator + dump_json({**tree.row, "spans": spans}))
        separator = ",\n  "
    stream.write("[]\n" if separator.startswith("[") else "\n]\n")


def _write_terminal(trees: list[TraceNode], stream: TextIO) -> None:
    page = Page(make_console(stream))
    for tree in trees:
        row = tree.row
        page.gap()
        known = row["trace_id"] is not None
        title = row["title"] or ("no title" if known else "requests without a trace ID")
        page.paragraph("", shown(title, "bold"), indent=0)
        facts = [f"trace {row['trace_id']}" if known else "", _span_of_time(row["start"], row["end"])]
        if row["records"] is not None:
            facts.append(count(row["records"], "record"))
        facts.append(count(sum(len(node.requests) for node in tree.spans), "request"))
        if row["errors"]:
            facts.append(count(row["errors"], "error"))
        page.paragraph("", shown(", ".join(fact for fact in facts if fact), "dim"), indent=0)
        for node in tree.spans:
            _write_span(page, node)
    if not trees:
        page.paragraph("", shown("no trace: the input holds no BuildKit record of a build"), indent=0)


def _write_span(page: Page, node: SpanNode) -> None:
    row = node.row
    took = row.get("duration")
    facts = [_duration(row.get("start"), row.get("end")) if took is None else _exactly(took)]
    if row.get("records") is not None:
        facts.append(count(row["records"], "record"))
    if node.requests:
        facts.append(count(len(node.requests), "request"))
    if row.get("errors"):
        facts.append(count(row["errors"], "error"))
    if row.get("span_id"):
        facts.append(f"span {row['span_id']}")
    text = shown(row.get("span") or "(no span name)")
    text.append_text(shown("  " + ", ".join(fact for fact in facts if fact), "dim"))
    deeper = 2 * min(node.depth, _DEEPEST)
    page.paragraph("", text, indent=2 + deeper)
    for request in node.requests:
        _write_request(page, request, deeper)


_DEEPEST = 8
"""Levels that are shown as such: a line has only so many columns."""


def _exactly(nanoseconds: int) -> str:
    """A duration as a trace tells it."""
    if nanoseconds < 1_000_000:
        return f"{nanoseconds / 1000:.0f} µs"
    if nanoseconds < 1_000_000_000:
        return f"{nanoseconds / 1_000_000:.1f} ms"
    return f"{nanoseconds / 1_000_000_000:.2f} s"


def _write_request(page: Page, row: Mapping[str, Any], deeper: int) -> None:
    status = row["status_code"]
    answer = str(status) if status is not None else "no answer"
    style = "green" if status is not None and status < 400 else "yellow" if status == 401 else "red"
    host = row["host"] or "host unknown"
    if row["host"] and row["role"]:
        host += f" ({row['role']})"
    if row["host"] and row["host_evidence"] == "inference":
        host += " by inference"
    what = " ".join(part for part in (row["method"], row["kind"]) if part)
    text = shown(f"{what} from {host}" if what else host)
    asked = str(row["digest"] or row["reference"] or "")
    if asked not in (row["span"] or ""):
        text.append_text(shown("  " + _shorten(asked), "dim"))
    page.paragraph(f"    {' ' * deeper}{answer}", text, style=style, indent=14 + deeper)
    if status is None and row["error"]:
        page.paragraph("", shown(row["error"], "red"), indent=14 + deeper)


def _shorten(name: str) -> str:
    """A digest in as many letters as people compare; the JSON form has all of them."""
    algorithm, mark, value = name.partition(":")
    return f"{algorithm}:{value[:12]}" if mark and algorithm == "sha256" else name


def _seconds(start: str | None, end: str | None) -> float | None:
    if not start or not end:
        return None
    return (_time(end) - _time(start)).total_seconds()


def _time(text: str) -> datetime:
    # fromisoformat of Python 3.11 takes at most six digits of a second
    head, _, fraction = text.rstrip("Z").partition(".")
    return datetime.fromisoformat(head + (f".{fraction[:6]:0<6}" if fraction else "")).replace(tzinfo=UTC)


def _duration(start: str | None, end: str | None) -> str:
    seconds = _seconds(start, end)
    if seconds is None:
        return ""
    if seconds == 0:
        return "<1 s"  # stamps are mostly whole seconds
    return f"{seconds:.0f} s" if seconds == int(seconds) else f"{seconds:.1f} s"


def _span_of_time(start: str | None, end: str | None) -> str:
    if not start or not end:
        return ""
    return f"{start[:19]}Z, {_duration(start, end)}"
