"""Checks: rule files over the tables, and what they come to.

A rule is data: SQL in a TOML file, judged by a closed engine. See `rules/` for the rules of the program.
"""

from analyzer.checks.authoring import new_rule, rule_schema
from analyzer.checks.evaluation import evaluate, run_query
from analyzer.checks.examples import ExampleResult, missing_examples, run_examples
from analyzer.checks.findings import SPEC, Finding, RuleResult, exit_code, findings_table
from analyzer.checks.loading import builtin_rules, load_rule, load_rules, parse_rule, with_all_examples
from analyzer.checks.rule import Example, Rule

__all__ = [
    "SPEC",
    "Example",
    "ExampleResult",
    "Finding",
    "Rule",
    "RuleResult",
    "builtin_rules",
    "evaluate",
    "exit_code",
    "findings_table",
    "load_rule",
    "load_rules",
    "missing_examples",
    "new_rule",
    "parse_rule",
    "rule_schema",
    "run_examples",
    "run_query",
    "with_all_examples",
]
