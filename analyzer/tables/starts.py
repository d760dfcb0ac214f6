"""Starts: from one start of the daemon to the next, its sessions, its builds' ends and its layers.

What is seen to be missing beside the requests themselves is found here: start-up lines that are not all there,
a session that starts and never ends, a layer applied that nobody fetched, a request that was never answered
although its build went on.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from analyzer.tables.digests import Digests
from analyzer.tables.events import Event
from analyzer.tables.exchanges import Exchange, Ledger, status_of
from analyzer.tables.given import LAYER, Given
from analyzer.tables.routine import Routine

_FOUND_ALL = re.compile(r"^found (\d+) workers?, default=")
OF_REQUESTS = frozenset(
    {
        "do request",
        "fetch response received",
        "fetch",
        "fetching layer",
        "resolving",
        "resolved",
        "push",
        "Unauthorized",
        "fetch failed",
    }
)
"""Messages about a request: most of what comes."""


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
    builds: bool = False
    applied: list[Event] = field(default_factory=list)
    fetched: Digests = field(default_factory=Digests)
    given: Digests = field(default_factory=Digests)
    sizes_given: Digests = field(default_factory=Digests)
    unfinished: dict[int, Exchange] = field(default_factory=dict)
    failed_traces: Digests = field(default_factory=Digests)
    untraced_failure: bool = False
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
        if message in OF_REQUESTS:
            self.note_request(event)
            return False
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
            self.active = self.builds = True
            self._count_session(event, 1)
        elif message.startswith("session finished: "):
            self.active = self.builds = True
            self._count_session(event, -1)
        elif message == "diff applied":
            if not self._knows_layer(event):
                self.applied.append(event)
        elif message.startswith("/moby.buildkit.v1."):
            if " returned error" in message:
                self._fail(event)
        else:
            self.note_request(event)
            return False
        return True

    def _fail(self, event: Event) -> None:
        if event.trace_id is None:
            self.untraced_failure = True
        else:
            self.failed_traces.add(event.trace_id)
        self.last_failure = event.record

    def note_request(self, event: Event) -> None:
        """Take an event about a request."""
        self.active = True
        self.requests_told += 1
        if event.message == "fetch response received":
            self._note_given(event)

    def note_given(self, given: Given) -> None:
        """Take a request that was answered well at once."""
        self.active = True
        self.requests_told += 2 + (given.announced >= 0) + (given.way != LAYER)
        if given.digest is not None:
            self.given.add(given.digest)
        if given.content_digest is not None:
            self.given.add(given.content_digest)
        if given.content_length is not None:
            self.sizes_given.add(given.content_length)

    def note_fetches(self, digests: Sequence[str | None]) -> None:
        """Take digests that are fetched."""
        self.active = True
        self.requests_told += len(digests)
        for digest in digests:
            if digest is not None:
                self.fetched.add(digest)

    def take_routine(self, routine: Routine, event_of: Callable[[int], Event]) -> None:
        """Take layers and sessions that need no turn of their own, when all else of their batch is taken.

        Args:
            routine: What the batch tells; its fetches are taken by `note_fetches`.
            event_of: Gives the event of a row.
        """
        for row, digest, size in routine.applied:
            if not self._is_known(digest or "", size or ""):
                self.applied.append(event_of(row))
        if routine.sessions:
            self.active = self.builds = True

    def _count_session(self, event: Event, step: int) -> None:
        """Only sessions that are open, or were never opened, are remembered."""
        key = event.span_id
        self.sessions[key] += step
        if self.sessions[key] == 0:
            del self.sessions[key]
            del self.session_events[key]
        elif step > 0:
            self.session_events[key] = event
        else:
            self.session_events.setdefault(key, event)

    def _knows_layer(self, applied: Event) -> bool:
        return self._is_known(applied.fields.get("digest", ""), applied.fields.get("size", ""))

    def _is_known(self, digest: str, size: str) -> bool:
        return digest in self.given or digest in self.fetched or size in self.sizes_given

    def _note_given(self, event: Event) -> None:
        status = status_of(event)
        if status is None or not 200 <= status < 400:
            return
        fields = event.fields
        for key in ("digest", "response.header.docker-content-digest"):
            if key in fields:
                self.given.add(fields[key])
        if "response.header.content-length" in fields:
            self.sizes_given.add(fields["response.header.content-length"])

    @property
    def shows_life(self) -> bool:
        """There is a line of the daemon's or of a build's own beginning or end."""
        return bool(self.running or self.stopping or self.workers_found or self.builds)

    @property
    def started_whole(self) -> bool:
        """All start-up lines that every version writes are there: the workers, their number, the server."""
        return self.running and self.workers_stated is not None and self.workers_found == self.workers_stated

    def applied_without_fetch(self, ledger: Ledger) -> None:
        """Note layers that were unpacked though nothing says where they came from."""
        for event in self.applied:
            if not self._knows_layer(event):
                ledger.gap("a layer was unpacked that nobody fetched", event)
        self.applied.clear()

    def note(self, exchange: Exchange | Given) -> None:
        """Take a request that nothing will change any more, in the order of the records."""
        if exchange.object is None:
            return
        if isinstance(exchange, Given) or exchange.good:
            self.unfinished.pop(exchange.object, None)
        else:
            self.unfinished[exchange.object] = exchange

    def close(self, ledger: Ledger) -> None:
        """Note sessions and requests without an end; called when all is read."""
        for span_id, open_sessions in self.sessions.items():
            event = self.session_events[span_id]
            if open_sessions > 0:
                ledger.gap("a build without its end: it still runs, was stopped, or the log is cut", event)
            else:
                ledger.gap("a build without its beginning", event)
        self.judge_unfinished(ledger, None)
        self.fetched, self.given, self.sizes_given = Digests(), Digests(), Digests()

    def judge_unfinished(self, ledger: Ledger, before: int | None) -> None:
        """Note requests without an end.

        Args:
            ledger: Where gaps are noted.
            before: Only those before a record, which nothing will take up again; None judges all.
        """
        old = [key for key, one in self.unfinished.items() if before is None or one.record < before]
        for exchange in [self.unfinished.pop(key) for key in old]:
            if self.explains(exchange):
                continue
            if exchange.status_code is None and exchange.error is None:
                if not exchange.closed:
                    ledger.gap("a request without answer or error", exchange)
            elif exchange.action == "pull" and exchange.kind != "resolve":
                ledger.gap("an object that was asked for and never given", exchange)

    def explains(self, asked: Exchange | Event | Given) -> bool:
        """The build that asked failed or was cancelled, and says so."""
        if asked.trace_id is not None and asked.trace_id in self.failed_traces:
            return True
        if asked.trace_id is None and self.untraced_failure:
            return True
        return self.last_failure > asked.record and (asked.trace_id is None or self.untraced_failure)
