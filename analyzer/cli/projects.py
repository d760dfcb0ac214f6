"""What a project file and the words of a command ask for together; the words win."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from analyzer.errors import UsageError

if TYPE_CHECKING:
    from analyzer.checks import Rule
    from analyzer.checks.terms import Terms
    from analyzer.intent import Config
    from analyzer.judging import Verdicts
    from analyzer.project import Project
    from analyzer.sources.surroundings import Surroundings


@dataclass(frozen=True)
class Words:
    """The words of a command that a project file may say too; None or empty where they do not say it.

    Attributes:
        project: The project file; None to look for one.
        no_project: Do without one.
        config: The intended configuration.
        daemon_flags: Flags meant for the daemon.
        effective: What says what the daemon was given.
        rules: Rule files and folders.
        select: Rules and families that are judged.
        ignore: Rules and families that are not.
        fail_on: The severity from which a failure counts.
        allow_unknown: Unknown verdicts do not change the exit code.
        require_proof: A pass by inference is only unknown.
        baseline: A file of findings that were there before.
        today: The day on which waivers hold or have expired.
    """

    project: str | None = None
    no_project: bool = False
    config: str | None = None
    daemon_flags: Sequence[str] | None = None
    effective: Sequence[str] | None = None
    rules: Sequence[str] | None = None
    select: Sequence[str] | None = None
    ignore: Sequence[str] | None = None
    fail_on: str | None = None
    allow_unknown: bool | None = None
    require_proof: bool | None = None
    baseline: str | None = None
    today: str | None = None


@dataclass(frozen=True)
class Asked:
    """What a command is to do, once project file and words are put together.

    Attributes:
        project: The project file.
        intended: The intended configuration.
        rules: The rules to judge by.
        terms: What is required, waived and known.
        fail_on: The severity from which a failure counts.
        allow_unknown: Unknown verdicts do not change the exit code.
        require_proof: A pass by inference is only unknown.
    """

    project: Project
    intended: Config | None
    rules: list[Rule]
    terms: Terms
    fail_on: str
    allow_unknown: bool
    require_proof: bool
    _effective: Sequence[str]

    def read_effective(self) -> Surroundings | None:
        """What the daemon was given."""
        from analyzer.looking import read_effective

        return read_effective(self._effective)


def ask(words: Words) -> Asked:
    """Put the project file and the words together.

    Raises:
        ProjectError: The project file or the baseline cannot be used.
        UsageError: The words do not fit together.
    """
    from analyzer.checks.findings import FAIL_ON
    from analyzer.cli.pipeline import read_intended
    from analyzer.reports import unknown_name

    if words.fail_on is not None and words.fail_on not in FAIL_ON:
        raise unknown_name("severity", words.fail_on, FAIL_ON)
    today = _read_day(words.today)
    project = open_project(words)
    return Asked(
        project=project,
        intended=read_intended(words.config or project.config, words.daemon_flags or project.daemon_flags),
        rules=project.load_rules(words.rules or (), select=words.select or (), ignore=words.ignore or ()),
        terms=project.terms(today=today, baseline=words.baseline),
        fail_on=words.fail_on or project.fail_on or "error",
        allow_unknown=_first(words.allow_unknown, project.allow_unknown),
        require_proof=_first(words.require_proof, project.require_proof),
        _effective=words.effective or project.effective,
    )


def note_known(asked: Asked, judged: Sequence[Verdicts], path: str | None) -> Terms:
    """Write what counts now as a baseline, where a file for one is named; the terms under which it is known.

    Raises:
        OutputError: The file cannot be written.
    """
    if path is None:
        return asked.terms
    from analyzer.checks.baselines import write_baseline
    from analyzer.conclusion import note_baseline
    from analyzer.reports.files import replace_text

    baseline = note_baseline(judged, asked.terms, path)
    with replace_text(path) as stream:
        write_baseline(baseline, stream)
    return replace(asked.terms, baseline=baseline)


def open_project(words: Words) -> Project:
    """The project file that the words name, or the nearest one."""
    from analyzer.project import Project, find_project, load_project

    if words.no_project:
        if words.project is not None:
            raise UsageError("a project file, or none", where="--no-project", hint="leave one of them out")
        return Project()
    return find_project() if words.project is None else load_project(words.project)


def _read_day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no day", where="--today", hint="such as 2027-01-31") from None


def _first(*flags: bool | None) -> bool:
    """The first that says something."""
    return next((flag for flag in flags if flag is not None), False)
