"""Requests of a log joined with the spans of exported traces: what surely belongs together, and what contradicts.

A log's request names the span that asked, an ancestor of the request's own (one level up to v0.12.5, two since
v0.16). Within that span requests are told apart by their URL where the log has one, else by their order (a look-up
asks one host after the other), method, answer and digest. Requests without IDs (v0.10 to v0.15 without an exporter,
imports of a registry cache) are found by URL and time. What fits in more than one way stays as the log has it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, TypeVar

from analyzer.attribution.alignment import align
from analyzer.attribution.spanrequests import Sent
from analyzer.tables.references import reference_of_span
from analyzer.tables.urls import RegistryURL

_SECOND = 1_000_000_000
_SLACK = 10 * _SECOND
"""Between a request's line and its span lies at most the wait for a free connection."""

_MOST_ALIKE = 1 << 10
"""Requests that nothing but their answer tells apart, and that are compared with each other; beyond, none is sure."""


@dataclass(slots=True, eq=False)
class Asked:
    """A request of the log.

    Attributes:
        row: Its row among the requests.
        place: The place of the span that it names, -1 where the traces do not have it.
        target: Its URL, taken apart; None where the log names none.
        exact: Its answer is surely its own.
    """

    row: int
    record: int
    source: str
    time: int | None
    place: int
    trace_id: str | None
    span: str | None
    method: str | None
    target: RegistryURL | None
    host: str | None
    repository: str | None
    digest: str | None
    kind: str
    action: str
    object: int | None
    status_code: int | None
    error: str | None
    exact: bool


@dataclass(frozen=True, slots=True)
class Contradiction:
    """A fact on which log and trace disagree; a row of ``trace_contradictions``."""

    what: str
    asked: Asked
    sent: Sent
    in_log: str
    in_trace: str

    def row(self) -> dict[str, Any]:
        """The row."""
        return {
            "trace_id": self.sent.trace_id,
            "span_id": self.sent.span_id,
            "record": self.asked.record,
            "source": self.asked.source,
            "what": self.what,
            "in_log": self.in_log,
            "in_trace": self.in_trace,
            "url": self.sent.url,
        }


@dataclass(slots=True)
class Matches:
    """What was found.

    Attributes:
        pairs: Requests of the log with their spans.
        contradictions: Where both disagree.
        new: Spans of requests that the log surely lacks.
        doubtful: How many spans may or may not be a request of the log.
        open: Requests of the log of these traces without a span.
    """

    pairs: list[tuple[Asked, Sent]] = field(default_factory=list)
    contradictions: list[Contradiction] = field(default_factory=list)
    new: list[Sent] = field(default_factory=list)
    doubtful: int = 0
    open: int = 0


class Loose:
    """The log's requests without IDs, which any trace may tell of; found by URL and time."""

    def __init__(self) -> None:
        self._named: dict[tuple[object, ...], list[Asked]] = defaultdict(list)
        self._nameless: list[Asked] = []
        self._times: dict[tuple[object, ...], list[int]] = {}
        self._joined: set[int] = set()

    def add(self, one: Asked) -> None:
        """Take a request, in the order of the records."""
        if one.target is None:
            self._nameless.append(one)
        else:
            self._named[_url_key(one.method, one.target)].append(one)

    def join(self, spans: Sequence[Sent], found: Matches) -> list[Sent]:
        """Join spans, in the order of their start; gives those that are left."""
        paired: set[int] = set()
        for key, some in _by(spans, lambda span: _url_key(span.method, span.target)).items():
            near = self._near(key, some[0].start, some[-1].start) if key in self._named else []
            for one, span in align(near, some, _fits)[0] if len(near) <= _MOST_ALIKE else ():
                found.pairs.append((one, span))
                paired.add(id(span))
                self._joined.add(one.row)
        return [span for span in spans if id(span) not in paired]

    def may_have(self, span: Sent) -> bool:
        """Whether a span may be that of one of these that was not joined."""
        key = _url_key(span.method, span.target)
        near = self._near(key, span.start, span.start) if key in self._named else []
        if len(near) + len(self._nameless) > _MOST_ALIKE:
            return span.action != "auth"
        return any(_may_be(one, span) for one in (*near, *self._nameless))

    def _near(self, key: tuple[object, ...], first: int, last: int) -> list[Asked]:
        """Those of a URL that were sent at some time and are not joined."""
        some = self._named[key]
        times = self._times.get(key)
        if times is None:
            # where times run backwards, the latest so far stands for them: a wider window loses nothing
            times = self._times[key] = list(accumulate((one.time or 0 for one in some), max))
        begin = bisect_left(times, first - _SECOND - _SLACK) if first else 0
        end = bisect_right(times, last + _SECOND + _SLACK) if last else len(some)
        return [one for one in some[begin:end] if one.row not in self._joined]


