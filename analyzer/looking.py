"""A look at what stands around a log: the configuration that the daemon loaded, and the files that it names.

Where a daemon runs, its files are looked at once, right after its log was read; a bundle, a folder and the text of
``docker buildx inspect`` say the same without it. What could not be looked at is told and costs only itself.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

from analyzer.errors import ConfigError, SourceError
from analyzer.intent import Config, parse_config
from analyzer.intent.effective import config_path, effective_config, runs_rootless
from analyzer.limits import LIMITS
from analyzer.sources import Source, Unreadable, is_bundle
from analyzer.sources.inspection import read_docker_inspect, read_inspection
from analyzer.sources.localfiles import copied_files
from analyzer.sources.pem import read_pem
from analyzer.sources.surroundings import CertificateFile, ConfigFile, Files, Found, Surroundings

S = TypeVar("S", bound=Source | Unreadable)

CERTIFICATES = "/etc/buildkit/certs"
"""Where buildx puts certificate files (docker/buildx ``util/confutil/container.go``)."""

INSPECTED = ("docker-inspect.json", "inspect.json")
"""What `docker inspect CONTAINER` says, where it lies in a folder beside the configuration."""


def look_around(sources: Sequence[S], *, builds: int = 0) -> list[S]:
    """The sources, each with all that is known of its daemon; what daemons that run have is looked at now.

    Args:
        sources: The sources.
        builds: Recent builds of a builder whose records are taken along; 0 for none.
    """
    return [_looked(one, builds) for one in sources]


def _looked(source: S, builds: int) -> S:
    if not isinstance(source, Source):
        return source
    around, found = source.surroundings, source.builds
    if around is not None and source.files is not None:
        around = gather(around, source.files)
    if source.history is not None and builds > 0:
        found = source.history.read(source.name, builds)
    return replace(source, surroundings=around, files=None, builds=found, history=None)


def missing_builds(sources: Sequence[Source | Unreadable]) -> list[str]:
    """What could not be had of the records of builds, in words for people."""
    return [
        f"{one.name}: {text}"
        for one in sources
        if isinstance(one, Source) and one.builds is not None
        for text in one.builds.not_read
    ]


def gather(around: Surroundings, files: Files) -> Surroundings:
    """Look at the files of a daemon: its configuration, and all that this names for TLS.

    Args:
        around: What is known of it so far.
        files: The files where it runs.
    """
    if around.program == "dockerd":
        return around
    missing = list(around.not_read)
    if around.config is None:
        path = _config_path(around)
        found = files.read(path)
        if found.error:
            missing.append(f"{path}: {found.error}")
        text = found.content[: LIMITS.config_bytes] if found.content is not None else None
        around = replace(around, config=ConfigFile(path, found.exists, text, found.error, found.modified))
    try:
        config = effective_config(around)
    except ConfigError:
        config = None  # told when it is judged
    looked: dict[str, CertificateFile] = dict(around.files)
    for one in _named(config, files):
        looked.setdefault(one.path, _certificate(one))
        if one.error and one.exists is None:
            missing.append(f"{one.path}: {one.error}")
    beside = posixpath.join(posixpath.dirname(around.config.path), "certs") if around.config else CERTIFICATES
    for folder in dict.fromkeys((CERTIFICATES, beside)):
        for one in files.walk(folder):
            if not one.is_folder:
                looked.setdefault(one.path, _certificate(one))
    ordered = {path: looked[path] for path in sorted(looked)}
    return replace(around, files=ordered, not_read=tuple(dict.fromkeys(missing)))


def _config_path(around: Surroundings) -> str:
    """Where the daemon looks for its configuration."""
    rootless = runs_rootless(around)
    return config_path(around.command_line, around.environment, rootless=rootless, program=around.program)


def _named(config: Config | None, files: Files) -> Iterator[Found]:
    """What lies where a configuration says that certificate files are."""
    if config is None:
        return
    for path in named_paths(config):
        found = files.read(posixpath.join("/", path))
        yield replace(found, path=path)
    for section in config.registries.values():
        for folder in section.tlsconfigdir:
            whole = files.read(posixpath.join("/", folder))
            if not whole.is_folder:
                yield replace(whole, path=folder)
                continue
            inside = files.walk(posixpath.join("/", folder))
            yield from inside or [replace(whole, path=folder)]


def named_paths(config: Config) -> list[str]:
    """The certificate files that a configuration names, each once."""
    paths = [path for section in config.registries.values() for path in section.ca]
    for section in config.registries.values():
        for pair in section.keypair:
            paths += [pair.cert, pair.key]
    grpc: Any = config.values.get("grpc") or {}
    tls = grpc.get("tls") or {}
    paths += [str(tls.get(name) or "") for name in ("ca", "cert", "key")]
    return list(dict.fromkeys(filter(None, paths)))


def _certificate(found: Found) -> CertificateFile:
    if found.content is not None:
        return read_pem(found.path, found.content, size=found.size, modified=found.modified)
    error = "it is a folder" if found.is_folder else found.error
    return CertificateFile(found.path, found.exists, error, modified=found.modified)


# What a user hands over


def read_effective(paths: Sequence[str]) -> Surroundings | None:
    """What a daemon was really given, as a user hands it over.

    Args:
        paths: A buildkitd.toml or daemon.json; a folder (a copy of ``/etc/buildkit``, of a file system with it, or a
            bundle); the text of ``docker buildx inspect``; the JSON of ``docker inspect CONTAINER``. What one does
            not say another one may.

    Raises:
        ConfigError: One cannot be read, or is none of these.
    """
    # where a folder's files belong, a command line tells
    folders = [path for path in paths if os.path.isdir(path) and not is_bundle(path)]
    parts = {path: _read_part(path) for path in paths if path not in folders}
    known = next((part for part in parts.values() if part.command_line is not None), None)
    parts |= {path: _of_folder(path, Path(path), known) for path in folders}
    return _merged([parts[path] for path in paths]) if parts else None


def _read_part(name: str) -> Surroundings:
    path = Path(name)
    if is_bundle(name):
        return _of_bundle(name)
    try:
        with path.open("rb") as stream:
            content = stream.read(LIMITS.given_bytes)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ConfigError(
            f"what the daemon was given cannot be read: {reason.lower()}", where=name, hint="--effective FILE"
        ) from None
    text = content.decode("utf-8", "replace")
    inspected = read_docker_inspect(text)
    if inspected is not None:
        return replace(inspected, name=name)
    nodes = read_inspection(text)
    if nodes:
        return _of_nodes(name, nodes)
    program = parse_config(content, name=name).kind
    return Surroundings(name, program, config=ConfigFile(name, True, content))


def _of_nodes(name: str, nodes: Sequence[Surroundings]) -> Surroundings:
    known = [node for node in nodes if node.config is not None or node.command_line is not None] or list(
        nodes
    )
    alike = {(node.config, node.command_line, tuple(node.files.items())) for node in known}
    if len(alike) > 1:
        raise ConfigError(
            "its nodes were given different configurations",
            where=name,
            hint="check the nodes one by one, each with the part of the text that is its own",
        )
    return replace(known[0], name=name)


def _of_bundle(name: str) -> Surroundings:
    from analyzer.sources.bundles import open_bundle

    try:
        found = open_bundle(name)
    except SourceError as error:
        raise ConfigError(error.what, where=error.where, hint=error.hint) from None
    around = [one.surroundings for one in found if isinstance(one, Source) and one.surroundings]
    if len(around) != 1:
        raise ConfigError("it is of several daemons", where=name, hint="check the bundle itself")
    return around[0]


def _of_folder(name: str, folder: Path, known: Surroundings | None) -> Surroundings:
    around = Surroundings(name)
    for inner in INSPECTED:
        try:
            told = read_docker_inspect((folder / inner).read_text("utf-8", "replace"))
        except OSError:
            continue
        known = told or known
    if known is not None:
        around = replace(known, name=name, config=None, files={}, not_read=())
    path = _config_path(around)
    files = copied_files(folder, posixpath.dirname(path))
    found = files.read(path)
    if found.content is None:
        raise ConfigError(
            f"the folder has no {posixpath.basename(path)}"
            if found.exists is False
            else f"{path}: {found.error}",
            where=name,
            hint="a copy of /etc/buildkit is wanted: docker cp CONTAINER:/etc/buildkit FOLDER",
        )
    # when a copy was made says nothing of when the daemon's own file was written
    return _timeless(gather(around, files))


def _timeless(around: Surroundings) -> Surroundings:
    config = replace(around.config, modified=None) if around.config else None
    files = {path: replace(file, modified=None) for path, file in around.files.items()}
    return replace(around, config=config, files=files)


def _merged(parts: Sequence[Surroundings]) -> Surroundings:
    names = {part.name for part in parts}
    merged = parts[0]
    for part in parts[1:]:
        merged = replace(
            merged,
            command_line=merged.command_line if merged.command_line is not None else part.command_line,
            environment={**part.environment, **merged.environment},
            image=merged.image or part.image,
            image_id=merged.image_id or part.image_id,
            version=merged.version or part.version,
            driver=merged.driver or part.driver,
            created=merged.created or part.created,
            started=merged.started or part.started,
            user=merged.user or part.user,
            config=merged.config or part.config,
            files={**part.files, **merged.files},
            not_read=(*merged.not_read, *part.not_read),
        )
    if merged.command_line is None or merged.config is None or merged.config.path not in names:
        return merged
    # a file under another name is the one that the command line means
    path = _config_path(merged)
    return replace(merged, config=replace(merged.config, path=path))
