"""Whether an exported trace is whole: of which traces nothing is seen to be missing.

A trace may be sampled, its file cut, its exporter may have dropped spans. What stays behind tells: a parent that is
not there, a call of the client without the daemon's, containerd's span about a request without the request's own.
Where nothing could tell (up to v0.10 no second span stands beside a request's), a trace never counts as whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from analyzer.attribution.spanrequests import Sent
from analyzer.attribution.spantree import Mask, SpanTree
from analyzer.tables.selection import int64s

NO_PARENT = "a span's parent is missing"
NO_ROOT = "it has no beginning"
NO_CALL = "a call of the build has no span of the daemon"
NO_REQUEST = "the span of a request is missing"
NOT_SHOWN = "in this version of BuildKit nothing would show that a request is missing"
NO_TAIL = "the build went on after the last span that is there"
NO_END = "a request was refused, and what came of it is missing"

_LEVELS = 64
"""Levels of spans: a build's tree has ten."""

_PAUSE = 50_000_000
_SHARE = 100
"""Nanoseconds, and the hundredth of its time, that a call may go on after the last span within it."""


def find_faults(tree: SpanTree) -> dict[int, list[str]]:
    """What is seen to be missing, by trace (its place in ``tree.traces``); a trace without an entry is whole."""
    faults: dict[int, list[str]] = {}

    def note(why: str, wrong: Mask) -> None:
        for trace in np.unique(tree.trace[wrong]).tolist():
            faults.setdefault(trace, []).append(why)

    up, there = tree.up, tree.up >= 0
    orphan = (tree.parents != 0) & ~there
    calling = np.zeros(len(tree.ids), np.bool_)
    calling[up[tree.server & there]] = True
    # of a call that was answered here the caller's span may never come; that of one made here would be there
    note(NO_PARENT, orphan & (~tree.server | calling))
    topped = np.zeros(len(tree.traces), np.bool_)
    topped[tree.trace[~there]] = True
    note(NO_ROOT, ~topped[tree.trace])
    answered = np.zeros(len(tree.ids), np.bool_)
    answered[up[tree.solve & there]] = True
    inner = tree.solve & there & tree.solve[np.where(there, up, 0)]
    note(NO_CALL, tree.solve & there & ~inner & ~answered)
    note(NO_TAIL, _without_tail(tree))
    for trace in _without_request(tree):
        faults.setdefault(trace, []).append(NO_REQUEST)
    places = int64s(tree.http.column("place").combine_chunks())
    told = set(tree.trace[tree.resolver].tolist())
    for trace in set(tree.trace[places].tolist()) - told:
        faults.setdefault(trace, []).append(NOT_SHOWN)
    return faults


def _without_tail(tree: SpanTree) -> Mask:
    """Calls of a build that end well after the last span within them.

    In 22 whole traces of v0.10.6 to v0.32.2 that was at most 8 ms.
    """
    there = tree.up >= 0
    inside = np.where(tree.solve, 0, tree.ends)
    latest = np.zeros(len(tree.ids), np.int64)
    for _ in range(_LEVELS):
        before = latest.copy()
        np.maximum.at(latest, tree.up[there], np.maximum(inside, latest)[there])
        if np.array_equal(before, latest):
            break
    outermost = tree.solve & ~(there & tree.solve[np.where(there, tree.up, 0)])
    allowed = _PAUSE + (tree.ends - tree.starts) // _SHARE
    return outermost & (latest > 0) & (tree.ends - latest > allowed)


def _without_request(tree: SpanTree) -> set[int]:
    """Traces where containerd's span about a request stands without the request's own, within it or beside it."""
    http = np.zeros(len(tree.ids), np.bool_)
    http[int64s(tree.http.column("place").combine_chunks())] = True
    places = np.flatnonzero(http)
    held = tree.up[places]
    holding = np.zeros(len(tree.ids), np.bool_)
    holding[held[held >= 0]] = True
    alone = np.flatnonzero(tree.resolver & ~holding)
    beside = places[(held < 0) | ~tree.resolver[np.maximum(held, 0)]]
    stands = Counter(zip(tree.parents[beside].tolist(), tree.urls[beside].tolist(), strict=True))
    wanted = Counter(zip(tree.parents[alone].tolist(), tree.urls[alone].tolist(), strict=True))
    short = {key for key, count in wanted.items() if stands[key] < count}
    pairs = zip(
        tree.parents[alone].tolist(), tree.urls[alone].tolist(), tree.trace[alone].tolist(), strict=True
    )
    return {trace for parent, url, trace in pairs if (parent, url) in short}


def unfinished(sent: Iterable[Sent], tree: SpanTree) -> bool:
    """Whether an object was refused by every host that was asked, and yet what asked for it did not fail."""
    last: dict[tuple[object, ...], Sent] = {}
    given: set[tuple[object, ...]] = set()
    for one in sent:
        if one.action == "pull":
            last[one.key] = one
            if one.good:
                given.add(one.key)
    return any(
        key not in given and not (one.home >= 0 and bool(tree.failed[one.home])) for key, one in last.items()
    )
