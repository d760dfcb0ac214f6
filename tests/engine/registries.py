"""A real registry: serves images, and its own log says who asked it for what."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.engine.certificates import KeyPair
from tests.engine.processes import free_port, is_open, wait_for, wait_until

PROGRAM = "/usr/bin/docker-registry"


@dataclass(frozen=True)
class Request:
    """A request as the registry logged it."""

    method: str
    uri: str
    agent: str
    status: int

    @property
    def is_buildkit(self) -> bool:
        """BuildKit asked for something of a repository.

        The Docker Engine itself, which pushes, says ``docker/20.10...``; the BuildKit in it goes by the name of the
        containerd library that it is built with (v20.10), and buildkitd by its own. ``/v2/`` alone is a ping.
        """
        return (
            self.agent.startswith(("containerd/", "buildkit/"))
            and self.uri.startswith("/v2/")
            and self.uri != "/v2/"
        )


class Registry:
    """A registry process.

    Args:
        folder: Where its files are.
        address: Where it listens.
        port: Its port; a free one if left out.
        pair: Its certificate; plain HTTP without one.
        name: The name by which clients know it; its address if left out.
    """

    def __init__(
        self,
        folder: Path,
        *,
        address: str = "127.0.0.1",
        port: int | None = None,
        pair: KeyPair | None = None,
        name: str | None = None,
    ) -> None:
        self.folder = folder
        self.address = address
        self.port = port or free_port(address)
        self.scheme = "https" if pair else "http"
        self.name = name or address
        self.log = folder / "registry.log"
        settings = {
            "version": "0.1",
            "log": {"level": "info", "formatter": "json"},
            "storage": {"filesystem": {"rootdirectory": str(folder / "storage")}},
            "http": {"addr": f"{address}:{self.port}", "secret": "made up for a test"},
        }
        if pair:
            (folder / "server.pem").write_bytes(pair.certificate)
            (folder / "server.key").write_bytes(pair.key)
            files = {"certificate": str(folder / "server.pem"), "key": str(folder / "server.key")}
            settings["http"] = {**settings["http"], "tls": files}  # type: ignore[dict-item]
        (folder / "registry.json").write_text(json.dumps(settings))  # JSON is YAML
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def host(self) -> str:
        """The host as BuildKit names it."""
        return self.name if self.scheme == "https" and self.port == 443 else f"{self.name}:{self.port}"

    @property
    def url(self) -> str:
        """What `registry-mirrors` takes."""
        return f"{self.scheme}://{self.host}"

    def start(self) -> None:
        """Start it, and wait until it listens."""
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [PROGRAM, "serve", str(self.folder / "registry.json")], stdout=log, stderr=log
            )
        wait_for(lambda: is_open(self.address, self.port), self._process, self.log)

    def stop(self) -> None:
        """Stop it; its address refuses connections then."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def requests(self) -> list[Request]:
        """Every request so far. It is logged after it was answered, so the log is read until it grows no more."""
        size = -1

        def is_quiet() -> bool:
            nonlocal size
            before, size = size, self.log.stat().st_size
            return before == size

        wait_until(is_quiet, what="the registry's log", pause=0.3)
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            entry = json.loads(line) if line.startswith("{") else {}
            # a body is told once more when it was sent; the status stands in the last line of a request only
            if entry.get("msg", "").startswith("response completed"):
                found.append(
                    Request(
                        entry["http.request.method"],
                        entry["http.request.uri"],
                        entry.get("http.request.useragent", ""),
                        int(entry["http.response.status"]),
                    )
                )
        return found

    def asked_by_buildkit(self) -> Counter[tuple[str, str, int]]:
        """BuildKit's requests, counted by host, method and status."""
        return Counter((self.host, one.method, one.status) for one in self.requests() if one.is_buildkit)
