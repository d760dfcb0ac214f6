"""Where a finding points to: the line of the configuration that is to blame, and the lines of the log that show it."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from analyzer.checks import Finding
    from analyzer.reports.model import ReportLike

_ROOTS = ("GITHUB_WORKSPACE", "CI_PROJECT_DIR")
"""Variables by which GitHub Actions and GitLab CI name the folder of the repository."""

_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~%/?#=&+:-]+")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


@dataclass(frozen=True)
class Place:
    """A line of a file.

    Attributes:
        file: The file, as the program was given it.
        line: The line, from 1.
    """

    file: str
    line: int


def blamed(finding: Finding, report: ReportLike) -> Place:
    """The line to look at first: of the configuration where one is to blame, else the first that shows it."""
    if finding.config_file:
        return Place(finding.config_file, finding.config_line or 1)
    file = finding.source or next((source.name for source in report.sources), "buildkitd.log")
    return Place(file, finding.lines[0] if finding.lines else 1)


def shown_by(finding: Finding, report: ReportLike) -> list[Place]:
    """The lines that show it, without the one to look at first."""
    first = blamed(finding, report)
    places = [Place(finding.source, line) for line in finding.lines] if finding.source else []
    return [place for place in places if place != first]


def in_repository(file: str) -> str:
    """A file as a pipeline knows it: by its path in the repository where it lies there, else as it is.

    The repository is the folder that GitHub Actions or GitLab CI names, where the program runs in it, else the
    current folder.
    """
    if _URL.match(file):
        return file
    here = Path.cwd()
    named = [Path(os.path.realpath(os.environ[name])) for name in _ROOTS if os.environ.get(name)]
    root = next((folder for folder in named if here.is_relative_to(folder)), here)
    path = Path(os.path.normpath(here / file))
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def is_address(text: str) -> bool:
    """Whether a text is the address of a page and nothing else."""
    return _ADDRESS.fullmatch(text) is not None


def uri(file: str) -> tuple[str, bool]:
    """A file as a URI, and whether that is relative to the repository."""
    path = in_repository(file)
    scheme = _URL.match(path)
    if scheme:
        return scheme.group() + _quote(path[scheme.end() :]), False
    if path.startswith("/"):
        return f"file://{_quote(path)}", False
    return _quote(path), True


def _quote(path: str) -> str:
    return quote(path.encode("utf-8", "replace"), safe="/")
