"""Pulls and pushes out of requests: one row an object, with each host that was asked and its answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import pyarrow as pa

from analyzer.attribution.tables import PULLS, PUSHES
from analyzer.tables.exchanges import Exchange


def build_pulls(exchanges: Sequence[Exchange], daemons: Sequence[int | None]) -> pa.Table:
    """The table ``pulls``.

    Args:
        exchanges: The requests of a log in the order of their records, hosts attributed.
        daemons: The number of the daemon of each of them.
    """
    return PULLS.build(_row(group) for group in _objects(exchanges, daemons, "pull"))


def build_pushes(exchanges: Sequence[Exchange], daemons: Sequence[int | None]) -> pa.Table:
    """The table ``pushes``; arguments as of `build_pulls`."""
    return PUSHES.build(_row(group) for group in _objects(exchanges, daemons, "push"))


Group = tuple[int | None, list[Exchange]]


def _objects(exchanges: Sequence[Exchange], daemons: Sequence[int | None], action: str) -> Iterable[Group]:
    groups: dict[int | None, Group] = {}
    for exchange, daemon in zip(exchanges, daemons, strict=True):
        if exchange.action == action:
            groups.setdefault(exchange.object, (daemon, []))[1].append(exchange)
    return groups.values()


def _row(group: Group) -> dict[str, Any]:
    daemon, requests = group
    first, last = requests[0], requests[-1]
    giver = _giver(requests)
    named = giver or last
    evidence = giver.host_evidence if giver else _weakest(requests)
    return {
        "registry": _first(request.registry for request in requests),
        "repository": min(
            (request.repository for request in requests if request.repository), key=len, default=None
        ),
        "reference": _reference(requests),
        "kind": _kind(requests),
        "digest": _first(request.digest for request in (*reversed(requests),)),
        "trace_id": first.trace_id,
        "span_id": first.span_id,
        "source": first.source,
        "daemon": daemon,
        "served_by": giver.host if giver else None,
        "role": giver.role if giver else None,
        "outcome": _outcome(requests, giver),
        "evidence": evidence,
        "evidence_why": named.host_why,
        "attempts": _attempts(requests),
        "records": _records(requests),
    }


def _giver(requests: Sequence[Exchange]) -> Exchange | None:
    """The request whose host gave the object; upstream, where a resumed read took parts from both."""
    good = [request for request in requests if request.good]
    outside = [request for request in good if request.role == "upstream"]
    unknown = [request for request in good if request.host is None]
    return next(iter([*outside, *unknown, *reversed(good)]), None)


def _outcome(requests: Sequence[Exchange], giver: Exchange | None) -> str:
    if giver is not None:
        return "served"
    last = requests[-1]
    if last.status_code is None and last.error is None:
        return "unfinished"
    return "failed"


def _weakest(requests: Sequence[Exchange]) -> str:
    found = {request.host_evidence for request in requests}
    return next(level for level in ("none", "inference", "proof") if level in found)


def _kind(requests: Sequence[Exchange]) -> str:
    kinds = [request.kind for request in requests]
    return next((kind for kind in kinds if kind not in ("other", "upload")), kinds[0])


def _reference(requests: Sequence[Exchange]) -> str | None:
    named = _first(request.reference for request in requests)
    if named:
        return named
    registry = _first(request.registry for request in requests)
    repository = min(
        (request.repository for request in requests if request.repository), key=len, default=None
    )
    return f"{registry}/{repository}" if registry and repository else None


def _first(values: Iterable[str | None]) -> str | None:
    return next((value for value in values if value is not None), None)


def _attempts(requests: Sequence[Exchange]) -> list[dict[str, Any]]:
    """Each host in the order asked, with its last answer; a challenge and its second request are one attempt."""
    attempts: list[dict[str, Any]] = []
    before: tuple[str | None, int | None] | None = None
    for request in requests:
        here = (request.host, request.position)
        attempt = {"host": request.host, "role": request.role, "outcome": request.outcome}
        if here == before and (request.host is not None or request.position is not None):
            attempts[-1] = attempt
        else:
            attempts.append(attempt)
        before = here
    return attempts


def _records(requests: Sequence[Exchange]) -> list[int]:
    records: set[int] = set()
    for request in requests:
        records.add(request.record)
        if request.response_record is not None:
            records.add(request.response_record)
    return sorted(records)
