"""The project file: what a team asks of its builders, kept beside the configuration that it is about.

``buildkit-analyzer.toml``, or the table ``[tool.buildkit-analyzer]`` of ``pyproject.toml``. It is read strictly: a key
that nobody reads would be a check that nobody makes. Paths in it are meant from its own folder.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from analyzer.checks import Rule, load_rules
from analyzer.checks.baselines import Baseline, load_baseline
from analyzer.checks.findings import FAIL_ON
from analyzer.checks.loading import suggest
from analyzer.checks.messages import clean
from analyzer.checks.rule import SEVERITIES
from analyzer.checks.terms import PROJECT_RULES, Terms
from analyzer.checks.versions import VERSION_REQUIRED, RequiredVersion
from analyzer.checks.waivers import Waiver
from analyzer.errors import ProjectError
from analyzer.intent.places import NestingError, Place, index_toml

FILE = "buildkit-analyzer.toml"
PYPROJECT = "pyproject.toml"
TABLE = ("tool", "buildkit-analyzer")

_MAX_BYTES = 1 << 20
_LINE = re.compile(r"\(at line (\d+), column (\d+)\)")
_WAIVER_KEYS = ("rule", "subject", "reason", "expires")


@dataclass(frozen=True)
class Project:
    """What a project file says.

    Attributes:
        file: The file, as it is shown; None where there is none.
        config: The intended configuration.
        daemon_flags: Flags meant for the daemon.
        effective: What says what the daemon was given.
        rules: Rule files and folders, beside the built-in rules.
        select: Rules and families that are judged; all if empty.
        ignore: Rules and families that are not.
        severity: Severities that rules have here, by id.
        fail_on: The severity from which a failure counts.
        allow_unknown: Unknown verdicts do not change the exit code.
        require_proof: A pass by inference is only unknown.
        required: The versions of BuildKit that will do.
        waivers: Findings that do not count.
        baseline: The file of findings that were there before.
    """

    file: str | None = None
    config: str | None = None
    daemon_flags: tuple[str, ...] = ()
    effective: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    severity: Mapping[str, str] = field(default_factory=dict)
    fail_on: str | None = None
    allow_unknown: bool | None = None
    require_proof: bool | None = None
    required: RequiredVersion | None = None
    waivers: tuple[Waiver, ...] = ()
    baseline: str | None = None
    _places: Mapping[tuple[str | int, ...], Place] = field(default_factory=dict, repr=False, compare=False)

    def load_rules(
        self, rules: Sequence[str] = (), *, select: Sequence[str] = (), ignore: Sequence[str] = ()
    ) -> list[Rule]:
        """The rules to judge by, with the severities that they have here.

        Args:
            rules: Rule files and folders, beside those of the project.
            select: Ids or families to take, instead of the project's.
            ignore: Ids or families to leave out, beside the project's.

        Raises:
            RuleError: A file is no rule.
            UsageError: `select` or `ignore` names nothing that there is.
            ProjectError: A waiver or a severity is of a rule that there is not.
        """
        known = load_rules([*self.rules, *rules])
        names = {rule.id for rule in (*known, *PROJECT_RULES)}
        for number, waiver in enumerate(self.waivers):
            if waiver.rule not in names:
                raise self._unknown_rule(waiver.rule, names, ("waivers", number, "rule"))
        for name in self.severity:
            if name not in names:
                raise self._unknown_rule(name, names, ("severity", name))
        chosen = load_rules(
            [*self.rules, *rules], select=select or self.select, ignore=[*self.ignore, *ignore]
        )
        return [replace(rule, severity=self.severity.get(rule.id, rule.severity)) for rule in chosen]

    def terms(self, *, today: date | None = None, baseline: str | None = None) -> Terms:
        """What is required, waived and known.

        Args:
            today: The day on which waivers hold or have expired; that of UTC if not given.
            baseline: A file of findings that were there before, instead of the project's.

        Raises:
            ProjectError: The baseline cannot be read.
        """
        path = baseline or self.baseline
        severity = self.severity.get(VERSION_REQUIRED.id, VERSION_REQUIRED.severity)
        return Terms(
            today=today or datetime.now(UTC).date(),
            required=self.required,
            waivers=self.waivers,
            baseline=_read_baseline(path) if path else None,
            version_rule=replace(VERSION_REQUIRED, severity=severity),
        )

    def _unknown_rule(self, name: str, known: set[str], keys: tuple[str | int, ...]) -> ProjectError:
        meant = suggest(name, known)
        place = self._places.get(keys)
        return ProjectError(
            f"no rule is called {clean(name)!r}",
            where=str(place) if place else self.file,
            hint=f"did you mean {meant}?" if meant else "`buildkit-analyzer rules list` names them all",
        )


def _read_baseline(path: str) -> Baseline:
    return load_baseline(Path(path), path)


def find_project(folder: str | os.PathLike[str] = ".") -> Project:
    """The project of a folder: its own, or that of the nearest folder above, not beyond a repository's root.

    Raises:
        ProjectError: The file that was found cannot be used.
    """
    start = Path(folder).resolve()
    for place in (start, *start.parents):
        if (place / FILE).is_file():
            return load_project(_shown(place / FILE))
        if (place / PYPROJECT).is_file() and _has_table(place / PYPROJECT):
            return load_project(_shown(place / PYPROJECT))
        if (place / ".git").exists():
            break
    return Project()


def load_project(path: str | os.PathLike[str]) -> Project:
    """Read a project file.

    Args:
        path: The file; of a ``pyproject.toml`` the table ``[tool.buildkit-analyzer]`` is read.

    Raises:
        ProjectError: It cannot be read, or says what nobody would read.
    """
    file = os.fspath(path)
    try:
        with open(file, "rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise ProjectError(
            f"the project file cannot be read: {(error.strerror or str(error)).lower()}",
            where=file,
            hint="`buildkit-analyzer init` writes one",
        ) from None
    if len(data) > _MAX_BYTES:
        raise ProjectError("larger than a project file may be (1 MiB)", where=file)
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ProjectError("not UTF-8", where=f"{file}:{line}", hint="save the file as UTF-8") from None
    return parse_project(text, file)


def parse_project(text: str, file: str) -> Project:
    """Read the text of a project file; `file` is where faults are, and its folder that of its paths.

    Raises:
        ProjectError: It says what nobody would read.
    """
    text = text.replace("\r\n", "\n")
    try:
        places = index_toml(text, file)
        document: Any = tomllib.loads(text)
    except NestingError as error:
        raise ProjectError(str(error), where=str(error.place), hint="a project file has two levels") from None
    except tomllib.TOMLDecodeError as error:
        place = _LINE.search(str(error))
        # else the parser says "at end of document"
        where = f"{file}:{place[1]}:{place[2]}" if place else f"{file}:{text.count(chr(10)) + 1}"
        raise ProjectError(f"not TOML: {_LINE.sub('', str(error)).strip()}", where=where) from None
    if Path(file).name != PYPROJECT:
        return _Reader(file, places).project(document)
    for key in TABLE:
        document = document.get(key) if isinstance(document, dict) else None
    if not isinstance(document, dict):
        raise ProjectError("it has no table [tool.buildkit-analyzer]", where=file)
    inner = {keys[len(TABLE) :]: place for keys, place in places.items() if keys[: len(TABLE)] == TABLE}
    return _Reader(file, inner).project(document)


def _shown(path: Path) -> str:
    """A path as it is best read: from the working directory, where it is below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return os.path.relpath(path)


