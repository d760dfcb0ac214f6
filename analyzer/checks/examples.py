"""Examples: a rule carries logs that it must judge in a known way, and they are run here.

The way from a log to tables lies in the layers beside and above this one, so it is handed in.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from analyzer.checks.evaluation import evaluate
from analyzer.checks.facts import known_specs
from analyzer.checks.messages import clean
from analyzer.checks.resources import find_folder
from analyzer.errors import RuleError

if TYPE_CHECKING:
    import pyarrow as pa

    from analyzer.checks.findings import Finding
    from analyzer.checks.rule import Example, Rule

REQUIRED = ("pass", "fail", "unknown")
"""Verdicts of which a rule should show an example each."""


class Run(Protocol):
    """Makes the tables of a log, as a check of it would."""

    def __call__(
        self, log: str | Path, config: str | None, effective: str | None = None
    ) -> Mapping[str, pa.Table]:
        """The tables of a log (its text, or the path of a file) and configurations (their texts)."""
        ...


@dataclass(frozen=True)
class ExampleResult:
    """What came of an example.

    Attributes:
        rule: The rule.
        example: The example.
        ok: The rule says what the example expects.
        verdict: What the rule said.
        evidence: What that rests on.
        message: The words of the finding that decided.
        other: The first finding that is not the one that stands in the example, in words; empty for none.
    """

    rule: Rule
    example: Example
    ok: bool
    verdict: str
    evidence: str
    message: str
    other: str = ""


def run_examples(rule: Rule, run: Run) -> list[ExampleResult]:
    """Judge the examples of a rule.

    Args:
        rule: The rule.
        run: Makes the tables of a log.

    Returns:
        A result for each example.

    Raises:
        RuleError: A sample does not exist, or the rule's SQL cannot be run.
    """
    return [_run_example(rule, example, run) for example in rule.examples]


def missing_examples(rule: Rule) -> tuple[str, ...]:
    """The verdicts that no example of a rule shows, though one should."""
    shown = {example.verdict for example in rule.examples}
    return tuple(verdict for verdict in REQUIRED if verdict not in shown)


def _run_example(rule: Rule, example: Example, run: Run) -> ExampleResult:
    where = place_of(rule, example)
    tables: dict[str, pa.Table] = {}
    if example.log is not None or example.sample is not None:
        log, config = _inputs(example, where)
        tables |= run(log, config, example.effective)
    (result,) = evaluate({**tables, **_build(example, where)}, [rule])
    words = [finding.message for finding in result.findings if finding.verdict == result.verdict]
    other = _other_finding(example, result.findings)
    ok = result.verdict == example.verdict and example.evidence in (None, result.evidence) and not other
    return ExampleResult(rule, example, ok, result.verdict, result.evidence, words[0] if words else "", other)


def place_of(rule: Rule, example: Example) -> str:
    """Where an example stands, as `file:line`."""
    path = example.path or rule.path
    return f"{path}:{example.line}" if path else rule.where()


def _other_finding(example: Example, findings: Sequence[Finding]) -> str:
    """The first finding that differs from the one in its place in the example; empty where none does."""
    if example.findings is None:
        return ""
    for number, (due, found) in enumerate(zip_longest(example.findings, findings), start=1):
        if found is None:
            return f"finding {number} should be {due}, and there is none"
        told = {key: _plain(getattr(found, key)) for key in (due or asdict(found))}
        if told != due:
            return f"finding {number} should be {due or 'none'}, is {told}"
    return ""


def _plain(value: Any) -> Any:
    """A value as TOML has it, which has no null: an empty text stands for that."""
    return "" if value is None else list(value) if isinstance(value, tuple) else value


def _build(example: Example, where: str) -> dict[str, pa.Table]:
    """The tables that an example states row by row."""
    import pyarrow as pa

    specs = known_specs()
    tables = {}
    for name, rows in example.tables.items():
        if name not in specs:
            raise RuleError(f"no table is called {name}", where=where, hint="docs/tables.md names them")
        try:
            tables[name] = specs[name].build(rows)
        except (KeyError, pa.ArrowException) as error:
            raise RuleError(clean(f"rows of {name}: {error}"), where=where, hint="docs/tables.md") from None
    return tables


def _inputs(example: Example, where: str) -> tuple[str | Path, str | None]:
    """The log of an example and its configuration."""
    if example.sample is None:
        return example.log or "", example.config
    folder = find_folder("sample_logs") / example.sample
    log, own = folder / "buildkitd.log", folder / "buildkitd.toml"
    if not log.is_file():
        raise RuleError(
            f"no sample log is called {example.sample}", where=where, hint="the folders of sample_logs"
        )
    if example.config is not None or not own.is_file():
        return log, example.config
    return log, own.read_text(encoding="utf-8")
