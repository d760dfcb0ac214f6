"""What stands around a daemon's log: how the daemon was started, and the files that it was given.

A log alone does not hold it. It comes from a container, a bundle, a folder or the text of ``docker buildx inspect``,
and says the same whichever it came from. Private keys are never part of it: what is kept of a key is its public half.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol

Program = Literal["buildkitd", "dockerd"]

_VARIABLE = re.compile(
    r"HOME|USER|XDG_CONFIG_HOME|XDG_RUNTIME_DIR|BUILDKITD?_(?!.*(?:TOKEN|SECRET|PASS|KEY))[A-Z0-9_]+"
)


def is_kept_variable(name: str) -> bool:
    """Whether a variable changes what the daemon does: no others are taken, since they may hold secrets."""
    return _VARIABLE.fullmatch(name) is not None


@dataclass(frozen=True)
class PemBlock:
    """A block of a PEM file, its public part only.

    Attributes:
        label: What its first line says: ``CERTIFICATE``, ``EC PRIVATE KEY``.
        public: DER of the certificate, or of a key's public half (SubjectPublicKeyInfo); None where nothing of that
            kind can be had from it.
        fault: Why `public` is None, or what else is wrong: ``encrypted``, ``damaged``.
    """

    label: str
    public: bytes | None = None
    fault: str | None = None

    @property
    def is_private_key(self) -> bool:
        """The block held a private key."""
        return self.label.endswith("PRIVATE KEY")


@dataclass(frozen=True)
class CertificateFile:
    """A file that a configuration names for TLS, or that lies beside such files.

    Attributes:
        path: Where the daemon looks for it.
        exists: None where it could not be looked at.
        error: Why it could not be read, None if it could.
        size: Its bytes, None where not known.
        blocks: What is in it. No block at all: it is no PEM.
        modified: When it was last written, None where not known.
    """

    path: str
    exists: bool | None
    error: str | None = None
    size: int | None = None
    blocks: tuple[PemBlock, ...] = ()
    modified: datetime | None = None


@dataclass(frozen=True)
class ConfigFile:
    """The configuration file as the daemon finds it.

    Attributes:
        path: Where the daemon looks for it.
        exists: None where it could not be looked at. Without the file the daemon starts with its defaults.
        text: Its bytes, None where there are none or they cannot be read.
        error: Why it could not be read, None if it could.
        modified: When it was last written, None where not known.
    """

    path: str
    exists: bool | None
    text: bytes | None = None
    error: str | None = None
    modified: datetime | None = None


@dataclass(frozen=True)
class Found:
    """What lies at a path where a daemon runs.

    Attributes:
        path: The path.
        exists: None where it could not be looked at.
        content: The bytes of a file, cut at `LIMITS.given_file_bytes`; None of a folder and of what cannot be read.
        error: Why it could not be read, None if it could.
        size: Bytes of the whole file.
        modified: When it was last written.
        is_folder: It is a folder.
    """

    path: str
    exists: bool | None
    content: bytes | None = None
    error: str | None = None
    size: int | None = None
    modified: datetime | None = None
    is_folder: bool = False


class Files(Protocol):
    """The files where a daemon runs: looked at, never changed."""

    def read(self, path: str) -> Found:
        """What lies at a path; links are followed."""

    def walk(self, folder: str) -> list[Found]:
        """The files in a folder and in those below it, in the order of their paths; links are followed."""


@dataclass(frozen=True)
class Surroundings:
    """What is known of a daemon beside its log.

    Attributes:
        name: What reports call the place: ``builder:mybuilder``, a bundle, a folder.
        program: Whose surroundings they are.
        command_line: The daemon's words, its own name first; None where not known.
        environment: Variables that change what the daemon does, and no others.
        image: The image as the container was told; None where not known.
        image_id: Its digest; None where not known.
        version: BuildKit's (or Docker's) version, where somebody but the log tells it.
        engine: The version of the Docker Engine that runs it; None where not known.
        driver: The buildx driver that made the builder (``docker-container``); None where not known.
        created: When the container was made.
        started: When the daemon was last started.
        user: The user that a container was told to run it as; empty or None for root.
        config: The configuration file; None where nobody could tell of it.
        intended: The file that says what was meant, where it is not `config`: dockerd's ``daemon.json``.
        files: The certificate files looked at, by path.
        not_read: What could not be read, and why, in words for people.
    """

    name: str
    program: Program = "buildkitd"
    command_line: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)
    image: str | None = None
    image_id: str | None = None
    version: str | None = None
    engine: str | None = None
    driver: str | None = None
    created: datetime | None = None
    started: datetime | None = None
    user: str | None = None
    config: ConfigFile | None = None
    intended: ConfigFile | None = None
    files: Mapping[str, CertificateFile] = field(default_factory=dict)
    not_read: tuple[str, ...] = ()
