"""The daemon's own settings: its log, its entitlements, its flags."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from analyzer.intent.conformance import quote
from analyzer.intent.flags import BUILDKITD_FLAGS
from analyzer.intent.lint.finding import LintFinding, finding_at
from analyzer.intent.places import Place
from analyzer.intent.versions import Version, parse_version

if TYPE_CHECKING:
    from analyzer.intent.config import Config

# sirupsen/logrus ParseLevel.
LEVELS: Final = ("panic", "fatal", "error", "warn", "warning", "info", "debug", "trace")
FORMATS: Final = ("text", "json")
ENTITLEMENTS: Final = ("network.host", "security.insecure", "device")
"""Of the file: ``solver/llbsolver/entitlements.go``; of the flag: ``cmd/buildkitd/main.go``."""

LOG_LEVEL_SINCE: Final[Version] = (0, 30, 0)


def check_daemon(config: Config, version: str | None) -> Iterator[LintFinding]:
    """Settings that keep the daemon from starting, or its log from saying enough."""
    yield from _check_log(config, parse_version(version))
    yield from _check_entitlements(config)
    yield from _check_flags(config)
    concurrency = (config.values.get("system") or {}).get("maxRegistryConcurrency")
    if concurrency is not None and concurrency <= 0:
        yield finding_at(
            config.place_of("system", "maxRegistryConcurrency"),
            "concurrency-not-positive",
            "error",
            "maxRegistryConcurrency must be greater than zero, or buildkitd does not start",
            fix="Write a number from 1 on.",
        )


def _check_log(config: Config, version: Version) -> Iterator[LintFinding]:
    level, log_format = config.log_level, config.log_format
    place = config.place_of("log", "level")
    verbose = next((key for key in ("trace", "debug") if config.values.get(key)), None)
    if level and level.lower() not in LEVELS:
        yield finding_at(
            place,
            "log-level-invalid",
            "error",
            f"{quote(level)} is no level, and buildkitd does not start with it",
            fix=f"Write one of {', '.join(LEVELS)}.",
        )
    elif level and level.lower() not in ("debug", "trace") and version >= LOG_LEVEL_SINCE and verbose:
        yield finding_at(
            place,
            "log-level-overrides",
            "warning",
            f"level = {quote(level)} counts above {verbose} = true: the log shows no debug lines",
            fix=f"Take out the level, or write {quote(verbose)}.",
            suggestion=f"level = {quote(verbose)}",
        )
    if log_format and log_format not in FORMATS:
        yield finding_at(
            config.place_of("log", "format"),
            "log-format-invalid",
            "error",
            f"{quote(log_format)} is no format of a log, and buildkitd does not start with it",
            fix="Write text or json.",
        )


def _check_entitlements(config: Config) -> Iterator[LintFinding]:
    for index, name in enumerate(config.entitlements):
        if name not in ENTITLEMENTS:
            place = config.place_of("insecure-entitlements", index)
            flag = place is not None and place.source == "flag"
            yield finding_at(
                place,
                "entitlement-unknown",
                "error",
                f"{quote(name)} is no entitlement, and buildkitd "
                + ("does not start with it" if flag else "ignores it without a word"),
                fix=f"Write one of {', '.join(ENTITLEMENTS)}.",
            )


def _check_flags(config: Config) -> Iterator[LintFinding]:
    for flag in config.flags:
        if flag.known:
            continue
        from rapidfuzz import process

        best = process.extractOne(flag.name, list(BUILDKITD_FLAGS), score_cutoff=80)
        yield finding_at(
            Place(flag.written, source="flag"),
            "unknown-flag",
            "warning",
            f"--{flag.name} is no flag of the versions known here; a buildkitd that lacks it does not start",
            fix=f"Did you mean --{best[0]}?" if best else "See buildkitd --help.",
            suggestion=f"--{best[0]}" if best else None,
        )