def match_trace(
    asked: Sequence[Asked], sent: Sequence[Sent], others: Loose, *, whole: bool, cut: bool
) -> Matches:
    """Join the requests of one trace.

    Args:
        asked: The log's requests of this trace, in the order of their records.
        sent: The trace's requests, in the order of their start.
        others: The log's requests without IDs.
        whole: Of the trace nothing is seen to be missing.
        cut: Of the log something is seen to be missing.
    """
    found = Matches()
    groups: dict[int, tuple[list[Asked], list[Sent]]] = {}
    for request in asked:
        groups.setdefault(request.place, ([], []))[0].append(request)
    strays: list[Sent] = []
    for span in sent:
        group = groups.get(span.logged) if span.logged >= 0 else None
        if group is None or span.action == "auth":
            strays.append(span)
        else:
            group[1].append(span)
    left: list[Asked] = []
    for place, (requests, spans) in groups.items():
        if place < 0:
            left += requests
            continue
        group_left, stray = _match_group(requests, spans, found, whole=whole, cut=cut)
        left += group_left
        strays += stray
    strays.sort(key=lambda one: (one.start, one.place))
    strays = others.join(strays, found)
    found.open = len(left)
    for span in strays:
        if others.may_have(span) or any(_may_be(one, span) for one in left):
            found.doubtful += span.action != "auth"
        else:
            found.new.append(span)
    return found


def _match_group(
    requests: Sequence[Asked], spans: Sequence[Sent], found: Matches, *, whole: bool, cut: bool
) -> tuple[list[Asked], list[Sent]]:
    """Join the requests of one span of the log; gives what is left of both."""
    paired: set[int] = set()

    def pair(pairs: Iterable[tuple[Asked, Sent]]) -> None:
        for one, span in pairs:
            found.pairs.append((one, span))
            paired.update((id(one), id(span)))

    named = _by(requests, lambda one: _url_key(one.method, one.target) if one.target else None)
    spans_named = _by(spans, lambda span: _url_key(span.method, span.target))
    for key, some in named.items():
        if key is not None:
            pair(align(some, spans_named.get(key, []), _fits)[0])
    taken = {key for key in named if key is not None}
    open_ = [span for span in spans if _url_key(span.method, span.target) not in taken]
    nameless = [one for one in requests if one.target is None]
    if nameless and not (cut and not whole):
        if reference_of_span(nameless[0].span) is None:
            pair(_alike(nameless, open_))
        elif whole and not cut and len(nameless) == len(open_):
            # one after the other, and nothing is missing on either side
            both = zip(nameless, open_, strict=True)
            pair((one, span) for one, span in both if _fits(one, span))
        else:
            pair(align(nameless, open_, _fits)[0])
    left = [one for one in requests if id(one) not in paired]
    stray = [span for span in spans if id(span) not in paired]
    if whole and not cut and left and len(requests) == len(spans):
        # nothing is missing on either side: what does not fit is told differently
        known = align(left, stray, _tells_of_same)[0] or zip(left, stray, strict=True)
        for one, span in list(known):
            found.contradictions += _disagreements(one, span)
            left.remove(one)
            stray.remove(span)
    return left, stray


