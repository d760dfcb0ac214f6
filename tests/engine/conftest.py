"""The real world for tests: engines, registries and builders of their own.

Needs root and Debian's packages docker.io, docker-registry and busybox-static. Everything listens on loopback.
"""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.engine.builders import MEANT, Builder, Feed, Secrets, import_images, make_builder
from tests.engine.engines import Engine, why_no_engine
from tests.engine.program import Outcome, environment
from tests.engine.registries import Registry


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Every test here needs an engine, takes its time, and shares its engine with the others."""
    reason = why_no_engine()
    for item in items:
        if item.path.parent != Path(__file__).parent:
            continue
        item.add_marker(pytest.mark.xdist_group("engine"))
        if reason:
            item.add_marker(pytest.mark.skip(reason=reason))


def _short_folder() -> str:
    # the name must leave room for the names of sockets, which may have 108 bytes in all
    return tempfile.mkdtemp(prefix="bka-", dir="/tmp")


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder with a short name."""
    folder = _short_folder()
    yield Path(folder)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[Engine]:
    """An engine that no test kills, with the images of Buildx's builders."""
    folder = Path(_short_folder())
    engine = Engine(folder)
    try:
        engine.start()
        import_images(engine)
        yield engine
    finally:
        engine.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def make_engine() -> Iterator[Callable[..., Engine]]:
    """Makes engines of a test's own, with the arguments of `Engine`; they are started."""
    with ExitStack() as ends:

        def make(**settings: Any) -> Engine:
            folder = Path(_short_folder())
            ends.callback(shutil.rmtree, folder, ignore_errors=True)
            engine = Engine(folder, **settings)
            ends.callback(engine.stop)
            engine.start()
            return engine

        yield make


@pytest.fixture
def make_registry(tmp_path: Path) -> Iterator[Callable[..., Registry]]:
    """Makes registries of a test's own, with the arguments of `Registry`; they are started."""
    with ExitStack() as ends:
        made = 0

        def make(**settings: Any) -> Registry:
            nonlocal made
            made += 1
            folder = tmp_path / f"registry-{made}"
            folder.mkdir()
            registry = Registry(folder, **settings)
            ends.callback(registry.stop)
            registry.start()
            return registry

        yield make


@pytest.fixture
def loopback() -> str:
    """An address of a test's own, so that the ports of well-known servers are free at it."""
    return f"127.{random.randint(1, 254)}.{random.randint(0, 254)}.{random.randint(1, 254)}"


@pytest.fixture(scope="session")
def secrets() -> Secrets:
    """Certificates and private keys."""
    return Secrets.make()


@pytest.fixture
def builder(shared_engine: Engine) -> Iterator[Callable[..., Builder]]:
    """Makes nodes of builders on the shared engine, with the arguments of `make_builder`; removed at the end."""
    with ExitStack() as ends:

        def make(name: str, *feeds: Feed, start: bool = True, **settings: Any) -> Builder:
            made = make_builder(shared_engine, name, feeds, **settings)
            ends.callback(shared_engine.docker, "rm", "--force", "--volumes", made.container, check=False)
            if start:
                made.start()
            return made

        yield make


@pytest.fixture
def run(
    shared_engine: Engine,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> Callable[..., Outcome]:
    """Run the program in this process; it finds the shared engine, unless another host is given."""

    def run_program(*words: object, host: str | None = None) -> Outcome:
        from analyzer.cli import main

        for name in [name for name in os.environ if name.startswith(("DOCKER_", "BUILDX_"))]:
            monkeypatch.delenv(name)
        for name, value in environment(host or shared_engine.host, tmp_path / "home").items():
            if name.startswith(("DOCKER_", "BUILDX_")):
                monkeypatch.setenv(name, value)
        capsys.readouterr()
        code = main([str(word) for word in words])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run_program


@pytest.fixture
def meant(tmp_path: Path) -> Path:
    """The configuration that was given to Buildx, beside the files that it names."""
    path = tmp_path / "buildkitd.toml"
    path.write_text(MEANT)
    return path
