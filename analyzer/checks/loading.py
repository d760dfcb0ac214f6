"""Loading: rule files are read strictly, and every fault is told with its line.

A rule file may come from elsewhere. A key that nobody reads is a fault, since the rule would then judge
otherwise than its author thinks.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from analyzer.checks.messages import clean, columns_of
from analyzer.checks.resources import find_folder
from analyzer.checks.rule import EVIDENCE, FAMILIES, NEEDS, SEVERITIES, VERDICTS, Example, Rule
from analyzer.errors import RuleError, UsageError
from analyzer.intent.places import NestingError, index_toml

KEBAB = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")

TOP_KEYS = ("id", "title", "family", "severity", "why", "fix", "references", "check", "example")
CHECK_KEYS = (
    "subjects",
    "rows",
    "expect",
    "empty",
    "needs",
    "message",
    "no_subjects",
    "no_rows",
    "evidence",
)
EXAMPLE_KEYS = ("verdict", "sample", "log", "config", "effective", "evidence", "tables", "findings")
FINDING_KEYS = (
    "subject",
    "verdict",
    "evidence",
    "message",
    "source",
    "lines",
    "records",
    "config_file",
    "config_line",
)

EXAMPLES = ".examples.toml"
"""End of the name of a file of further examples, beside the rule of that name."""

_MAX_BYTES = 1 << 20
_LINE = re.compile(r"\(at line (\d+), column (\d+)\)")


def builtin_rules() -> list[Rule]:
    """The rules that come with the program, by family (mirrors first) and id."""
    return sorted(_load_folder(find_folder("rules")), key=lambda rule: FAMILIES.index(rule.family))


def load_rules(
    paths: Sequence[str | os.PathLike[str]] = (),
    *,
    builtin: bool = True,
    select: Iterable[str] = (),
    ignore: Iterable[str] = (),
) -> list[Rule]:
    """The rules to judge by.

    Args:
        paths: Rule files, and folders of them.
        builtin: Take the rules that come with the program too.
        select: Ids or families to take; none takes all.
        ignore: Ids or families to leave out.

    Returns:
        The rules, those of the program first, each kind by family and id.

    Raises:
        RuleError: A file is no rule, or two rules have the same id.
        UsageError: `select` or `ignore` names nothing that there is.
    """
    rules = builtin_rules() if builtin else []
    for path in map(Path, paths):
        rules += _load_folder(path) if path.is_dir() else [load_rule(path)]
    seen: dict[str, Rule] = {}
    for rule in rules:
        if rule.id in seen:
            raise RuleError(
                f"two rules are called {rule.id}",
                where=rule.where("id"),
                hint=f"the other one is {seen[rule.id].path}: rename one",
            )
        seen[rule.id] = rule
    wanted, unwanted = _names(select, rules, "--select"), _names(ignore, rules, "--ignore")
    return [
        rule
        for rule in rules
        if (not wanted or {rule.id, rule.family} & wanted) and not {rule.id, rule.family} & unwanted
    ]


def load_rule(path: str | os.PathLike[str]) -> Rule:
    """The rule of a file.

    Raises:
        RuleError: It cannot be read, or is no rule.
    """
    path = Path(path)
    return parse_rule(_read(path), path)


def parse_rule(text: str, path: Path) -> Rule:
    """The rule of a text; `path` gives its id and family, and where faults are.

    Raises:
        RuleError: It is no rule.
    """
    data, reader = _parse(text, path)
    return reader.rule(data)


def with_all_examples(rule: Rule) -> Rule:
    """The rule with the examples that stand in a file beside its own, which a check has no need to read.

    Raises:
        RuleError: The file cannot be read, or holds something else than examples.
    """
    beside = None if rule.path is None else rule.path.with_name(f"{rule.path.stem}{EXAMPLES}")
    if beside is None or not beside.exists():
        return rule
    data, reader = _parse(_read(beside), beside)
    reader.known(data, ("example",), "")
    return replace(
        rule, examples=rule.examples + tuple(replace(each, path=beside) for each in reader.examples(data))
    )


def _read(path: Path) -> str:
    """The text of a file of a rule or of examples."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_BYTES + 1)
    except OSError as error:
        raise RuleError(
            f"the rule cannot be read: {error.strerror}", where=str(path), hint="a rule is a TOML file"
        ) from None
    if len(data) > _MAX_BYTES:
        raise RuleError("larger than a rule file may be (1 MiB)", where=str(path))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise RuleError("not UTF-8", where=f"{path}:{line}", hint="save the file as UTF-8") from None


