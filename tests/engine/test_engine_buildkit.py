"""Real BuildKit end to end: what it says of its requests is what the registries say that they were asked.

The engine's Docker Hub is a registry on a loopback address: only the engine takes it for registry-1.docker.io.
"""

from __future__ import annotations

import gzip
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

import analyzer as bk
from tests.engine.certificates import Authority
from tests.engine.engines import Engine
from tests.engine.registries import Registry

pytestmark = pytest.mark.slow

HUB = "registry-1.docker.io"
MIRROR = "mirror.example.com"


@pytest.fixture
def authority() -> Authority:
    """The authority that the engine trusts."""
    return Authority.make("Trusted Root CA")


@pytest.fixture
def hub(make_registry: Callable[..., Registry], authority: Authority, loopback: str) -> Registry:
    """A Docker Hub."""
    return make_registry(address=loopback, port=443, pair=authority.issue(HUB), name=HUB)


@pytest.fixture
def start(
    make_engine: Callable[..., Engine], authority: Authority, hub: Registry
) -> Callable[[Registry], Engine]:
    """Starts an engine with a mirror; it knows the Hub, and trusts its authority alone."""

    def start_engine(mirror: Registry) -> Engine:
        names = {HUB: hub.address, MIRROR: mirror.address}
        return make_engine(mirrors=[mirror.url], hosts=names, trusts=authority.certificate)

    return start_engine


def read_daemon(engine: Engine) -> bk.Log:
    """What the engine logged so far."""
    return bk.read(engine.log)


def judge(engine: Engine) -> bk.Report:
    """The verdicts on what the engine logged so far."""
    return bk.check(read_daemon(engine), bk.load_config(engine.config))


def rows(report: bk.Report, table: str, *columns: str) -> list[dict[str, Any]]:
    """A table as plain rows; of whole ones the times may be too fine for Python."""
    found: list[dict[str, Any]] = report.tables[table].select(list(columns)).to_pylist()
    return found


def told(report: bk.Report) -> Counter[tuple[str, str, int]]:
    """The requests that were answered, as the tool tells them: by host, method and status."""
    return Counter(
        (row["host"], row["method"], row["status_code"])
        for row in rows(report, "requests", "host", "method", "status_code", "kind")
        if row["status_code"] is not None and row["kind"] != "token"
    )


def logged(*registries: Registry) -> Counter[tuple[str, str, int]]:
    """The same as the registries logged it."""
    return sum((registry.asked_by_buildkit() for registry in registries), Counter())


def put_image(engine: Engine, registries: Iterable[Registry], name: str) -> None:
    for registry in registries:
        engine.push_image(f"{registry.address}:{registry.port}", f"library/{name}")


def words(report: bk.Report, rule: str) -> str:
    return "\n".join(finding.message for finding in report.findings if finding.rule == rule)


def test_what_the_mirror_served_is_what_it_logged(
    make_registry: Callable[..., Registry], hub: Registry, start: Callable[[Registry], Engine]
) -> None:
    mirror = make_registry()
    engine = start(mirror)
    put_image(engine, [mirror, hub], "tiny:1")
    for _ in range(2):  # the second build finds the layer there, and asks for less
        built = engine.build("tiny:1")
        assert built.returncode == 0, built.stderr
    report = judge(engine)
    assert report.verdict("mirror-served") == "pass", report.findings
    assert report.verdict("mirror-healthy") == "pass", report.findings
    assert report.verdict("hosts-as-configured") == "pass", report.findings
    assert report.exit_code == 0
    assert told(report) == logged(mirror, hub)
    assert {host for host, _, _ in told(report)} == {mirror.host}
    # the engine's own pushes and pings are in the registry's log too, and not in the tool's table
    assert len(mirror.requests()) > told(report).total() > 0


def test_a_mirror_that_is_down_is_named_with_the_refused_connection(
    make_registry: Callable[..., Registry], hub: Registry, start: Callable[[Registry], Engine]
) -> None:
    mirror = make_registry()
    engine = start(mirror)
    put_image(engine, [mirror, hub], "tiny:1")
    mirror.stop()
    built = engine.build("tiny:1")
    assert built.returncode == 0, built.stderr  # Docker Hub serves it, and nobody notices
    report = judge(engine)
    assert report.verdict("mirror-served") == "fail", report.findings
    assert report.verdict("mirror-healthy") == "fail", report.findings
    assert mirror.host in words(report, "mirror-healthy")
    assert "connection refused" in words(report, "mirror-healthy")
    assert HUB in words(report, "mirror-served")
    assert report.exit_code == 1
    assert told(report) == logged(mirror, hub)

    hub.stop()
    assert engine.build("tiny:1").returncode != 0
    report = judge(engine)
    assert report.verdict("mirror-served") == "fail", report.findings


def test_an_image_that_the_mirror_lacks_is_told_with_both_answers(
    make_registry: Callable[..., Registry], hub: Registry, start: Callable[[Registry], Engine]
) -> None:
    mirror = make_registry()
    engine = start(mirror)
    put_image(engine, [hub], "tiny:1")
    built = engine.build("tiny:1")
    assert built.returncode == 0, built.stderr
    report = judge(engine)
    assert report.verdict("mirror-served") == "fail", report.findings
    assert f"{mirror.host}: 404" in words(report, "mirror-served")
    assert f"{HUB}: 200" in words(report, "mirror-served")
    assert "404" in words(report, "mirror-healthy")
    assert told(report) == logged(mirror, hub)
    assert {host for host, _, _ in told(report)} == {mirror.host, HUB}


