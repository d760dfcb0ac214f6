"""One family for everything that a user can cause.

Every error says *what* was wrong, *where* (a file, a line, a byte) and *what to do*. The command line prints
these three and exits with 2; nothing else about an error ever reaches a user.
"""

from __future__ import annotations


class AnalyzerError(Exception):
    """Something a user can mend.

    Args:
        what: What was wrong, in one sentence without a full stop.
        where: File, and line, column or byte where known: ``buildkitd.toml:12:3``.
        hint: What to do about it.
    """

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        advice = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.what}{advice}"


class SourceError(AnalyzerError):
    """A log, or what should be one, cannot be read."""


class ConfigError(AnalyzerError):
    """A configuration file cannot be read as what it should be."""


class ProjectError(AnalyzerError):
    """A project file, or the baseline that it names, cannot be used."""


class RuleError(AnalyzerError):
    """A rule file is not a rule, or its SQL cannot be run."""


class QueryError(AnalyzerError):
    """A query of the user's own cannot be run."""


class OutputError(AnalyzerError):
    """A result cannot be written to where it should go."""


class UsageError(AnalyzerError):
    """The words of the command do not fit together."""
