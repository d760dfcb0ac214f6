"""Find the logs that a user names: files, folders, patterns, URLs, standard input."""

from __future__ import annotations

import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import groupby
from typing import BinaryIO, TypeVar

from analyzer.errors import SourceError
from analyzer.sources.builders import unique_builders
from analyzer.sources.local import find_files, local_path, spool
from analyzer.sources.manifests import is_bundle
from analyzer.sources.model import Source, Unreadable
from analyzer.sources.names import is_url, shown_name
from analyzer.sources.rotation import base_name, join_parts, part_order
from analyzer.sources.stored import Stored

STDIN = "<stdin>"

S = TypeVar("S", bound=Source | Unreadable)

_DAEMON = re.compile(r"(?P<kind>builder|container|dockerd):(?P<name>.*)\Z", re.DOTALL)


def open_sources(specs: Sequence[str], *, stdin: BinaryIO | None = None) -> list[Source]:
    """The logs that a user names, in the order given, each once.

    Args:
        specs: Paths or URLs of files or folders, patterns of these (``logs/*/buildkitd.log.gz``), or ``-`` for
            standard input; ``builder:NAME``, ``container:NAME`` and ``dockerd:`` for a daemon that runs; a
            bundle that `collect` made. A folder stands for its logs: for ``buildkitd.log`` where there is one, else for
            all ``*.log*``; the rotated parts of a log are read as one log, oldest first. URLs are those of
            fsspec (``s3://``, ``gs://``, ``https://``, ``memory://``); what a pattern matches comes sorted.
        stdin: Standard input; the process's own if not given.

    Returns:
        At least one source a spec.

    Raises:
        SourceError: There is nothing to read, or it may not be read.
    """
    found = []
    for source in open_each(specs, stdin=stdin):
        if isinstance(source, Unreadable):
            raise source.error
        found.append(source)
    return found


def open_each(specs: Sequence[str], *, stdin: BinaryIO | None = None) -> list[Source | Unreadable]:
    """As `open_sources`, but what cannot be read comes as a value in its place.

    Raises:
        SourceError: No log is named.
    """
    if not specs:
        raise SourceError("no log is named", hint="name a file, a folder, or - for standard input")
    found: dict[str, Source | Unreadable] = {}
    for spec in specs:
        if spec == "-":
            if STDIN not in found:
                found[STDIN] = _spool(stdin or sys.stdin.buffer)
            continue
        for key, source in _open_spec(spec):
            found.setdefault(key, source)
    return name_builders(list(_tell_apart(found.values())))


def _tell_apart(sources: Iterable[Source | Unreadable]) -> Iterator[Source | Unreadable]:
    """URLs that differ in what is not shown get a number, since later layers know a source by its name."""
    counts: Counter[str] = Counter()
    for source in sources:
        counts[source.name] += 1
        number = counts[source.name]
        yield source if number == 1 else replace(source, name=f"{source.name} ({number})")


def name_builders(sources: Sequence[S]) -> list[S]:
    """The same sources, each with a builder of its own; for sources of several calls read together."""
    builders = unique_builders(source.name for source in sources)
    return [replace(source, builder=builder) for source, builder in zip(sources, builders, strict=True)]


def _spool(stream: BinaryIO) -> Source | Unreadable:
    try:
        return spool(STDIN, stream)
    except SourceError as error:
        return Unreadable(STDIN, error)


def _open_spec(spec: str) -> Iterator[tuple[str, Source | Unreadable]]:
    """The logs that a spec stands for, each with what tells it from others."""
    try:
        daemon = _DAEMON.match(spec)
        if daemon and not os.path.exists(spec):
            yield from ((one.name, one) for one in _open_daemon(daemon["kind"], daemon["name"]))
            return
        if is_bundle(spec):
            from analyzer.sources.bundles import open_bundle

            yield from ((one.name, one) for one in open_bundle(spec))
            return
        files = _find(spec)
    except SourceError as error:
        yield spec, Unreadable(shown_name(spec), error)
        return
    for parts in _logs(files):
        name = _joined_name(parts)
        try:
            opened = [part.source() for part in parts]
        except SourceError as error:
            yield parts[-1].key, Unreadable(name, error)
            continue
        yield parts[-1].key, opened[0] if len(opened) == 1 else join_parts(name, opened)


def _find(spec: str) -> Sequence[Stored]:
    path = local_path(spec)
    if path is not None:
        return find_files(path)
    if "://" in spec and is_url(spec) and not os.path.exists(spec):
        from analyzer.sources.remote import find_remote

        return find_remote(spec)
    return find_files(spec)


def _open_daemon(kind: str, name: str) -> Sequence[Source | Unreadable]:
    """The logs of a daemon that a Docker Engine, or this machine, runs."""
    if kind == "dockerd":
        from analyzer.sources.dockerd import open_dockerd

        return [open_dockerd(name)]
    from analyzer.sources.containers import open_builder, open_container

    return open_builder(name) if kind == "builder" else [open_container(name)]


def _logs(files: Sequence[Stored]) -> list[list[Stored]]:
    """The files, each once, the parts of each rotated log together; sorted."""
    once = {file.key: file for file in files}
    in_order = sorted(once.values(), key=lambda file: (file.folder, part_order(file.file_name)))
    return [
        list(parts)
        for _, parts in groupby(in_order, key=lambda file: (file.folder, base_name(file.file_name)))
    ]


def _joined_name(parts: Sequence[Stored]) -> str:
    """The name of the part that is written now."""
    last = parts[-1]
    if len(parts) == 1:
        return last.name
    return last.name[: len(last.name) - len(last.file_name)] + base_name(last.file_name)
