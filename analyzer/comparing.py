"""What changed between two logs: verdicts, hosts, images and times.

Both are judged by the same rules. A change of a verdict is worse or better by what can be relied on afterwards: a pass
that became unknown is worse, though nothing failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from analyzer.checks.engine import Engine
from analyzer.checks.facts import complete
from analyzer.checks.findings import COUNTED
from analyzer.limits import LIMITS
from analyzer.reports.model import reaches

if TYPE_CHECKING:
    from analyzer.checks import Finding
    from analyzer.conclusion import Report

_ORDER = ("fail", "unknown", "waived", "skipped", "pass")
"""Verdicts, from what can be relied on least."""


@dataclass(frozen=True)
class Change:
    """A verdict that is another now.

    Attributes:
        rule: The rule's id.
        subject: What was judged.
        severity: How much a failure weighs.
        kind: worse, better, new (only judged afterwards), gone (only judged before), or evidence (the same verdict,
            known otherwise).
        before: The finding before; None of a new one.
        after: The finding afterwards; None of one that is gone.
    """

    rule: str
    subject: str
    severity: str
    kind: str
    before: Finding | None
    after: Finding | None


@dataclass(frozen=True)
class Pair:
    """A number before and after.

    Attributes:
        name: What is counted.
        before: Before; None where there was none.
        after: Afterwards; None where there is none.
    """

    name: str
    before: float | None
    after: float | None

    @property
    def difference(self) -> float:
        """By how much it changed."""
        return (self.after or 0) - (self.before or 0)


@dataclass(frozen=True)
class HostChange:
    """What a host was asked.

    Attributes:
        host: The host; empty where it is not known.
        requests: Requests.
        failures: Those of them that were refused or failed; 401, after which a token is fetched, is none.
        size: Bytes of layers that it gave.
    """

    host: str
    requests: Pair
    failures: Pair
    size: Pair

    @property
    def changed(self) -> bool:
        """Whether any number is another."""
        return any(pair.before != pair.after for pair in (self.requests, self.failures, self.size))


@dataclass(frozen=True)
class ImageChange:
    """Who gave an image.

    Attributes:
        image: Its repository, with its registry.
        before: Objects before, by the host that gave them; empty where the image was not fetched.
        after: The same afterwards.
    """

    image: str
    before: Mapping[str, int]
    after: Mapping[str, int]


@dataclass(frozen=True)
class Side:
    """One of the two.

    Attributes:
        name: What was read.
        records: Records of it that a daemon wrote.
        version: Versions of BuildKit that wrote it.
        exit_code: What `check` would end with.
        builds: Traces.
    """

    name: str
    records: int
    version: str
    exit_code: int
    builds: int


@dataclass(frozen=True)
class Comparison:
    """What changed.

    Attributes:
        before: What was read first.
        after: What was read second.
        changes: Verdicts that are others, the worse first.
        same: Findings whose verdict is the same.
        hosts: Every host of either.
        images: Images that others gave, or that only one of the two fetched.
        durations: Seconds of steps that both took, those that changed most first.
        rough: Times come from a log, whose clock has steps of a second.
        fail_on: The severity from which a worse verdict counts.
    """

    before: Side
    after: Side
    changes: tuple[Change, ...]
    same: int
    hosts: tuple[HostChange, ...]
    images: tuple[ImageChange, ...]
    durations: tuple[Pair, ...]
    rough: bool
    fail_on: str

    @property
    def regressions(self) -> tuple[Change, ...]:
        """Verdicts that are worse, or failures that are new, of rules that weigh enough."""
        return tuple(
            change
            for change in self.changes
            if reaches(change.severity, self.fail_on)
            and change.after is not None
            and change.after.verdict in COUNTED
            and change.kind in ("worse", "new")
        )


def compare_reports(before: Report, after: Report) -> Comparison:
    """Compare two reports, whose tables are at hand.

    Args:
        before: The report on the first log.
        after: The report on the second.
    """
    first, second = _Facts(before), _Facts(after)
    changes, same = _changes(before, after)
    return Comparison(
        before=first.side,
        after=second.side,
        changes=changes,
        same=same,
        hosts=_hosts(first.hosts, second.hosts),
        images=_images(first.images, second.images),
        durations=_durations(first.durations, second.durations),
        rough=first.rough or second.rough,
        fail_on=after.fail_on,
    )


def _changes(before: Report, after: Report) -> tuple[tuple[Change, ...], int]:
    earlier, later = _by_subject(before), _by_subject(after)
    changes = []
    same = 0
    for key in dict.fromkeys([*earlier, *later]):
        old, new = earlier.get(key), later.get(key)
        kind = _kind(old, new)
        if kind is None:
            same += 1
            continue
        known = new or old
        assert known is not None
        changes.append(Change(*key, known.severity, kind, old, new))
    order = ("worse", "new", "gone", "evidence", "better")
    changes.sort(key=lambda change: (order.index(change.kind), change.rule, change.subject))
    return tuple(changes), same


def _by_subject(report: Report) -> dict[tuple[str, str], Finding]:
    """The findings, the worst of each subject: several sources may have it."""
    found: dict[tuple[str, str], Finding] = {}
    names = {source.name for source in report.sources}
    for finding in report.findings:
        # of a log itself: the other log has another name
        key = (finding.rule, "" if finding.subject in names else finding.subject)
        known = found.get(key)
        if known is None or _ORDER.index(finding.verdict) < _ORDER.index(known.verdict):
            found[key] = finding
    return found


def _kind(old: Finding | None, new: Finding | None) -> str | None:
    """What became of a finding; None where nothing did, or where there was nothing to judge."""
    if old is None or new is None:
        one = old or new
        nothing = one is None or one.verdict == "skipped"
        return None if nothing else "new" if old is None else "gone"
    if old.verdict == new.verdict:
        return "evidence" if old.evidence != new.evidence else None
    return "worse" if _ORDER.index(new.verdict) < _ORDER.index(old.verdict) else "better"


_FAILED = "(coalesce(status_code >= 400 AND status_code <> 401, false) OR error IS NOT NULL)"

_HOSTS = f"""
SELECT coalesce(host, '') AS name, count(*) AS requests, count(*) FILTER ({_FAILED}) AS failures,
       coalesce(
           sum(size - coalesce("offset", 0)) FILTER (kind = 'layer' AND status_code BETWEEN 200 AND 299), 0
       ) AS size
