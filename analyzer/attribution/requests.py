"""Requests with their hosts, and the pulls and pushes that they make up, from the requests that a log shows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from analyzer.attribution.ladder import Configuration, Ladder
from analyzer.attribution.pulls import PLACE, build_objects, whole_objects
from analyzer.attribution.tables import PULLS, PUSHES
from analyzer.tables.coverage import DaemonLocator
from analyzer.tables.exchanges import Gap
from analyzer.tables.requests import SPEC, RequestTable, place_of
from analyzer.tables.selection import is_one_of
from analyzer.tables.spool import Rows, Spool


@dataclass(frozen=True, slots=True)
class Attributed:
    """What attribution made of the requests of a log.

    Attributes:
        requests: The table ``requests``.
        pulls: The table ``pulls``.
        pushes: The table ``pushes``.
        gaps: What contradicts itself, so that lines must be missing.
    """

    requests: Rows
    pulls: Rows
    pushes: Rows
    gaps: list[Gap]


def attribute_requests(
    observed: Rows, locator: DaemonLocator, configuration: Configuration | None, *, cut: bool = False
) -> Attributed:
    """Give each request its host, and build pulls and pushes.

    Args:
        observed: The requests, as ``analyzer.tables.requests.OBSERVED``, or joined with exported traces; they are
            read twice.
        locator: Tells the daemon of a record.
        configuration: What was loaded, where that is known, else what was meant.
        cut: Lines are seen to be missing.
    """
    ladder = Ladder(configuration, cut=cut)
    for batch in observed.batches():
        ladder.learn(batch)
    ladder.learned()
    requests = Spool(SPEC.schema)
    table = RequestTable(locator)

    def named() -> Iterator[pa.RecordBatch]:
        for batch in observed.batches():
            rows = table.add(ladder.name(batch))
            requests.append(rows)
            yield rows.append_column(PLACE, place_of(batch))

    pulls, pushes = Spool(PULLS.schema), Spool(PUSHES.schema)
    for objects in whole_objects(named()):
        for spec, spool, action in ((PULLS, pulls, "pull"), (PUSHES, pushes, "push")):
            spool.append(build_objects(spec, objects.filter(is_one_of(objects.column("action"), (action,)))))
    return Attributed(requests.finish(), pulls.finish(), pushes.finish(), ladder.gaps)
