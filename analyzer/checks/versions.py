"""The version of BuildKit that a team asks for.

A log often tells no more than the first two numbers (``buildkit/v0.23``). Then every version that begins so is meant:
the requirement holds if it holds for all of them, and is unknown if only for some.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.checks.findings import Finding, RuleResult, conclude, native_finding
from analyzer.checks.rule import Rule, native_rule

if TYPE_CHECKING:
    from packaging.specifiers import SpecifierSet

VERSION_REQUIRED = native_rule(
    "buildkit-version-required",
    "BuildKit has the version that the project file requires",
    family="project",
    fix="Create the builder anew with an image of the required version, or change `buildkit-version`.",
)

_SERIES = re.compile(r"v?(\d+)\.(\d+)")
_AFTER_ALL = 1 << 30
"""A third number that no version has."""


@dataclass(frozen=True)
class RequiredVersion:
    """Which versions will do.

    Attributes:
        text: The requirement, such as ``>=0.16``.
        file: The file that it stands in.
        line: The line of that file.
    """

    text: str
    file: str | None = None
    line: int | None = None

    def __post_init__(self) -> None:
        parse_specifier(self.text)

    def allows(self, version: str | None) -> bool | None:
        """Whether a version will do; None where too little of it is known."""
        from packaging.version import InvalidVersion, Version

        specifier = parse_specifier(self.text)
        series = _SERIES.fullmatch(version or "")
        if series is not None:
            start = f"{series[1]}.{series[2]}"
            thirds = {0, _AFTER_ALL} | {
                third + step
                for third in _third_numbers(specifier)
                for step in (-1, 0, 1)
                if third + step >= 0
            }
            answers = {specifier.contains(f"{start}.{third}", prereleases=True) for third in thirds}
            return answers.pop() if len(answers) == 1 else None
        try:
            return specifier.contains(Version(version or ""), prereleases=True)
        except InvalidVersion:
            return None


def parse_specifier(text: str) -> SpecifierSet:
    """Read a requirement.

    Raises:
        ValueError: It is none.
    """
    from packaging.specifiers import SpecifierSet

    specifier = SpecifierSet(text)
    if not len(specifier):
        raise ValueError("it requires nothing")
    return specifier


def judge_versions(
    required: RequiredVersion, sources: Iterable[tuple[str, str | None]], rule: Rule = VERSION_REQUIRED
) -> RuleResult:
    """Whether the sources were written by a version that will do.

    Args:
        required: The requirement.
        sources: Name and version of each source.
        rule: The rule, whose severity may be another than its own.
    """

    def judge(name: str, version: str | None) -> Finding:
        answer = required.allows(version)
        if version is None:
            message = f"{required.text} is required, and nothing tells the version"
        elif answer is None:
            message = f"{required.text} is required, and {version} is all that is known of the version"
        else:
            message = f"{version} is {'as' if answer else 'not what is'} required: {required.text}"
        verdict = "unknown" if answer is None else "pass" if answer else "fail"
        # no name of a log: a waiver or a baseline is to hold for the next one too
        return native_finding(rule, version or "version unknown", verdict, message, source=name)

    return conclude(rule, [judge(name, version) for name, version in sources])


def _third_numbers(specifier: SpecifierSet) -> Iterable[int]:
    from packaging.version import InvalidVersion, Version

    for part in specifier:
        try:
            yield Version(part.version.removesuffix(".*")).micro
        except InvalidVersion:
            continue