def _has_table(path: Path) -> bool:
    """Whether a ``pyproject.toml`` is a project file too; one that is no TOML is for others to mend."""
    try:
        document: Any = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return False
    tool = document.get(TABLE[0])
    return isinstance(tool, dict) and isinstance(tool.get(TABLE[1]), dict)


class _Reader:
    """Reads one project file, and knows where its keys stand."""

    def __init__(self, file: str, places: Mapping[tuple[str | int, ...], Place]) -> None:
        self.file = file
        self.places = places

    def fault(self, what: str, *keys: str | int, hint: str | None = None) -> ProjectError:
        place = self.places.get(keys) or self.places.get(keys[:-1])
        return ProjectError(clean(what), where=str(place) if place else self.file, hint=hint)

    def project(self, table: Mapping[str, Any]) -> Project:
        readers: dict[str, Callable[[str, Any], Any]] = {
            "config": self.path,
            "daemon-flags": self.texts,
            "effective": self.paths,
            "rules": self.paths,
            "select": self.texts,
            "ignore": self.texts,
            "severity": self.severities,
            "fail-on": self.fail_on,
            "allow-unknown": self.flag,
            "require-proof": self.flag,
            "buildkit-version": self.version,
            "waivers": self.waivers,
            "baseline": self.path,
        }
        self.known(table, tuple(readers))
        said = {key.replace("-", "_"): readers[key](key, value) for key, value in table.items()}
        if "buildkit_version" in said:
            said["required"] = said.pop("buildkit_version")
        return Project(file=self.file, _places=self.places, **said)

    def known(self, table: Mapping[str, Any], keys: Sequence[str], *prefix: str | int) -> None:
        for key in table:
            if key not in keys:
                meant = suggest(key, keys)
                hint = f"did you mean {meant}?" if meant else f"known keys: {', '.join(keys)}"
                raise self.fault(f"unknown key {key}", *prefix, key, hint=hint)

    def text(self, *keys: str | int, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self.fault(f"{keys[-1]} must be a text", *keys)
        if clean(value) != value:
            raise self.fault(f"{keys[-1]} holds control or hidden characters", *keys, hint="write plain text")
        return value

    def texts(self, key: str, value: Any) -> tuple[str, ...]:
        values = [value] if isinstance(value, str) else value
        if not isinstance(values, list):
            raise self.fault(f"{key} must be a list of texts", key)
        return tuple(self.text(key, value=item) for item in values)

    def path(self, key: str, value: Any) -> str:
        return os.path.normpath(os.path.join(os.path.dirname(self.file), self.text(key, value=value)))

    def paths(self, key: str, value: Any) -> tuple[str, ...]:
        return tuple(self.path(key, item) for item in self.texts(key, value))

    def flag(self, key: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise self.fault(f"{key} must be true or false", key)
        return value

    def choice(self, *keys: str | int, value: Any, choices: Sequence[str]) -> str:
        if value not in choices:
            raise self.fault(f"{keys[-1]} is {value!r}", *keys, hint=f"one of {', '.join(choices)}")
        return str(value)

    def fail_on(self, key: str, value: Any) -> str:
        return self.choice(key, value=value, choices=FAIL_ON)

    def severities(self, key: str, value: Any) -> Mapping[str, str]:
        if not isinstance(value, dict):
            raise self.fault(f"{key} must be a table", key, hint='[severity] mirror-healthy = "error"')
        return {
            name: self.choice(key, name, value=severity, choices=SEVERITIES)
            for name, severity in value.items()
        }

    def version(self, key: str, value: Any) -> RequiredVersion:
        text = self.text(key, value=value)
        place = self.places.get((key,))
        try:
            return RequiredVersion(text, self.file, place.line if place else None)
        except ValueError:
            raise self.fault(
                f"{key} requires nothing that a version has: {text!r}", key, hint='such as ">=0.16, <0.33"'
            ) from None

    def waivers(self, key: str, value: Any) -> tuple[Waiver, ...]:
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.fault(f"{key} must be an array of tables", key, hint="[[waivers]]")
        return tuple(self.waiver(item, key, number) for number, item in enumerate(value))

    def waiver(self, table: Mapping[str, Any], *keys: str | int) -> Waiver:
        self.known(table, _WAIVER_KEYS, *keys)
        for name in ("rule", "reason", "expires"):
            if name not in table:
                raise self.fault(
                    f"the waiver has no {name}", *keys, hint="a waiver needs rule, reason and expires"
                )
        expires = table["expires"]
        # a moment is a date too, for Python
        if not isinstance(expires, date) or isinstance(expires, datetime):
            raise self.fault("expires must be a date", *keys, "expires", hint="expires = 2027-01-31")
        subject = self.text(*keys, "subject", value=table["subject"]) if "subject" in table else None
        place = self.places.get(keys)
        return Waiver(
            rule=self.text(*keys, "rule", value=table["rule"]),
            reason=self.text(*keys, "reason", value=table["reason"]),
            expires=expires,
            subject=subject,
            file=self.file,
            line=place.line if place else None,
        )
