"""What the log reports as failures, equal ones drawn together, each with the place of its first report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.limits import LIMITS

if TYPE_CHECKING:
    from analyzer.checks.engine import Engine


@dataclass(frozen=True)
class Problem:
    """A failure, however often it was reported.

    Attributes:
        kind: What went wrong, such as x509_unknown_authority.
        host: The host asked.
        path: The file that could not be used.
        cause: Its innermost part, in BuildKit's words; of the first report.
        level: The level at which it was first reported.
        number: How often it was reported.
        causes: How many wordings there are.
        first: The record of the first report.
        line: Its line.
        last_line: The line of the last report.
    """

    kind: str
    host: str | None
    path: str | None
    cause: str | None
    level: str | None
    number: int
    causes: int
    first: int | None
    line: int | None
    last_line: int | None

    @property
    def harmless(self) -> bool:
        """BuildKit worked around it: it stands at level info or below."""
        return self.level in ("info", "debug", "trace")


@dataclass(frozen=True)
class Problems:
    """The problems of a source.

    Attributes:
        shown: Those that are listed: what ended a build before what BuildKit worked around.
        hidden: How many are not.
    """

    shown: tuple[Problem, ...]
    hidden: int


_PROBLEMS = """
SELECT * FROM (
    SELECT kind, host, path, arg_min(coalesce(cause, text), coalesce(record, 0)) AS cause,
           arg_min(level, coalesce(record, 0)) AS level,
           count(*) AS number, count(DISTINCT cause) AS causes, min(record) AS first, min(line) AS line,
           max(line) AS last_line
    FROM problems GROUP BY kind, host, path
)
ORDER BY coalesce(level IN ('info', 'debug', 'trace'), false), first NULLS LAST, kind, host, path
"""


def find_problems(engine: Engine) -> Problems:
    """The problems of a source."""
    found = [Problem(**row) for row in engine.rows(_PROBLEMS)]
    return Problems(tuple(found[: LIMITS.page_problems]), max(len(found) - LIMITS.page_problems, 0))