def _parse(text: str, path: Path) -> tuple[dict[str, Any], _Reader]:
    """A text's keys and values, and what reads them."""
    text = text.replace("\r\n", "\n")
    try:
        places = index_toml(text, str(path))
        data = tomllib.loads(text)
    except NestingError as error:
        raise RuleError(str(error), where=str(error.place), hint="a rule has two levels") from None
    except tomllib.TOMLDecodeError as error:
        place = _LINE.search(str(error))
        where = f"{path}:{place[1]}:{place[2]}" if place else str(path)
        raise RuleError(f"not TOML: {_LINE.sub('', str(error)).strip()}", where=where) from None
    return data, _Reader(path, {".".join(map(str, keys)): str(place) for keys, place in places.items()})


def suggest(name: str, known: Iterable[str]) -> str | None:
    """The known name that a misspelt one probably means."""
    from rapidfuzz import fuzz, process

    match = process.extractOne(name, list(known), scorer=fuzz.ratio, score_cutoff=60)
    return None if match is None else str(match[0])


def _load_folder(folder: Path) -> list[Rule]:
    files = sorted(
        (file for file in folder.rglob("*.toml") if not file.name.endswith(EXAMPLES)),
        key=lambda file: (file.parent.as_posix(), file.stem),
    )
    if not files:
        raise RuleError("no rule file in this folder", where=str(folder), hint="rule files end in .toml")
    return [load_rule(file) for file in files]


def _names(names: Iterable[str], rules: Sequence[Rule], option: str) -> set[str]:
    known = {rule.id for rule in rules} | {rule.family for rule in rules}
    names = list(names)
    for name in names:
        if name not in known:
            meant = suggest(name, known)
            raise UsageError(
                f"no rule is called {clean(name)!r}",
                where=option,
                hint=f"did you mean {meant}?" if meant else "`rules list` names them all",
            )
    return set(names)


def _line(place: str | None) -> int:
    """The line of a place written as `file:line:column`."""
    return int(place.rsplit(":", 2)[1]) if place else 1