FROM requests GROUP BY ALL ORDER BY name
"""

_IMAGES = """
SELECT coalesce(registry || '/', '') || coalesce(repository, '') AS image, coalesce(served_by, outcome) AS giver,
       count(*) AS number
FROM pulls WHERE repository IS NOT NULL GROUP BY ALL ORDER BY image, giver
"""

_DURATIONS = """
SELECT span AS name, sum(epoch_us("end") - epoch_us(start)) / 1e6 AS seconds, bool_or(times_from <> 'trace') AS rough
FROM spans WHERE span IS NOT NULL AND start IS NOT NULL AND "end" IS NOT NULL GROUP BY ALL ORDER BY name
"""


class _Facts:
    """What one of the two shows."""

    def __init__(self, report: Report) -> None:
        tables = complete(report.tables)
        with Engine(tables, seconds=LIMITS.page_seconds) as engine:
            self.hosts = {row.pop("name"): row for row in engine.rows(_HOSTS)}
            self.images: dict[str, dict[str, int]] = {}
            for row in engine.rows(_IMAGES):
                self.images.setdefault(row["image"], {})[row["giver"]] = row["number"]
            times = engine.rows(_DURATIONS)
            [builds] = engine.rows("SELECT count(*) AS number FROM traces")
            [told] = engine.rows(
                "SELECT coalesce(sum(records), 0) AS number FROM coverage WHERE daemon IS NOT NULL"
            )
        self.durations = {row["name"]: float(row["seconds"]) for row in times}
        self.rough = any(row["rough"] for row in times)
        versions = dict.fromkeys(source.buildkit_version or "version unknown" for source in report.sources)
        self.side = Side(
            name=", ".join(source.name for source in report.sources),
            records=int(told["number"]),
            version=", ".join(versions),
            exit_code=report.exit_code,
            builds=int(builds["number"]),
        )


def _hosts(before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[HostChange, ...]:
    def pair(name: str, column: str) -> Pair:
        return Pair(column, *((side[name][column] if name in side else None) for side in (before, after)))

    found = [
        HostChange(name, *(pair(name, column) for column in ("requests", "failures", "size")))
        for name in dict.fromkeys([*before, *after])
    ]
    return tuple(sorted(found, key=lambda one: (-abs(one.requests.difference), one.host)))


def _images(
    before: Mapping[str, Mapping[str, int]], after: Mapping[str, Mapping[str, int]]
) -> tuple[ImageChange, ...]:
    """Images of which others gave something; how much of it is fetched hangs on what is cached."""
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name, {}), after.get(name, {})
        if {*old} != {*new}:
            found.append(ImageChange(name, old, new))
    return tuple(found)


def _durations(before: Mapping[str, float], after: Mapping[str, float]) -> tuple[Pair, ...]:
    pairs = [Pair(name, before[name], after[name]) for name in before if name in after]
    changed = [pair for pair in pairs if pair.before != pair.after]
    return tuple(sorted(changed, key=lambda pair: (-abs(pair.difference), pair.name)))
