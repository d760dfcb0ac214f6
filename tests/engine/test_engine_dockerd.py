"""A real Docker Engine with embedded BuildKit pulls through a real registry; its own log is judged."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import analyzer as bk
from tests.engine.engines import Engine
from tests.engine.registries import Registry

pytestmark = pytest.mark.slow


def test_a_build_through_the_mirror_passes_and_one_past_it_fails(
    make_engine: Callable[..., Engine], make_registry: Callable[..., Registry], loopback: str
) -> None:
    mirror = make_registry()
    # nobody listens where Docker Hub should be
    engine = make_engine(mirrors=[mirror.url], hosts={"registry-1.docker.io": loopback})
    engine.push_image(mirror.host, "library/tiny:1")

    built = engine.build("tiny:1")
    assert built.returncode == 0, built.stderr
    config = bk.load_config(engine.config)
    report = bk.check(bk.read(engine.log), config)
    assert report.verdict("mirror-served") == "pass", report.findings
    hosts = {row["host"] for row in report.tables["requests"].select(["host"]).to_pylist()}
    assert hosts == {mirror.host}
    assert report.tables["daemons"]["program"][0].as_py() == "dockerd"

    # the mirror lacks this one, so Docker Hub is asked, which cannot be reached from here
    assert engine.build("tiny:2").returncode != 0
    report = bk.check(bk.read(engine.log), config)
    assert report.verdict("mirror-served") == "fail", report.findings
    assert "registry-1.docker.io" in {
        row["host"] for row in report.tables["requests"].select(["host"]).to_pylist()
    }
