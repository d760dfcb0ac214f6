"""Starts: from one start of the daemon to the next, its sessions, its builds' ends and its layers.

What is seen to be missing beside the requests themselves is found here: start-up lines that are not all there,
a session that starts and never ends, a layer applied that nobody fetched, a request that was never answered
although its build went on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from analyzer.tables.events import Event
from analyzer.tables.exchanges import Exchange, Ledger, status_of

_FOUND_ALL = re.compile(r"^found (\d+) workers?, default=")
_CANCELLED = ("context canceled", "Canceled")


@dataclass(slots=True)
class Start:
    """One start of the daemon, as far as its requests need it.

    Attributes:
        number: 0 for the first of the logs read together.
        source: The log.
        stream: The wrapper's name for where the lines came from.
        first_record: The first event seen in it.
    """

    number: int
    source: str
    stream: str | None
    first_record: int
    running: bool = False
    active: bool = False
    stopping: bool = False
    workers_found: int = 0
    workers_stated: int | None = None
    sessions: Counter[str | None] = field(default_factory=Counter)
    session_events: dict[str | None, Event] = field(default_factory=dict)
    applied: list[Event] = field(default_factory=list)
    given: set[str] = field(default_factory=set)
    sizes_given: set[str] = field(default_factory=set)
    failed_traces: set[str | None] = field(default_factory=set)
    last_failure: int = -1
    requests_told: int = 0

    def ends_before(self, event: Event) -> bool:
        """Whether this event is the first seen of another start."""
        message = event.message
        starting = message.startswith(("found worker ", "running server on ")) or _FOUND_ALL.match(message)
        return bool(starting) and (self.running or self.active or self.stopping)

    def handle(self, event: Event) -> bool:
        """Take what concerns the daemon or a session; False where the event is about a request."""
        message = event.message
        if message.startswith("found worker "):
            self.workers_found += 1
        elif message.startswith("found "):
            stated = _FOUND_ALL.match(message)
            if stated:
                self.workers_stated = int(stated[1])
        elif message.startswith("running server on "):
            self.running = True
        elif message == "stopping server":
            self.stopping = True
        elif message == "session started":
            self.active = True
            self.sessions[event.span_id] += 1
            self.session_events[event.span_id] = event
        elif message.startswith("session finished: "):
            self.active = True
            self.sessions[event.span_id] -= 1
            self.session_events.setdefault(event.span_id, event)
        elif message == "diff applied":
            self.applied.append(event)
        elif message.startswith("/moby.buildkit.v1."):
            if " returned error" in message:
                self.failed_traces.add(event.trace_id)
                self.last_failure = event.record
        else:
            self.active = True
            self.requests_told += 1
            if message == "fetch response received":
                self._note_given(event)
            return False
        return True

    def _note_given(self, event: Event) -> None:
        status = status_of(event)
        if status is None or not 200 <= status < 400:
            return
        for key in ("digest", "response.header.docker-content-digest"):
            if key in event.fields:
                self.given.add(event.fields[key])
        if "response.header.content-length" in event.fields:
            self.sizes_given.add(event.fields["response.header.content-length"])

    @property
    def shows_life(self) -> bool:
        """There is a line of the daemon's or of a build's own beginning or end."""
        return bool(self.running or self.stopping or self.workers_found or self.sessions)

    @property
    def started_whole(self) -> bool:
        """All start-up lines that every version writes are there: the workers, their number, the server."""
        return self.running and self.workers_stated is not None and self.workers_found == self.workers_stated

    def applied_without_fetch(self, ledger: Ledger, fetched: set[str]) -> None:
        """Note layers that were unpacked though nothing says where they came from."""
        for event in self.applied:
            digest = event.fields.get("digest", "")
            size = event.fields.get("size", "")
            if digest not in self.given and digest not in fetched and size not in self.sizes_given:
                ledger.gap("a layer was unpacked that nobody fetched", event)
        self.applied.clear()

    def close(self, ledger: Ledger, exchanges: Iterable[Exchange]) -> None:
        """Note sessions and requests without an end; called when all is read.

        Args:
            ledger: Where gaps are noted.
            exchanges: The requests of this start.
        """
        for span_id, open_sessions in self.sessions.items():
            event = self.session_events[span_id]
            if open_sessions > 0:
                ledger.gap("a build without its end: it still runs, was stopped, or the log is cut", event)
            elif open_sessions < 0:
                ledger.gap("a build without its beginning", event)
        latest: dict[int, Exchange] = {}
        for exchange in exchanges:
            if exchange.object is not None:
                latest[exchange.object] = exchange
        for exchange in latest.values():
            if exchange.good or self.explains(exchange):
                continue
            if exchange.status_code is None and exchange.error is None:
                if exchange.closed:
                    continue
                ledger.gap_at("a request without answer or error", exchange)
            elif exchange.action == "pull" and exchange.kind != "resolve":
                ledger.gap_at("an object that was asked for and never given", exchange)

    def explains(self, asked: Exchange | Event) -> bool:
        """The build that asked failed or was cancelled, and says so."""
        return asked.trace_id in self.failed_traces or (
            self.last_failure > asked.record and (asked.trace_id is None or None in self.failed_traces)
        )