class _Reader:
    """Reads one rule file, and knows where its keys stand."""

    def __init__(self, path: Path, places: Mapping[str, str]) -> None:
        self.path = path
        self.places = places

    def fault(self, what: str, key: str, hint: str | None = None) -> RuleError:
        where = self.places.get(key) or self.places.get(key.rpartition(".")[0]) or str(self.path)
        return RuleError(clean(what), where=clean(where), hint=hint)

    def rule(self, data: Mapping[str, Any]) -> Rule:
        self.known(data, TOP_KEYS, "")
        check = data.get("check")
        if not isinstance(check, dict):
            raise self.fault("the table [check] is missing", "check", "`rules new` writes one")
        self.known(check, CHECK_KEYS, "check.")
        name = self.text(data, "id", required=True)
        if not KEBAB.fullmatch(name):
            raise self.fault(f"id {name!r} is not in kebab-case", "id", "small letters, digits and hyphens")
        if name != self.path.stem:
            raise self.fault(f"id {name!r} is not the file's name", "id", f"id = {self.path.stem!r}")
        return Rule(
            id=name,
            title=self.text(data, "title", required=True),
            family=self.family(data),
            severity=self.choice(data, "severity", SEVERITIES, "error"),
            why=self.prose(data, "why"),
            fix=self.prose(data, "fix"),
            references=self.texts(data, "references"),
            subjects=self.sql(check, "subjects"),
            rows=self.sql(check, "rows"),
            expect=self.sql(check, "expect"),
            empty=self.choice(check, "check.empty", ("skipped", "unknown"), "skipped"),
            needs=self.needs(check),
            message=self.template(check, "check.message", required=True),
            no_subjects=self.text(check, "check.no_subjects"),
            no_rows=self.template(check, "check.no_rows"),
            evidence=self.choice(check, "check.evidence", EVIDENCE, "proof"),
            examples=self.examples(data),
            path=self.path,
            places=self.places,
        )

    def known(self, table: Mapping[str, Any], keys: Sequence[str], prefix: str) -> None:
        for key in table:
            if key not in keys:
                meant = suggest(key, keys)
                hint = f"did you mean {meant}?" if meant else f"known keys: {', '.join(keys)}"
                raise self.fault(f"unknown key {prefix}{key}", f"{prefix}{key}", hint)

    def text(self, table: Mapping[str, Any], key: str, *, required: bool = False) -> str:
        """A text of one line, without control characters."""
        value = self.prose(table, key, required=required)
        if "\n" in value:
            raise self.fault(f"{key} is longer than a line", key)
        return value

    def prose(self, table: Mapping[str, Any], key: str, *, required: bool = False) -> str:
        """A text that may have several lines; what could move a cursor is refused."""
        value = table.get(key.rpartition(".")[2])
        if value is None and not required:
            return ""
        if not isinstance(value, str) or not (value.strip() or not required):
            raise self.fault(f"{key} must be a text" if value is not None else f"{key} is missing", key)
        plain = value.replace("\n", " ")
        if clean(plain) != plain:
            raise self.fault(f"{key} holds control or hidden characters", key, "write plain text")
        return value.strip()

    def sql(self, check: Mapping[str, Any], key: str) -> str:
        """SQL; whether it can be run is seen where the tables are."""
        value = check.get(key)
        if not isinstance(value, str) or not value.strip():
            problem = "is missing" if value is None else "must be a text of SQL"
            raise self.fault(f"check.{key} {problem}", f"check.{key}")
        return value.strip().removesuffix(";")

    def template(self, check: Mapping[str, Any], key: str, *, required: bool = False) -> str:
        value = self.text(check, key, required=required)
        try:
            columns_of(value)
        except ValueError as error:
            raise self.fault(f"{key}: {error}", key, "{column} names a column of the rows") from None
        return value

    def texts(self, table: Mapping[str, Any], key: str) -> tuple[str, ...]:
        value = table.get(key.rpartition(".")[2], [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.fault(f"{key} must be a list of texts", key)
        if any(clean(item) != item for item in value):
            raise self.fault(f"{key} holds control or hidden characters", key, "write plain text")
        return tuple(value)

    def choice(self, table: Mapping[str, Any], key: str, choices: Sequence[str], default: str) -> str:
        value = table.get(key.rpartition(".")[2], default)
        if value not in choices:
            raise self.fault(f"{key} is {value!r}", key, f"one of {', '.join(choices)}")
        return str(value)

    def needs(self, check: Mapping[str, Any]) -> tuple[str, ...]:
        needs = self.texts(check, "check.needs")
        for need in needs:
            if need not in NEEDS:
                raise self.fault(
                    f"check.needs names no coverage: {need!r}", "check.needs", f"one of {', '.join(NEEDS)}"
                )
        return needs

    def family(self, data: Mapping[str, Any]) -> str:
        """The stated family, else the folder's name, where it can be one."""
        family = self.text(data, "family")
        if family and not KEBAB.fullmatch(family):
            raise self.fault(
                f"family {family!r} is not in kebab-case", "family", "small letters, digits and hyphens"
            )
        folder = self.path.parent.name
        return family or (folder if KEBAB.fullmatch(folder) else "custom")

    def examples(self, data: Mapping[str, Any]) -> tuple[Example, ...]:
        tables = data.get("example", [])
        if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
            raise self.fault("example must be an array of tables", "example", "[[example]]")
        return tuple(self.example(table, f"example.{number}.") for number, table in enumerate(tables))

    def example(self, table: Mapping[str, Any], prefix: str) -> Example:
        self.known(table, EXAMPLE_KEYS, prefix)
        given = {}
        for key in ("sample", "log", "config", "effective"):
            value = table.get(key)
            if value is not None and not isinstance(value, str):
                raise self.fault(f"{prefix}{key} must be a text", f"{prefix}{key}")
            given[key] = value
        sample, log = given["sample"], given["log"]
        if (sample is None) == (log is None) and (sample is not None or "tables" not in table):
            raise self.fault(
                "an example has a sample, a log or tables alone", f"{prefix}verdict", 'sample = "mirror-used"'
            )
        if sample is not None and not KEBAB.fullmatch(sample.replace(".", "-")):
            raise self.fault(f"{sample!r} is no name of a sample", f"{prefix}sample", "kebab-case")
        if "verdict" not in table:
            raise self.fault("an example says its verdict", f"{prefix}verdict", 'verdict = "fail"')
        evidence = self.choice(table, f"{prefix}evidence", EVIDENCE, "none") if "evidence" in table else None
        tables = table.get("tables", {})
        if not isinstance(tables, dict) or not all(
            isinstance(rows, list) and all(isinstance(row, dict) for row in rows) for rows in tables.values()
        ):
            raise self.fault("tables of an example are arrays of tables", f"{prefix}tables")
        return Example(
            verdict=self.choice(table, f"{prefix}verdict", VERDICTS, ""),
            evidence=evidence,
            tables=tables,
            findings=self.findings(table, prefix) if "findings" in table else None,
            line=_line(self.places.get(prefix.rstrip("."))),
            sample=sample,
            log=log,
            config=given["config"],
            effective=given["effective"],
        )

    def findings(self, table: Mapping[str, Any], prefix: str) -> tuple[Mapping[str, Any], ...]:
        findings = table["findings"]
        if not isinstance(findings, list) or not all(isinstance(each, dict) for each in findings):
            raise self.fault("findings of an example are an array of tables", f"{prefix}findings")
        for number, finding in enumerate(findings):
            self.known(finding, FINDING_KEYS, f"{prefix}findings.{number}.")
        return tuple(findings)
