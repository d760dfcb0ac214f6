"""The tables of captured logs, against what is known of each run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from analyzer.records import read_batches
from analyzer.sources import open_sources
from analyzer.tables.daemons import DaemonsBuilder
from analyzer.tables.problems import ProblemsBuilder
from analyzer.tables.spans import SpansBuilder
from analyzer.tables.traces import TracesBuilder
from analyzer.tables.workers import WorkersBuilder
from tests.tables.plain_records import batches_of_log, build

UNREADABLE = {"ca_unreadable", "keypair_unreadable"}
MISTRUST = {"x509_unknown_authority", "x509_name_mismatch", "x509_expired", "client_certificate_rejected"}
EXPECTED = {"missing": UNREADABLE, "mismatch": {"keypair_mismatch"}, "untrusted": MISTRUST}
CERTIFICATES = UNREADABLE | MISTRUST | {"keypair_mismatch", "x509_other", "tls_other"}


@pytest.fixture(scope="session")
def captures(captures_root: Path | None) -> Path:
    if captures_root is None:
        pytest.skip("the captured logs are not here")
    return captures_root


SERIES = ("v0.9.3", "v0.10.6", "v0.12.5", "v0.17.3", "v0.19.0", "v0.23.2", "v0.32.2")


@pytest.mark.parametrize("version", SERIES)
def test_a_mirror_without_an_image_in_every_series(captures: Path, version: str) -> None:
    batches = batches_of_log(captures / f"mirror-fallback-{version}" / "buildkitd.log")
    (daemon,) = build(DaemonsBuilder(), *batches)
    (worker,) = build(WorkersBuilder(), *batches)
    kinds = {row["kind"] for row in build(ProblemsBuilder(), *batches)}

    assert version.startswith(daemon["version"])
    assert (daemon["startup"], daemon["clean_exit"], daemon["debug"]) == (True, True, True)
    assert daemon["tracing"] is (version != "v0.10.6")
    assert worker["network"] == (None if version == "v0.9.3" else "host")
    assert kinds == {"not_found"}


@pytest.mark.parametrize(
    "name", ["tty-mirror-fallback-v0.19.0", "wrap-json-compose-v0.32.2", "parallel-v0.32.2"]
)
def test_any_chunking_gives_the_same_tables(captures: Path, name: str) -> None:
    path = captures / name / "buildkitd.log"

    def read(chunk_bytes: int) -> list[Any]:
        tables = []
        for builder in (DaemonsBuilder(), TracesBuilder(), SpansBuilder(), ProblemsBuilder()):
            with path.open("rb") as stream:
                tables.append(build(builder, *read_batches(stream, "log", chunk_bytes=chunk_bytes)))
        return tables

    assert read(5000) == read(1 << 20)


@pytest.mark.slow
def test_all_runs_agree_with_their_truth(captures: Path) -> None:
    wrong = []
    for folder in sorted(path for path in captures.iterdir() if path.is_dir()):
        truth = json.loads((folder / "truth.json").read_text("utf-8"))
        (source,) = open_sources([str(folder)])
        with source.open() as stream:
            batches = list(read_batches(stream, source.name))
        daemons = build(DaemonsBuilder(), *batches)
        for daemon in daemons:
            version = daemon["version"]
            if daemon["program"] == "buildkitd" and version not in (
                None,
                truth["buildkit"],
                truth["buildkit"].rpartition(".")[0],
            ):
                wrong.append(f"{folder.name}: version {version}")
        mode = truth["network"]["effective"].replace("bridge", "cni")
        networks = {row["network"] for row in build(WorkersBuilder(), *batches) if row["is_default"]}
        if mode != "unknown" and networks - {mode, None}:
            wrong.append(f"{folder.name}: networks {networks}, not {mode}")
        problems = build(ProblemsBuilder(), *batches)
        debug = any(daemon["debug"] for daemon in daemons)
        for host, certificates in truth["certs"].items():
            seen = {row["kind"] for row in problems if host in (row["host"], *(row["path"] or "").split("/"))}
            expected = EXPECTED.get(certificates["verdict"], set())
            if (expected and debug and not seen & expected) or (not expected and seen & CERTIFICATES):
                wrong.append(f"{folder.name}: {host} is {certificates['verdict']}, problems {sorted(seen)}")

    assert wrong == []
