"""Traffic: requests by host, counted while a log is read.

Which host a request went to is known of some at once and of others only when all is attributed. So what was
attributed last is the ground, and what came since is counted on top of it, as far as its lines name a host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.tables.events import Event, Picked
from analyzer.tables.spool import Rows
from analyzer.tables.urls import RegistryURL, find_url, parse_url, upstream_host


@dataclass(frozen=True, slots=True)
class HostTraffic:
    """What was asked of a host.

    Attributes:
        host: The host; None for requests whose host nothing tells, or nothing yet.
        role: mirror or upstream; None where it is not known.
        requests: How many requests.
        answers: How many answers, by status.
        failures: Requests that failed without an answer.
        last: When the last request was sent.
    """

    host: str | None
    role: str | None
    requests: int
    answers: dict[int, int]
    failures: int
    last: datetime | None


Host = tuple[str | None, str | None]
"""A host and its role."""


@dataclass(slots=True)
class Counts:
    """What is counted of a host, while it is counted."""

    requests: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    failures: int = 0
    last: int | None = None
    """Nanoseconds since 1970."""

    def see(self, time: int | None) -> None:
        """Note when a request was sent."""
        if time is not None and (self.last is None or time > self.last):
            self.last = time

    def add(self, other: Counts) -> None:
        """Add what was counted elsewhere."""
        self.requests += other.requests
        self.answers.update(other.answers)
        self.failures += other.failures
        self.see(other.last)


Tally = dict[Host, Counts]


class Traffic:
    """Requests by host, of a log that is read."""

    def __init__(self) -> None:
        self._attributed: Tally = {}
        self._waiting: Tally = {}
        self._since: Tally = {}

    def take(self, picked: Picked) -> None:
        """Count the events of a batch."""
        columns = picked.given.columns
        told = (columns.column(name).to_pylist() for name in ("host", "role", "status_code", "time"))
        for host, role, status, time in zip(*told, strict=True):
            counts = self._of(host, role)
            counts.requests += 1
            counts.answers[status] += 1
            counts.see(time)
        for event in picked.others.events():
            self._count(event)

    def mark(self) -> None:
        """What was taken until now is attributed elsewhere; `settle` follows, unless that fails."""
        _add(self._waiting, self._since)
        self._since = {}

    def settle(self, attributed: Tally) -> None:
        """Take what attribution made of all requests up to the last `mark`, as `count_requests` gives it."""
        self._attributed, self._waiting = attributed, {}

    def rows(self) -> list[HostTraffic]:
        """Every host, the one that was asked most first."""
        whole: Tally = {}
        for tally in (self._attributed, self._waiting, self._since):
            _add(whole, tally)
        hosts = [
            HostTraffic(
                host,
                role,
                counts.requests,
                dict(sorted(counts.answers.items())),
                counts.failures,
                None if counts.last is None else datetime.fromtimestamp(counts.last // 10**9, UTC),
            )
            for (host, role), counts in whole.items()
        ]
        return sorted(
            hosts, key=lambda one: (one.host is None, -one.requests, one.host or "", one.role or "")
        )

    def _of(self, host: str | None, role: str | None) -> Counts:
        return self._since.setdefault((host, role), Counts())

    def _count(self, event: Event) -> None:
        fields = event.fields
        url = parse_url(fields["url"]) if "url" in fields else None
        if event.message == "do request":
            counts = self._of(*_host_of(url, event))
            counts.requests += 1
            counts.see(event.time)
        elif event.message == "fetch response received":
            status = fields.get("response.status", "")[:3]
            if status.isascii() and status.isdigit():
                self._of(*_host_of(url, event)).answers[int(status)] += 1
        elif event.message.startswith(("trying next host", "fetch failed")) and event.error:
            failed = find_url(event.error)
            if failed is not None and " after status: " not in event.message:
                self._of(*_host_of(failed, event)).failures += 1


def count_requests(requests: Rows | pa.Table) -> Tally:
    """The rows of the table ``requests`` by host and role."""
    tally: Tally = {}
    for batch in _batches(requests):
        failed = pc.and_(pc.is_null(batch.column("status_code")), pc.is_valid(batch.column("error")))
        columns = {name: batch.column(name) for name in ("host", "role", "status_code")}
        columns |= {"failed": failed, "time": batch.column("time").cast(pa.int64())}
        grouped = pa.table(columns).group_by(["host", "role", "status_code", "failed"], use_threads=False)
        found = grouped.aggregate([([], "count_all"), ("time", "max")])
        for row in found.to_pylist():
            counts = tally.setdefault((row["host"], row["role"]), Counts())
            counts.requests += row["count_all"]
            if row["status_code"] is not None:
                counts.answers[row["status_code"]] += row["count_all"]
            elif row["failed"]:
                counts.failures += row["count_all"]
            counts.see(row["time_max"])
    return tally


def _batches(requests: Rows | pa.Table) -> Iterator[pa.RecordBatch]:
    names = [
        name for name in requests.schema.names if name in ("time", "host", "role", "status_code", "error")
    ]
    if isinstance(requests, Rows):
        yield from requests.batches(names)
    else:
        yield from requests.select(names).to_batches()


def _add(target: Tally, more: Tally) -> None:
    for host, counts in more.items():
        target.setdefault(host, Counts()).add(counts)


def _host_of(url: RegistryURL | None, event: Event) -> Host:
    if url is None:
        return event.fields.get("host"), None
    return url.host, "upstream" if url.host == upstream_host(url.registry) else "mirror"
