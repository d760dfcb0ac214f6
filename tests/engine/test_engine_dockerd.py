"""A real Docker Engine with embedded BuildKit pulls through a real registry; its own log is judged.

Needs root and Debian's packages docker.io, docker-registry and busybox-static. Everything listens on loopback.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import analyzer as bk

PROGRAMS = (
    "/usr/sbin/dockerd",
    "/usr/bin/docker",
    "/usr/bin/docker-registry",
    "/bin/busybox",
    "/usr/bin/containerd",
)
MISSING = [program for program in PROGRAMS if not os.path.exists(program)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(MISSING) or os.geteuid() != 0, reason="needs root and a Docker Engine"),
    pytest.mark.xdist_group("engine"),
]


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


def wait_for(ready: object, process: subprocess.Popen[bytes], seconds: float = 60) -> None:
    assert callable(ready)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert process.poll() is None, "the program ended before it was ready"
        if ready():
            return
        time.sleep(0.2)
    raise AssertionError("the program did not get ready")


def answers(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@dataclass
class Engine:
    """A Docker Engine of our own, its log and the mirror that it was told to use."""

    folder: Path
    mirror: str
    process: subprocess.Popen[bytes]

    @property
    def log(self) -> Path:
        return self.folder / "dockerd.log"

    @property
    def config(self) -> Path:
        return self.folder / "daemon.json"

    def docker(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/usr/bin/docker", "-H", f"unix://{self.folder}/docker.sock", *words],
            env={**os.environ, "DOCKER_BUILDKIT": "1", "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            check=check,
            timeout=120,
        )

    def build(self, image: str) -> subprocess.CompletedProcess[str]:
        context = self.folder / "context"
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(f"FROM {image}\nRUN echo built > /built\n")
        return self.docker("build", "--network", "none", "--no-cache", "--pull", str(context), check=False)


def make_image(folder: Path) -> Path:
    """A root file system with nothing but busybox, as a tar file."""
    root = folder / "root"
    (root / "bin").mkdir(parents=True)
    shutil.copy("/bin/busybox", root / "bin" / "busybox")
    for name in ("sh", "echo", "cat"):
        (root / "bin" / name).symlink_to("busybox")
    archive = folder / "root.tar"
    with tarfile.open(archive, "w") as tar:
        tar.add(root, arcname=".")
    return archive


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A folder whose name leaves room for the names of sockets, which may have 108 bytes in all."""
    with tempfile.TemporaryDirectory(prefix="bka-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture
def registry(short_path: Path) -> Iterator[str]:
    port = free_port()
    settings = {
        "version": "0.1",
        "storage": {"filesystem": {"rootdirectory": str(short_path / "registry")}},
        "http": {"addr": f"127.0.0.1:{port}"},
    }
    (short_path / "registry.json").write_text(json.dumps(settings))  # JSON is YAML
    with (short_path / "registry.log").open("wb") as log:
        process = subprocess.Popen(
            ["/usr/bin/docker-registry", "serve", str(short_path / "registry.json")], stdout=log, stderr=log
        )
        try:
            wait_for(lambda: answers(port), process)
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            process.wait(30)


@pytest.fixture
def engine(short_path: Path, registry: str) -> Iterator[Engine]:
    (short_path / "daemon.json").write_text(json.dumps({"registry-mirrors": [f"http://{registry}"]}))
    command = ["/usr/sbin/dockerd", "--debug", "--iptables=false", "--ip6tables=false", "--bridge=none"]
    command += ["--config-file", str(short_path / "daemon.json"), "-H", f"unix://{short_path}/docker.sock"]
    command += ["--data-root", str(short_path / "data"), "--exec-root", str(short_path / "exec")]
    command += ["--pidfile", str(short_path / "docker.pid")]
    with (short_path / "dockerd.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
        found = Engine(short_path, registry, process)
        try:
            wait_for(lambda: found.docker("version", check=False).returncode == 0, process)
            yield found
        finally:
            process.terminate()
            process.wait(60)
            # an engine that did not start leaves its data mounted on itself
            subprocess.run(["umount", "--lazy", str(short_path / "data")], capture_output=True, check=False)


def test_a_build_through_the_mirror_passes_and_one_past_it_fails(engine: Engine) -> None:
    archive = make_image(engine.folder)
    pushed = f"{engine.mirror}/library/tiny:1"
    engine.docker("import", str(archive), pushed)
    engine.docker("push", pushed)
    engine.docker("image", "rm", pushed)

    built = engine.build("tiny:1")
    assert built.returncode == 0, built.stderr
    config = bk.load_config(engine.config)
    report = bk.check(bk.read(engine.log), config)
    assert report.verdict("mirror-served") == "pass", report.findings
    hosts = {row["host"] for row in report.tables["requests"].to_pylist()}
    assert hosts == {engine.mirror}
    assert report.tables["daemons"].to_pylist()[0]["program"] == "dockerd"

    # the mirror lacks this one, so Docker Hub is asked, which cannot be reached from here
    assert engine.build("tiny:2").returncode != 0
    report = bk.check(bk.read(engine.log), config)
    assert report.verdict("mirror-served") == "fail", report.findings
    assert "registry-1.docker.io" in {row["host"] for row in report.tables["requests"].to_pylist()}
