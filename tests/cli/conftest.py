"""A small log of a build, whole, and the ways to run the program on it."""

from __future__ import annotations

from pathlib import Path

import pytest

LOG = """\
time="2026-11-24T22:07:37Z" level=info msg="auto snapshotter: using overlayfs"
time="2026-11-24T22:07:37Z" level=warning msg="using host network as the default"
time="2026-11-24T22:07:37Z" level=info msg="found worker \\"abc\\", labels=map[\
org.mobyproject.buildkit.worker.executor:oci org.mobyproject.buildkit.worker.hostname:builder \
org.mobyproject.buildkit.worker.network:host org.mobyproject.buildkit.worker.snapshotter:overlayfs], \
platforms=[linux/amd64]"
time="2026-11-24T22:07:37Z" level=info msg="found 1 workers, default=\\"abc\\""
time="2026-11-24T22:07:37Z" level=info msg="running server on /run/buildkit/buildkitd.sock"
time="2026-11-24T22:07:38Z" level=debug msg="session started" spanID=01 traceID=aa
time="2026-11-24T22:07:38Z" level=debug msg=fetch digest="sha256:%(digest)s" \
mediatype=application/vnd.oci.image.layer.v1.tar+gzip size=10 spanID=02 traceID=aa
time="2026-11-24T22:07:38Z" level=debug msg="do request" digest="sha256:%(digest)s" \
mediatype=application/vnd.oci.image.layer.v1.tar+gzip request.header.accept="*/*" \
request.header.user-agent=buildkit/v0.17 request.method=GET size=10 spanID=02 traceID=aa \
url="https://%(host)s/v2/library/alpine/blobs/sha256:%(digest)s%(query)s"
time="2026-11-24T22:07:38Z" level=debug msg="fetch response received" digest="sha256:%(digest)s" \
mediatype=application/vnd.oci.image.layer.v1.tar+gzip response.header.content-length=10 \
response.status="200 OK" size=10 spanID=02 traceID=aa \
url="https://%(host)s/v2/library/alpine/blobs/sha256:%(digest)s%(query)s"
time="2026-11-24T22:07:39Z" level=debug msg="session finished: <nil>" spanID=01 traceID=aa
"""

CONFIG = '[registry."docker.io"]\n  mirrors = ["mirror.example.com"]\n'


def log_text(host: str) -> str:
    query = "" if host == "registry-1.docker.io" else "?ns=docker.io"
    return LOG % {"host": host, "query": query, "digest": "ab" * 32}


@pytest.fixture
def from_mirror(tmp_path: Path) -> Path:
    """A log whose layer came from the mirror."""
    path = tmp_path / "buildkitd.log"
    path.write_text(log_text("mirror.example.com"))
    return path


@pytest.fixture
def from_upstream(tmp_path: Path) -> Path:
    """A log whose layer came from Docker Hub itself."""
    path = tmp_path / "upstream.log"
    path.write_text(log_text("registry-1.docker.io"))
    return path


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with a mirror for docker.io."""
    path = tmp_path / "buildkitd.toml"
    path.write_text(CONFIG)
    return path
