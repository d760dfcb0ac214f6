"""A Docker Engine of a test's own: private files, private names of hosts, no network for its containers."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from functools import cache
from io import BytesIO
from pathlib import Path

from tests.engine.processes import end_processes, wait_for

DOCKER = "/usr/bin/docker"
PROGRAMS = (
    "/usr/sbin/dockerd",
    DOCKER,
    "/usr/bin/docker-registry",
    "/bin/busybox",
    "/usr/bin/containerd",
    "/usr/bin/unshare",
)


@cache
def why_no_engine() -> str | None:
    """Why no engine can be had on this machine; None if one can."""
    if os.geteuid() != 0:
        return "needs root to run a Docker Engine"
    missing = [program for program in PROGRAMS if not os.path.exists(program)]
    if missing:
        return f"needs {', '.join(missing)}"
    probed = subprocess.run(["/usr/bin/unshare", "--mount", "/bin/true"], capture_output=True, check=False)
    return "needs a machine that allows mounts" if probed.returncode else None


# only the engine sees these names: an address of its own for each host, without touching those of the machine
WITH_HOSTS = 'mount --bind "$0" /etc/hosts && exec "$@"'


class Engine:
    """A Docker Engine, its log and its configuration.

    Args:
        folder: Where all its files are. Its name must be short: the names of sockets may have 108 bytes in all.
        mirrors: What `registry-mirrors` of its daemon.json says.
        hosts: Addresses of names, for the engine alone.
        trusts: PEM certificates that replace the system's.
    """

    def __init__(
        self,
        folder: Path,
        *,
        mirrors: Sequence[str] = (),
        hosts: Mapping[str, str] | None = None,
        trusts: bytes | None = None,
    ) -> None:
        self.folder = folder
        self.log = folder / "dockerd.log"
        self.config = folder / "daemon.json"
        self.process: subprocess.Popen[bytes] | None = None
        self.config.write_text(json.dumps({"debug": True, "registry-mirrors": list(mirrors)}))
        names = {"localhost": "127.0.0.1", **(hosts or {})}
        (folder / "hosts").write_text("".join(f"{address} {name}\n" for name, address in names.items()))
        self._environment = {**os.environ, "DOCKER_BUILDKIT": "1", "HOME": str(folder)}
        for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "HTTP_PROXY", "HTTPS_PROXY"):
            self._environment.pop(name, None)
            self._environment.pop(name.lower(), None)
        if trusts is not None:
            (folder / "trusted.pem").write_bytes(trusts)
            self._environment["SSL_CERT_FILE"] = str(folder / "trusted.pem")
            self._environment["SSL_CERT_DIR"] = str(folder / "no-folder")

    @property
    def host(self) -> str:
        """What DOCKER_HOST takes."""
        return f"unix://{self.socket}"

    @property
    def socket(self) -> Path:
        """The engine's socket."""
        return self.folder / "docker.sock"

    def start(self) -> None:
        """Start it, and wait until it answers. After `kill` it starts with the containers that it had."""
        # a killed engine leaves these behind, and takes a process of the same number for the one it had
        (self.folder / "docker.pid").unlink(missing_ok=True)
        (self.folder / "exec" / "containerd" / "containerd.pid").unlink(missing_ok=True)
        command = ["/usr/bin/unshare", "--mount", "/bin/sh", "-c", WITH_HOSTS, str(self.folder / "hosts")]
        command += ["/usr/sbin/dockerd", "--iptables=false", "--ip6tables=false", "--bridge=none"]
        command += ["--config-file", str(self.config), "-H", self.host]
        command += ["--data-root", str(self.folder / "data"), "--exec-root", str(self.folder / "exec")]
        command += ["--pidfile", str(self.folder / "docker.pid")]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self._environment)
        wait_for(self._answers, self.process, self.log)

    def _answers(self) -> bool:
        return self.socket.exists() and self.docker("version", check=False).returncode == 0

    def calls(self, query: str) -> int:
        """How often its API was asked for a log in some way (``tail=all``, ``follow=1``)."""
        lines = self.log.read_text(errors="replace").splitlines()
        return sum("Calling GET" in line and "/logs?" in line and query in line for line in lines)

    def kill(self) -> None:
        """SIGKILL for the engine; what it leaves behind is ended too."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait(30)
            self.process = None
        end_processes(str(self.folder))

    def stop(self) -> None:
        """End it as a machine that shuts down does."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(30)
            self.process = None
        end_processes(str(self.folder))

    def docker(self, *words: str, check: bool = True, given: bytes = b"") -> subprocess.CompletedProcess[str]:
        """Run the docker command; standard input is what is given.

        Raises:
            AssertionError: It failed, and `check` is set.
        """
        done = self.docker_bytes(*words, check=check, given=given)
        out, err = done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace")
        return subprocess.CompletedProcess(done.args, done.returncode, out, err)

    def docker_bytes(
        self, *words: str, check: bool = True, given: bytes = b""
    ) -> subprocess.CompletedProcess[bytes]:
        """As `docker`, with output as it is."""
        done = subprocess.run(
            [DOCKER, "-H", self.host, *words],
            env=self._environment,
            input=given,
            capture_output=True,
            check=False,
            timeout=120,
        )
        assert not check or done.returncode == 0, f"docker {' '.join(words)}: {done.stderr!r}"
        return done

    def import_image(self, name: str, *changes: str) -> None:
        """Make an image of busybox and the stand-ins for the daemon."""
        words = [word for change in changes for word in ("--change", change)]
        self.docker("import", *words, "-", name, given=root_file_system())

    def push_image(self, registry: str, name: str) -> None:
        """Put an image into a registry, by that registry's address."""
        self.import_image(f"{registry}/{name}")
        self.docker("push", f"{registry}/{name}")
        self.docker("image", "rm", f"{registry}/{name}")

    def build(self, image: str) -> subprocess.CompletedProcess[str]:
        """Build something from an image."""
        context = self.folder / "context"
        context.mkdir(exist_ok=True)
        (context / "Dockerfile").write_text(f"FROM {image}\nRUN echo built > /built\n")
        return self.docker("build", "--network", "none", "--no-cache", "--pull", str(context), check=False)