def _alike(requests: Sequence[Asked], spans: Sequence[Sent]) -> list[tuple[Asked, Sent]]:
    """Pair requests that were sent at once, if there are as many of both and every span that fits has one host."""
    if len(requests) != len(spans) or len(requests) > _MOST_ALIKE:
        return []
    free = list(spans)
    pairs = []
    for one in requests:
        fitting = [span for span in spans if _fits(one, span)]
        if len({span.target.host for span in fitting}) != 1:
            return []
        chosen = next((span for span in free if _fits(one, span)), None)
        if chosen is None:
            return []
        free.remove(chosen)
        pairs.append((one, chosen))
    return pairs


def _disagreements(one: Asked, span: Sent) -> list[Contradiction]:
    """Where a request and its span disagree."""
    if not _tells_of_same(one, span):
        return [Contradiction("request", one, span, _request(one), _request(span))]
    found = []
    if one.host is not None and one.host != span.target.host:
        found.append(Contradiction("host", one, span, one.host, span.target.host))
    if not _same_answer(one, span):
        found.append(Contradiction("status", one, span, _answer(one), _answer(span)))
    return found or [Contradiction("order", one, span, _request(one), _request(span))]


def _request(one: Asked | Sent) -> str:
    target = one.target
    name = target.object if target else one.digest if isinstance(one, Asked) else None
    return " ".join(part for part in (one.method, name) if part) or "a request"


def _answer(one: Asked | Sent) -> str:
    return str(one.status_code) if one.status_code is not None else one.error or "no answer"


def _tells_of_same(one: Asked, span: Sent) -> bool:
    """Whether both may tell of one request, though they disagree on its host or answer."""
    if one.method != span.method or not _in_time(one, span):
        return False
    if one.target is not None and one.target.object != span.target.object:
        return False
    return _same_digest(one, span)


def _fits(one: Asked, span: Sent) -> bool:
    """Whether a span can be the request's."""
    if one.method is not None and one.method != span.method:
        return False
    if one.host is not None and one.host != span.target.host:
        return False
    return (
        _in_time(one, span)
        and _same_digest(one, span)
        and _same_repository(one, span)
        and _same_answer(one, span)
    )


def _may_be(one: Asked, span: Sent) -> bool:
    """Whether a span may be that of a request that was not joined."""
    if one.target is not None and _url_key(one.method, one.target) != _url_key(span.method, span.target):
        return False
    return span.action != "auth" and _fits(one, span)


def _in_time(one: Asked, span: Sent) -> bool:
    """Whether the span began when the line was written; most logs cut the time to seconds."""
    return one.time is None or not span.start or -_SECOND <= span.start - one.time <= _SECOND + _SLACK


def _same_digest(one: Asked, span: Sent) -> bool:
    told = span.target.digest
    return one.digest is None or told is None or one.action == "push" or told == one.digest


def _same_repository(one: Asked, span: Sent) -> bool:
    told, name = span.target.repository, one.repository
    return (
        told is None or name is None or told == name or told.endswith(f"/{name}") or name.endswith(f"/{told}")
    )


def _same_answer(one: Asked, span: Sent) -> bool:
    """Whether the answers agree. The log tells the answer of where a redirect led, the span its own."""
    if one.status_code is None:
        return not (one.error and span.status_code is not None)
    if not one.exact or (span.status_code is not None and 300 <= span.status_code < 400):
        return True
    return one.status_code == span.status_code


def _url_key(method: str | None, url: RegistryURL) -> tuple[object, ...]:
    return method, url.scheme, url.host, url.repository, url.resource, url.object, url.registry


One = TypeVar("One")


def _by(members: Iterable[One], key: Callable[[One], Any]) -> dict[Any, list[One]]:
    groups: dict[Any, list[One]] = defaultdict(list)
    for one in members:
        groups[key(one)].append(one)
    return groups
