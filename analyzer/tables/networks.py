"""Networks: one row an event of a build step's network, or of the choice of the network's kind.

Events are read from the start of a message (util/network, executor/, v0.9.3 to v0.32.2); a command line that
a build runs can stand only after ``> creating <id>``, and so imitates none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.records.schema import TIME
from analyzer.tables.failures import has_stack, read_failure, without_stack
from analyzer.tables.gathering import Gatherer
from analyzer.tables.problems import is_normal_stop, startup_block
from analyzer.tables.schema import Column, TableSpec
from analyzer.tables.selection import LOUD_LEVELS, is_one_of, matches, rows_of
from analyzer.tables.spool import Rows

SPEC = TableSpec(
    name="networks",
    row="an event of a network namespace, or of the choice of the network's kind",
    columns=(
        Column("record", pa.int64(), "the record that tells it"),
        Column("line", pa.int64(), "first physical line of `record`"),
        Column("source", pa.string(), "the log it stands in"),
        Column("stream", pa.string(), "the wrapper's name for the process, null without a wrapper"),
        Column(
            "event",
            pa.string(),
            "opened, creating, created, set_up, returned, releasing, cleaning, setup_failed, cleanup_failed, "
            "default_host, default_null, host_enabled, rootless_namespace or entitlement_denied",
        ),
        Column("namespace", pa.string(), "the namespace's ID"),
        Column(
            "provider", pa.string(), "cni, or proxy (v0.32's own pool, no evidence of cni); null if not said"
        ),
        Column("error", pa.string(), "the failure's text"),
        Column("time", TIME, "when it was logged"),
        Column("trace_id", pa.string(), "the build's trace"),
        Column("span", pa.string(), "the span's name"),
    ),
)

_EVENTS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (event, re.compile(pattern))
    for event, pattern in (
        ("creating", r"^creating (?:new )?(?P<provider>\w+ )?network namespace (?P<namespace>\S+)$"),
        ("created", r"^finished creating (?P<provider>\w+ )?network namespace (?P<namespace>\S+)$"),
        ("set_up", r"^finished setting up (?P<provider>\w+ )?network namespace (?P<namespace>\S+)$"),
        ("returned", r"^returning (?P<provider>\w+ )?network namespace (?P<namespace>\S+) (?:from|to) pool"),
        ("releasing", r"^releasing (?P<provider>\w+ )?network namespace (?P<namespace>\S+)"),
        ("cleaning", r"^cleaning up (?P<provider>\w+ )?(?:network namespace )?pool$"),
        ("opened", r'^could not read "[^"]*/net/(?P<provider>cni|proxy)" for cleanup'),
        (
            "setup_failed",
            r"^failed to create new (?P<provider>\w+ )?network namespace .*while prefilling pool",
        ),
        ("cleanup_failed", r"^failed to (?:remove bridge|release (?P<provider>\w+ )?network namespace)"),
        ("rootless_namespace", r"^Entering RootlessKit's detached netns"),
        ("default_host", r"^using host network as the default$"),
        ("default_null", r"^using null network as the default$"),
        ("host_enabled", r"^enabling HostNetworking"),
    )
)
_STARTS = (
    r"^(creating (new )?(\w+ )?network namespace |finished |returning |releasing |cleaning up "
    r"|could not read |failed to (create new|remove bridge|release) |Entering RootlessKit"
    r"|using (host|null) network|enabling Host)"
)
_FAILURES = {"cni_config": "setup_failed", "cni_plugin": "setup_failed", "entitlement": "entitlement_denied"}


class NetworksBuilder:
    """Builds `networks` from batches of records."""

    spec: ClassVar[TableSpec] = SPEC

    def __init__(self) -> None:
        self._rows = Gatherer(SPEC)

    def update(self, batch: pa.RecordBatch) -> None:
        """Take the network events of a batch of records, in the order of the input."""
        self.take(read_networks(batch))

    def take(self, rows: Iterable[dict[str, Any]]) -> None:
        """Take rows, as `read_networks` gives them, in the order of the input."""
        self._rows.take(rows)

    def finish(self) -> Rows:
        """The table, in the order of the records."""
        return self._rows.finish()


def read_networks(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """The network events of a batch of records, in its order: a row of the table each."""
    told = matches(batch.column("message"), _STARTS)
    mask = pc.or_(told, is_one_of(batch.column("level"), LOUD_LEVELS))
    mask = pc.or_(mask, is_one_of(batch.column("form"), ("stack", "other")))
    kept = ("record", "line", "source", "stream", "time", "trace_id", "span")
    return [
        {name: row[name] for name in kept} | event
        for row in rows_of(batch, mask, [*kept, "message", "error", "text", "form"])
        if (event := _read(row))
    ]


def _read(row: dict[str, Any]) -> dict[str, Any] | None:
    """The event of a record, or None."""
    message = row["message"] or ""
    for event, pattern in _EVENTS:
        if match := pattern.match(message):
            found = match.groupdict()
            failed = event.endswith("failed")
            return {
                "event": event,
                "namespace": found.get("namespace"),
                "provider": (found.get("provider") or "").strip() or None,
                "error": (row["error"] or message) if failed else None,
            }
    words = row["error"] or message
    if row["form"] in ("stack", "other"):
        text = row["text"] or ""
        last_words = startup_block(text)
        if last_words is not None and not is_normal_stop(last_words):
            words = without_stack(last_words).removeprefix("buildkitd: ")
        else:
            words = without_stack(text) if has_stack(text) else ""
    if not words:
        return None
    failure = read_failure(words)
    event_of_failure = _FAILURES.get(failure.kind)
    if event_of_failure is None:
        return None
    provider = "cni" if failure.kind.startswith("cni") else None
    return {"event": event_of_failure, "namespace": None, "provider": provider, "error": failure.cause}