BUILDKITD = """\
#!/bin/sh
# A stand-in for buildkitd: writes the parts of a captured log at their pace, says so, and stays.
feed=/feed
starts=$(($(cat $feed/starts 2>/dev/null || echo 0) + 1))
echo $starts >$feed/starts
this=$feed/$starts
[ -d $this ] || this=$feed/1
trap 'cat $this/last >&2; exit 1' TERM
pause=$(cat $this/pause)
for part in $this/part-*; do
    case $part in
    *.out) cat $part ;;
    *) cat $part >&2 ;;
    esac
    [ "$pause" = 0 ] || sleep $pause
done
echo $starts >$feed/written
[ ! -e $this/ends ] || exit 1
while :; do
    sleep 1 &
    wait $!
done
"""

ROOTLESSKIT = """\
#!/bin/sh
# A stand-in for rootlesskit: runs what follows its own options.
while [ "${1#--}" != "$1" ]; do shift; done
exec "$@"
"""

APPLETS = ("sh", "cat", "echo", "sleep", "test", "ls")


@cache
def root_file_system() -> bytes:
    """A root file system with nothing but busybox and the stand-ins, as a tar file."""
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder in ("bin", "usr", "usr/bin", "home", "home/user"):
            entry = tarfile.TarInfo(folder)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(entry)
        tar.add(shutil.which("busybox") or "/bin/busybox", arcname="bin/busybox")
        for name in APPLETS:
            entry = tarfile.TarInfo(f"bin/{name}")
            entry.type, entry.linkname = tarfile.SYMTYPE, "busybox"
            tar.addfile(entry)
        for name, text in (("buildkitd", BUILDKITD), ("rootlesskit", ROOTLESSKIT)):
            entry = tarfile.TarInfo(f"usr/bin/{name}")
            entry.size, entry.mode = len(text), 0o755
            tar.addfile(entry, BytesIO(text.encode()))
    return archive.getvalue()