def test_an_image_that_exists_nowhere_is_no_bypass(
    make_registry: Callable[..., Registry], hub: Registry, start: Callable[[Registry], Engine]
) -> None:
    mirror = make_registry()
    engine = start(mirror)
    assert engine.build("tiny:9").returncode != 0
    report = judge(engine)
    assert report.verdict("mirror-served") != "fail", report.findings
    assert told(report) == logged(mirror, hub)
    assert {status for _, _, status in told(report)} == {404}


def test_a_mirror_with_the_wrong_authority_is_left_out_with_its_x509_error(
    make_registry: Callable[..., Registry], hub: Registry, start: Callable[[Registry], Engine], loopback: str
) -> None:
    stranger = Authority.make("Some Other CA")
    mirror = make_registry(address=loopback, pair=stranger.issue(MIRROR), name=MIRROR)
    engine = start(mirror)
    put_image(engine, [mirror, hub], "tiny:1")
    built = engine.build("tiny:1")
    assert built.returncode == 0, built.stderr
    report = judge(engine)
    assert report.verdict("mirror-served") == "fail", report.findings
    assert report.verdict("mirror-healthy") == "fail", report.findings
    assert "x509: certificate signed by unknown authority" in words(report, "mirror-healthy")
    # daemon.json names no certificate of a host: nothing is promised of TLS, and nothing of it passes
    assert report.verdict("tls-trusted") == "skipped"
    problems = rows(report, "problems", "kind", "host")
    assert {row["kind"] for row in problems if row["host"] == mirror.host} == {"x509_unknown_authority"}
    assert told(report) == logged(mirror, hub)
    assert {host for host, _, _ in told(report)} == {HUB}


def test_a_mirror_with_the_right_authority_serves(
    make_registry: Callable[..., Registry],
    hub: Registry,
    start: Callable[[Registry], Engine],
    authority: Authority,
    loopback: str,
) -> None:
    mirror = make_registry(address=loopback, pair=authority.issue(MIRROR), name=MIRROR)
    engine = start(mirror)
    put_image(engine, [mirror, hub], "tiny:1")
    built = engine.build("tiny:1")
    assert built.returncode == 0, built.stderr
    report = judge(engine)
    assert report.verdict("mirror-served") == "pass", report.findings
    assert report.verdict("mirror-healthy") == "pass", report.findings
    assert told(report) == logged(mirror, hub)
    assert {row["scheme"] for row in rows(report, "requests", "scheme")} == {"https"}


def test_a_certificate_for_another_name_is_told(
    make_registry: Callable[..., Registry],
    hub: Registry,
    start: Callable[[Registry], Engine],
    authority: Authority,
    loopback: str,
) -> None:
    mirror = make_registry(address=loopback, pair=authority.issue("other.example.com"), name=MIRROR)
    engine = start(mirror)
    put_image(engine, [mirror, hub], "tiny:1")
    assert engine.build("tiny:1").returncode == 0
    report = judge(engine)
    assert report.verdict("mirror-served") == "fail", report.findings
    assert "certificate is valid for other.example.com" in words(report, "mirror-healthy")
    problems = rows(report, "problems", "kind", "host")
    assert {row["kind"] for row in problems if row["host"] == mirror.host} == {"x509_name_mismatch"}


def test_the_log_says_the_same_however_it_is_handed_over(
    make_registry: Callable[..., Registry],
    hub: Registry,
    start: Callable[[Registry], Engine],
    tmp_path: Path,
) -> None:
    mirror = make_registry()
    engine = start(mirror)
    put_image(engine, [mirror], "tiny:1")
    assert engine.build("tiny:1").returncode == 0
    engine.stop()
    whole = judge(engine)

    packed = tmp_path / "dockerd.log.gz"
    packed.write_bytes(gzip.compress(engine.log.read_bytes()))
    again = bk.check(bk.read(packed), bk.load_config(engine.config))
    assert [(one.rule.id, one.verdict) for one in again.results] == [
        (one.rule.id, one.verdict) for one in whole.results
    ]
    assert told(again) == told(whole) == logged(mirror, hub)


def test_the_engine_itself_can_be_named(
    make_registry: Callable[..., Registry],
    hub: Registry,
    start: Callable[[Registry], Engine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("analyzer.sources.dockerd", reason="the source dockerd: is not there yet")
    mirror = make_registry()
    engine = start(mirror)
    put_image(engine, [hub], "tiny:1")
    assert engine.build("tiny:1").returncode == 0
    monkeypatch.setenv("DOCKER_HOST", engine.host)
    named = bk.check(bk.read("dockerd:"), bk.load_config(engine.config))
    for rule in ("mirror-served", "mirror-healthy", "hosts-as-configured", "debug-enabled"):
        assert named.verdict(rule) == judge(engine).verdict(rule), rule
    assert named.verdict("mirror-served") == "fail"
    assert named.verdict("configuration-loaded") == "pass", named.findings
    assert told(named) == logged(mirror, hub)
