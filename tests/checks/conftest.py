"""Hand-made tables for rules: what a log and a configuration would give, without reading either."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyarrow as pa
import pytest

from analyzer.checks import RuleResult, evaluate, load_rules
from analyzer.checks.facts import known_specs

Tables = dict[str, pa.Table]
Make = Callable[..., Tables]

_DEFAULTS: dict[str, dict[str, Any]] = {
    "coverage": {
        "source": "a.log",
        "daemon": 0,
        "startup": True,
        "debug": True,
        "trace_ids": True,
        "complete": True,
    },
    "daemons": {
        "daemon": 0,
        "source": "a.log",
        "first_record": 0,
        "last_record": 999,
        "startup": True,
        "program": "buildkitd",
    },
    "requests": {
        "source": "a.log",
        "daemon": 0,
        "scheme": "https",
        "action": "pull",
        "kind": "manifest",
        "host_evidence": "proof",
        "registry": "docker.io",
    },
    "pulls": {
        "source": "a.log",
        "daemon": 0,
        "registry": "docker.io",
        "repository": "library/alpine",
        "reference": "docker.io/library/alpine:3.20",
        "kind": "manifest",
        "outcome": "served",
        "evidence": "proof",
        "attempts": [],
        "records": [1],
    },
    "problems": {"source": "a.log", "text": "text", "cause": "cause"},
    "networks": {"source": "a.log"},
    "workers": {"source": "a.log", "executor": "oci", "is_default": True},
    "intended_workers": {"enabled": True, "network": "auto", "file": "b.toml"},
    "effective_workers": {"enabled": True, "network": "auto", "file": "given.toml"},
    "intended_registries": {"mirrors": [], "file": "b.toml", "line": 1},
    "effective_registries": {"mirrors": [], "file": "given.toml", "line": 1},
    "intended_hosts": {"registry": "docker.io", "scheme": "https"},
    "effective_hosts": {"registry": "docker.io", "scheme": "https"},
    "intended_certificates": {"kind": "ca", "file": "b.toml", "line": 9},
    "effective_certificates": {"kind": "ca", "file": "given.toml", "line": 9},
    "intended_lint": {"file": "b.toml", "line": 3, "column": 1},
    "certificate_files": {"source": "folder", "exists": True},
}


def make(**rows: list[Mapping[str, Any]]) -> Tables:
    """Tables from rows; what a row does not say is as in a healthy log, coverage and a daemon included."""
    specs = known_specs()
    rows = {"coverage": [{}], "daemons": [{}], **rows}
    return {
        name: specs[name].build([{**_DEFAULTS.get(name, {}), **row} for row in given])
        for name, given in rows.items()
    }


def mirrored(**rows: list[Mapping[str, Any]]) -> Tables:
    """Tables of a configuration with one mirror and its CA."""
    whole: dict[str, Any] = {
        "intended_registries": [
            {"registry": "docker.io", "mirrors": ["mirror.example.com"]},
            {"registry": "mirror.example.com"},
        ],
        "intended_hosts": [
            {"host": "mirror.example.com", "role": "mirror", "position": 0},
            {"host": "registry-1.docker.io", "role": "upstream", "position": 1},
            {
                "registry": "mirror.example.com",
                "host": "mirror.example.com",
                "role": "upstream",
                "position": 0,
            },
        ],
        "intended_certificates": [
            {
                "host": "mirror.example.com",
                "path": "certs/ca.pem",
                "path_in_builder": "/etc/buildkit/certs/mirror.example.com/ca.pem",
            }
        ],
        "intended_workers": [
            {"executor": "oci"},
            {"executor": "containerd", "enabled": False},
        ],
        **rows,
    }
    return make(**whole)


@pytest.fixture(name="make", scope="session")
def make_fixture() -> Make:
    """`make`, for tests."""
    return make


@pytest.fixture(name="mirrored", scope="session")
def mirrored_fixture() -> Make:
    """`mirrored`, for tests."""
    return mirrored


@pytest.fixture(scope="session")
def judge() -> Callable[..., RuleResult]:
    """Judges tables by a built-in rule."""
    rules = {rule.id: rule for rule in load_rules()}

    def run(rule: str, tables: Tables, *, require_proof: bool = False) -> RuleResult:
        (result,) = evaluate(
            tables, [rules[rule]], require_proof=require_proof, locate=lambda record: ("a.log", record + 1)
        )
        return result

    return run
