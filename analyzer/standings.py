"""What a watched log shows at a moment: who was asked, which verdicts stand, and which have changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from analyzer.attribution.traffic import HostTraffic
from analyzer.checks import Finding


@dataclass(frozen=True)
class Standing:
    """What a rule says of a subject so far.

    Attributes:
        finding: The finding, on the log as far as it was judged.
        before: The verdict before, None if there was none.
        recent: It has changed just now.
        open: It is unknown for nothing but what is still under way, a build that has not ended.
    """

    finding: Finding
    before: str | None = None
    recent: bool = False
    open: bool = False


@dataclass(frozen=True)
class Change:
    """A verdict that is another now.

    Attributes:
        finding: The finding.
        before: The verdict that was told before, None if none was.
        time: The latest time in the log when it was judged (UTC); None where the log has no time.
    """

    finding: Finding
    before: str | None
    time: datetime | None


@dataclass(frozen=True)
class View:
    """What is known while the log is watched.

    Attributes:
        name: The log.
        records: Records read.
        lines: Lines read.
        judged: Records that the verdicts are about.
        judged_lines: Lines that the verdicts are about.
        time: The latest time in the log (UTC).
        hosts: Requests by host.
        standings: The verdicts so far, in the order of the rules.
        broken: What was lost on the way, None if nothing was.
    """

    name: str
    records: int
    lines: int
    judged: int
    judged_lines: int
    time: datetime | None
    hosts: list[HostTraffic]
    standings: list[Standing]
    broken: str | None
