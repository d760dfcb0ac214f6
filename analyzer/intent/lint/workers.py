"""The workers' networks, as far as the file alone can tell."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from analyzer.intent.conformance import quote
from analyzer.intent.lint.finding import LintFinding, finding_at
from analyzer.intent.model import EXECUTORS, NETWORK_MODES, WorkerConfig
from analyzer.intent.versions import Version, parse_version

if TYPE_CHECKING:
    from analyzer.intent.config import Config

BRIDGE_SINCE: Final[Version] = (0, 13, 0)


def check_workers(config: Config, version: str | None) -> Iterator[LintFinding]:
    """Network modes and what they need."""
    workers = [config.workers[executor] for executor in EXECUTORS]
    for worker in workers:
        yield from _check_mode(worker, parse_version(version))
        yield from _check_cni(worker)
        yield from _check_disabled(worker, workers)
    if all(worker.enabled is False for worker in workers):
        yield finding_at(
            workers[0].place_of("enabled"),
            "no-worker",
            "error",
            "both workers are switched off, and buildkitd does not start without one",
            fix="Switch one on: enabled = true.",
        )


def _check_mode(worker: WorkerConfig, version: Version) -> Iterator[LintFinding]:
    mode = worker.network_mode
    place = worker.place_of("networkMode")
    if mode and mode not in NETWORK_MODES:
        fix = "Write one of auto, host, cni, bridge."
        suggestion = None
        if mode == "none":
            fix = "Write RUN --network=none in the Dockerfile: a worker knows auto, host, cni and bridge."
        elif mode.strip().lower() in NETWORK_MODES:
            suggestion = quote(mode.strip().lower())
        else:
            from rapidfuzz import process

            best = process.extractOne(mode.lower(), NETWORK_MODES, score_cutoff=70)
            suggestion = quote(best[0]) if best else None
        yield finding_at(
            place,
            "network-mode-invalid",
            "error",
            f"{quote(mode)} is no network mode of a worker, and buildkitd does not start with it",
            fix=fix,
            suggestion=suggestion,
        )
    if mode == "bridge" and version < BRIDGE_SINCE:
        yield finding_at(
            place,
            "network-mode-not-in-version",
            "error",
            "the network mode bridge came with BuildKit v0.13; older ones do not start with it",
            fix="Use BuildKit v0.13 or newer, or the mode cni.",
        )


def _check_cni(worker: WorkerConfig) -> Iterator[LintFinding]:
    place = worker.place_of("cniConfigPath")
    if worker.cni_config_path == "" and place is not None and place.source == "flag":
        effect = {
            "cni": "the mode cni fails on an empty path",
            "auto": "the mode auto falls to the host's network",
        }.get(worker.network, "the path is empty")
        yield finding_at(
            place,
            "cni-config-path-flag",
            "error",
            f"--oci-cni-config-path does not set the path but empties it, in every version: {effect}",
            fix="Take the flag out, and write cniConfigPath under [worker.oci].",
        )
    elif worker.network == "cni" and worker.cni_config_path is None:
        yield finding_at(
            worker.place_of("networkMode"),
            "cni-config-path-default",
            "info",
            "the mode cni without cniConfigPath reads /etc/buildkit/cni.json, which must exist",
            fix="State cniConfigPath, or see that the file exists where buildkitd runs.",
        )


def _check_disabled(worker: WorkerConfig, workers: list[WorkerConfig]) -> Iterator[LintFinding]:
    if worker.enabled is not False or not worker.network_mode:
        return
    other = next(one for one in workers if one is not worker)
    if other.network_mode is None and other.enabled is not False:
        yield finding_at(
            worker.place_of("networkMode"),
            "network-on-disabled-worker",
            "warning",
            f"networkMode stands under the {worker.executor} worker, which is switched off",
            fix=f"Move it under [worker.{other.executor}].",
            suggestion=f"[worker.{other.executor}]",
        )
