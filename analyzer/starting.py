"""A project file to start from, made from the configuration that a team has."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

from analyzer.intent import load_config

if TYPE_CHECKING:
    from analyzer.intent import Config


def start_project(config: str | None, target: str) -> str:
    """The text of a project file.

    Args:
        config: The intended configuration; None for none yet.
        target: The file that the text is for: paths are meant from its folder.

    Raises:
        ConfigError: The configuration cannot be read.
    """
    return "\n".join([*_lines(config, target), ""])


def _lines(config: str | None, target: str) -> Iterator[str]:
    folder = os.path.dirname(os.path.abspath(target)) if target != "-" else os.getcwd()
    yield "# What this team asks of its BuildKit builders: `buildkit-analyzer check LOG` reads it by itself."
    yield ""
    yield "# the configuration that was meant"
    if config is None:
        yield '# config = "buildkitd.toml"'
    else:
        meant = load_config(config)
        yield f"config = {_text(os.path.relpath(config, folder))}"
        yield from _remarks(meant)
    yield ""
    yield "# a failure from this severity on fails the check: error, warning, info or never"
    yield 'fail-on = "error"'
    yield "# let what cannot be decided pass, and no pass rest on an inference"
    yield "# allow-unknown = true"
    yield "# require-proof = true"
    yield ""
    yield "# versions of BuildKit that will do"
    yield '# buildkit-version = ">=0.16"'
    yield ""
    yield "# rules of your own (`buildkit-analyzer rules new` writes one), and built-in ones that are not judged"
    yield '# rules = ["rules"]'
    yield '# ignore = ["mirror-healthy"]'
    yield ""
    yield "# findings that were there when this began: `buildkit-analyzer check LOG --write-baseline baseline.json`"
    yield '# baseline = "baseline.json"'
    yield ""
    yield "# how much a rule weighs here"
    yield "# [severity]"
    yield '# mirror-healthy = "error"'
    yield ""
    yield "# a finding that does not count, for a reason and until a day"
    yield "# [[waivers]]"
    yield '# rule = "mirror-served"'
    yield '# subject = "docker.io"'
    yield '# reason = "the mirror is being filled"'
    yield "# expires = 2027-01-31"


def _remarks(meant: Config) -> Iterator[str]:
    """What the checks will ask of this configuration, and what is wrong with it already."""
    for registry in sorted(meant.registries):
        hosts = meant.registry_hosts(registry)
        if any(host.role == "mirror" for host in hosts):
            yield f"# {_comment(registry)} is asked for at {_comment(', then '.join(host.name for host in hosts))}"
    for finding in meant.lint():
        yield f"# {finding.severity}: {_comment(finding.message)}"
    if meant.level() not in ("debug", "trace"):
        yield "# it does not switch debug lines on, without which most rules are unknown: debug = true"


def _text(text: str) -> str:
    """A text as TOML has it, whose basic strings are JSON's but for DEL."""
    return json.dumps(text, ensure_ascii=True).replace("\x7f", "\\u007f")


def _comment(text: str) -> str:
    """Foreign text in a comment: one line of it."""
    from analyzer.checks.messages import clean

    return " ".join(clean(text).split())
