"""Containers as Buildx makes them, with a stand-in for buildkitd that writes a captured log.

Names, arguments, mounts and files are those of Buildx's docker-container driver (driver/docker-container/driver.go
and util/confutil/container.go, v0.36.1), but that nothing here is privileged and nothing has a network.
"""

from __future__ import annotations

import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

from tests.engine.certificates import Authority, KeyPair
from tests.engine.engines import Engine
from tests.engine.processes import wait_until

IMAGE = "moby/buildkit:buildx-stable-1"
ROOTLESS_IMAGE = "moby/buildkit:buildx-stable-1-rootless"
CONFIG = "/etc/buildkit/buildkitd.toml"
ARGUMENTS = ("--config", CONFIG, "--allow-insecure-entitlement=network.host")
SAMPLES = Path(__file__).resolve().parents[2] / "sample_logs"
END = b"buildkitd: got SIGTERM/SIGINT, forcing shutdown\n"


def sample_log(name: str) -> bytes:
    """The log of a shipped sample."""
    return (SAMPLES / name / "buildkitd.log").read_bytes()


def sample_config(name: str) -> bytes:
    """The configuration of a shipped sample."""
    return (SAMPLES / name / "buildkitd.toml").read_bytes()


def lengthen(log: bytes, size: int) -> bytes:
    """The log with one request made longer than an engine takes for a line: its Accept header repeats itself."""
    start = log.index(b'request.header.accept="') + len(b'request.header.accept="')
    end = log.index(b'"', start)
    accepted = log[start:end]
    return log[:start] + b", ".join([accepted] * (size // len(accepted) + 2)) + log[end:]


@dataclass(frozen=True)
class Feed:
    """What the daemon writes from one start to its end.

    Attributes:
        stderr: The log.
        stdout: What goes to the other stream, after the first part.
        at_once: Lines written at once; 0: all of them.
        pause: Seconds between two parts.
        last: What it writes when it is told to end.
        ends: Whether it ends by itself, with exit status 1.
    """

    stderr: bytes
    stdout: bytes = b""
    at_once: int = 0
    pause: float = 0.0
    last: bytes = END
    ends: bool = False

    def parts(self) -> list[tuple[str, bytes]]:
        """The parts, each with the stream that it goes to."""
        lines = self.stderr.splitlines(keepends=True)
        step = self.at_once or max(len(lines), 1)
        parts = [("err", b"".join(lines[at : at + step])) for at in range(0, len(lines), step)]
        return [*parts[:1], ("out", self.stdout), *parts[1:]] if self.stdout else parts


@dataclass(frozen=True)
class File:
    """A file for the container.

    Attributes:
        content: Its bytes.
        link: Where it points to, if it is a symbolic link.
        mode: Its permissions.
        owner: Its user and group.
    """

    content: bytes = b""
    link: str | None = None
    mode: int = 0o644
    owner: int = 0


@dataclass
class Builder:
    """A node of a builder.

    Attributes:
        engine: Where it lives.
        name: The builder's name.
        container: The container's.
    """

    engine: Engine
    name: str
    container: str
    starts: int = field(default=0)

    @property
    def spec(self) -> str:
        """The source that names it."""
        return f"builder:{self.name}"

    def start(self, *, wait: bool = True) -> None:
        """Start it; by default until it has written all that this start writes."""
        self.engine.docker("start", self.container)
        self.starts += 1
        if wait:
            self.wait()

    def wait(self) -> None:
        """Wait until it has written all of its log."""
        wait_until(self._has_written, what=self.container)

    def _has_written(self) -> bool:
        copied = self.engine.docker_bytes("cp", f"{self.container}:/feed/written", "-", check=False)
        if copied.returncode:
            return False
        with tarfile.open(fileobj=BytesIO(copied.stdout)) as tar:
            member = tar.extractfile("written")
            return member is not None and int(member.read() or b"0") >= self.starts

    def stop(self) -> None:
        """Stop it: it writes its last words."""
        self.engine.docker("stop", "--time", "20", self.container)

    def remove(self) -> None:
        """Remove it, running or not."""
        self.engine.docker("rm", "--force", "--volumes", self.container)

    def logs(self, *options: str) -> bytes:
        """Both streams, as ``docker logs ... 2>&1`` saves them."""
        done = self.engine.docker_bytes("logs", *options, self.container)
        return done.stdout + done.stderr

    def inspect(self) -> bytes:
        """What ``docker inspect`` says."""
        return self.engine.docker_bytes("inspect", self.container).stdout

    def copy(self, path: str, target: Path) -> Path:
        """Copy a folder out of it; the target is the copy."""
        self.engine.docker("cp", f"{self.container}:{path}", str(target))
        return target


def make_builder(
    engine: Engine,
    name: str,
    feeds: Sequence[Feed],
    *,
    node: int = 0,
    files: Mapping[str, File] | None = None,
    arguments: Sequence[str] = ARGUMENTS,
    terminal: bool = False,
    rootless: bool = False,
    options: Sequence[str] = (),
) -> Builder:
    """Create a node of a builder, and do not start it.

    Args:
        engine: Where.
        name: The builder's name.
        feeds: What it writes, from its first start on; later starts than these write the first again.
        node: Its number.
        files: Files by path, copied in before the first start, as Buildx does.
        arguments: The daemon's arguments.
        terminal: Give it a terminal.
        rootless: Use the image for a daemon without root.
        options: More words for ``docker create``.
    """
    container = f"buildx_buildkit_{name}{node}"
    state = "/home/user/.local/share/buildkit" if rootless else "/var/lib/buildkit"
    words = ["create", "--name", container, "--network", "none", "--init", "--restart", "no"]
    words += ["--mount", f"type=volume,source={container}_state,target={state}"]
    words += ["--env", "BUILDKIT_SETUP_CGROUPV2_ROOT=1"]
    words += ["--tty"] if terminal else []
    engine.docker(*words, *options, ROOTLESS_IMAGE if rootless else IMAGE, *arguments)
    owner = 1000 if rootless else 0
    put_files(engine, container, {**feed_files(feeds, owner), **(files or {})}, owner)
    return Builder(engine, name, container)


def import_images(engine: Engine) -> None:
    """Make the images that Buildx would pull."""
    path = "ENV PATH=/usr/bin:/bin"
    engine.import_image(IMAGE, path, 'ENTRYPOINT ["buildkitd"]', "VOLUME /var/lib/buildkit")
    # as moby/buildkit's own Dockerfile has it (v0.32.2)
    engine.import_image(
        ROOTLESS_IMAGE,
        path,
        "USER 1000:1000",
        "ENV HOME=/home/user",
        "ENV USER=user",
        "ENV XDG_RUNTIME_DIR=/run/user/1000",
        'ENTRYPOINT ["rootlesskit", "buildkitd"]',
    )


def feed_files(feeds: Sequence[Feed], owner: int = 0) -> dict[str, File]:
    """The files from which the stand-in reads what to write."""
    files = {}
    for number, feed in enumerate(feeds, 1):
        for at, (stream, part) in enumerate(feed.parts()):
            files[f"/feed/{number}/part-{at:06}.{stream}"] = File(part, owner=owner)
        files[f"/feed/{number}/pause"] = File(
            f"{feed.pause}\n".encode() if feed.pause else b"0\n", owner=owner
        )
        files[f"/feed/{number}/last"] = File(feed.last, owner=owner)
        if feed.ends:
            files[f"/feed/{number}/ends"] = File(b"", owner=owner)
    return files


def put_files(engine: Engine, container: str, files: Mapping[str, File], owner: int = 0) -> None:
    """Copy files into a container, and the folders that they need."""
    archive = BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for folder in sorted({str(parent) for path in files for parent in Path(path).parents}):
            entry = tarfile.TarInfo(folder.lstrip("/") or ".")
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            entry.uid = entry.gid = owner if folder.startswith(("/feed", "/home/user")) else 0
            if folder != "/":
                tar.addfile(entry)
        for path, file in files.items():
            entry = tarfile.TarInfo(path.lstrip("/"))
            entry.mode, entry.size = file.mode, len(file.content)
            entry.uid = entry.gid = file.owner
            if file.link is not None:
                entry.type, entry.linkname, entry.size = tarfile.SYMTYPE, file.link, 0
            tar.addfile(entry, BytesIO(file.content))
    engine.docker("cp", "-", f"{container}:/", given=archive.getvalue())


MIRROR = "mirror.example.com"

TLS_CONFIG = f"""\
debug = true

[registry]
[registry.'docker.io']
mirrors = ['{MIRROR}']

[registry.'{MIRROR}']
ca = ['/etc/buildkit/certs/{MIRROR}/ca.pem']

[[registry.'{MIRROR}'.keypair]]
cert = '/etc/buildkit/certs/{MIRROR}/client.pem'
key = '/etc/buildkit/certs/{MIRROR}/client.key'
"""
"""A configuration as Buildx writes it into a builder: paths rewritten, TOML marshalled anew."""

MEANT = f"""\
debug = true

[registry."docker.io"]
  mirrors = ["{MIRROR}"]

[registry."{MIRROR}"]
  ca = ["ca.pem"]
  [[registry."{MIRROR}".keypair]]
    cert = "client.pem"
    key = "client.key"
"""
"""The file that a person gave to Buildx for it."""


@dataclass(frozen=True)
class Secrets:
    """The certificates of a mirror, and the private keys that must stay where they are."""

    authority: Authority
    client: KeyPair

    @classmethod
    def make(cls) -> Secrets:
        """New ones."""
        authority = Authority.make("Example Root CA")
        return cls(authority, authority.issue("builder.example.com"))

    def files(self, folder: str = f"/etc/buildkit/certs/{MIRROR}") -> dict[str, File]:
        """They as Buildx copies them."""
        return {
            f"{folder}/ca.pem": File(self.authority.certificate),
            f"{folder}/client.pem": File(self.client.certificate),
            f"{folder}/client.key": File(self.client.key),
        }

    def builder_files(self, config: str = TLS_CONFIG) -> dict[str, File]:
        """They with the configuration."""
        return {CONFIG: File(config.encode()), **self.files()}

    def symlinked_files(self, config: str = TLS_CONFIG) -> dict[str, File]:
        """The same, but that every certificate is a symbolic link, as Kubernetes mounts them."""
        folder = f"/etc/buildkit/certs/{MIRROR}"
        links = {path: File(link=f"..data/{Path(path).name}") for path in self.files(folder)}
        return {CONFIG: File(config.encode()), **self.files(f"{folder}/..data"), **links}

    def folder_files(self, folder: str = "/etc/buildkit/trust") -> dict[str, File]:
        """The same in a folder that `tlsconfigdir` names."""
        config = f"""\
debug = true

[registry.'docker.io']
mirrors = ['{MIRROR}']

[registry.'{MIRROR}']
tlsconfigdir = ['{folder}']
"""
        return {
            CONFIG: File(config.encode()),
            f"{folder}/ca.crt": File(self.authority.certificate),
            f"{folder}/client.cert": File(self.client.certificate),
            f"{folder}/client.key": File(self.client.key),
        }

    def rootless_files(self) -> dict[str, File]:
        """The same where a daemon without root looks for them."""
        home = "/home/user/.config/buildkit"
        config = TLS_CONFIG.replace("/etc/buildkit", home)
        files = {f"{home}/buildkitd.toml": File(config.encode()), **self.files(f"{home}/certs/{MIRROR}")}
        return {path: File(file.content, owner=1000) for path, file in files.items()}
