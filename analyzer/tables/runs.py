"""Runs: one start of the daemon, its events given to what understands them."""

from __future__ import annotations

from bisect import bisect_left

from analyzer.tables.crowds import Crowd
from analyzer.tables.events import Event
from analyzer.tables.exchanges import Ledger
from analyzer.tables.given import LAYER, REACH, Given
from analyzer.tables.lookups import Lookup
from analyzer.tables.named import NamedRequests
from analyzer.tables.references import reference_of_span
from analyzer.tables.routine import Routine
from analyzer.tables.starts import Start

SMALL = 100
"""Objects and requests that a span may keep in mind until it goes quiet; only a daemon without trace IDs has more."""

_Span = tuple[str | None, str | None]
_NamedSpan = tuple[str | None, str | None, str | None]


class Fetches:
    """The digests of a batch that are fetched: each is known before the requests that follow it."""

    def __init__(self, start: Start, routine: Routine) -> None:
        self._start = start
        self._records = routine.fetch_records
        self._digests = routine.fetch_digests
        self._taken = 0

    def take_until(self, record: int | None) -> None:
        """Take those before a record, or all."""
        end = len(self._records) if record is None else bisect_left(self._records, record, self._taken)
        if end > self._taken:
            self._start.note_fetches(self._digests[self._taken : end])
            self._taken = end


class Run:
    """One start of the daemon: its events, given to what understands them."""

    def __init__(self, ledger: Ledger, start: Start) -> None:
        self.ledger = ledger
        self.start = start
        self.named: dict[_Span, NamedRequests] = {}
        self.lookups: dict[_NamedSpan, Lookup] = {}
        self.crowds: dict[_NamedSpan, Crowd] = {}

    def handle(self, event: Event) -> None:
        """Take an event in its turn."""
        if self.start.handle(event):
            return
        fields, message = event.fields, event.message
        if message == "checking and pushing to":
            if "url" in fields:
                self._named(event).handle(event)
                self._crowd(event).handle(event)
            return
        if "url" in fields or "host" in fields or ("digest" in fields and message != "resolved"):
            if message == "fetch" and "digest" in fields:
                self.start.fetched.add(fields["digest"])
            else:
                self._named(event).handle(event)
            return
        lookup = self._lookup(event)
        if lookup is None:
            self._crowd(event).handle(event)
        else:
            lookup.handle(event)

    def handle_given(self, given: Given) -> bool:
        """Take a request that was answered well at once; False where its events must be taken one by one."""
        if given.way == LAYER:
            taken = self._named(given).handle_given(given)
        else:
            lookup = self._lookup(given)
            taken = lookup is not None and lookup.handle_given(given)
        if taken:
            self.start.note_given(given)
        return taken

    def _lookup(self, event: Event | Given) -> Lookup | None:
        key = (event.trace_id, event.span_id, event.span)
        lookup = self.lookups.get(key)
        if lookup is None and (reference := reference_of_span(event.span)):
            lookup = self.lookups[key] = Lookup(self.ledger, reference)
        return lookup

    def _named(self, event: Event | Given) -> NamedRequests:
        key = (event.trace_id, event.span_id)
        named = self.named.get(key)
        if named is None:
            named = self.named[key] = NamedRequests(self.ledger, self.start.fetched)
        return named

    def _crowd(self, event: Event) -> Crowd:
        key = (event.trace_id, event.span_id, event.span)
        crowd = self.crowds.get(key)
        if crowd is None:
            crowd = self.crowds[key] = Crowd(self.ledger)
        return crowd

    def forget(self, before: int) -> None:
        """Let go of what nothing was heard of since a record."""
        explains = self.start.explains
        for span in [span for span, named in self.named.items() if named.last < before]:
            self.named.pop(span).finish(explains)
        for named in self.named.values():
            if named.size > SMALL:
                named.forget(before, explains)
        for key in [key for key, one in self.lookups.items() if one.last and one.last.record < before]:
            self.lookups.pop(key).finish(explains)
        for key in [key for key, one in self.crowds.items() if one.last and one.last.record < before]:
            self.crowds.pop(key).finish()
        for crowd in self.crowds.values():
            crowd.forget(before)
        self.start.judge_unfinished(self.ledger, before - REACH)

    def finish(self) -> None:
        """No more events come."""
        explains = self.start.explains
        for named in self.named.values():
            named.finish(explains)
        for lookup in self.lookups.values():
            lookup.finish(explains)
        for crowd in self.crowds.values():
            crowd.finish()
        self.start.applied_without_fetch(self.ledger)
