"""From the words of a command to a log, its tables and its configuration."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from analyzer.cli.output import show_progress, warn
from analyzer.cli.startup import prepare_arrow

if TYPE_CHECKING:
    import pyarrow as pa

    from analyzer.api import Log, Seen, Traces
    from analyzer.intent import Config
    from analyzer.reports.export import Named
    from analyzer.sources import Source, Unreadable
    from analyzer.tables.spool import Rows


SAMPLE_TRACES = ("traces.otlp.jsonl", "build.dockerbuild")
"""What the exported traces of a sample are called."""


def read_config(path: str | None) -> Config | None:
    """The configuration in a file, if one was named."""
    if path is None:
        return None
    from analyzer.intent import load_config

    return load_config(path)


def read_intended(path: str | None, flags: Sequence[str] | None) -> Config | None:
    """What was meant: a file, the daemon's flags, or both; flags alone go with BuildKit's defaults."""
    config = read_config(path)
    if not flags:
        return config
    if config is None:
        from analyzer.intent import parse_config

        config = parse_config("", name="--daemon-flags")
    return config.with_flags(" ".join(flags))


def find_traces(sources: Sequence[str], trace: Sequence[str] | None, *, redact: bool = True) -> Traces | None:
    """The traces that were named, if any; without a log there must be one.

    Raises:
        UsageError: There is neither; or both would be read from standard input.
    """
    from analyzer.errors import UsageError

    if not trace:
        if not sources:
            raise UsageError(
                "Missing argument 'SOURCE'",
                hint="name a log: a file, a folder, builder:NAME, or - for standard input; or a trace: --trace FILE",
            )
        return None
    if "-" in sources and "-" in trace:
        raise UsageError(
            "a log and a trace cannot both come from standard input", where="--trace", hint="name a file"
        )
    prepare_arrow()
    from analyzer.api import load_traces

    with show_progress(f"reading {name_sources(trace)}"):
        return load_traces(*trace, redact=redact)


def read_log(sources: list[str], *, redact: bool = True, jobs: int | None = None, builds: int = 0) -> Log:
    """The log in all the sources."""
    prepare_arrow()
    from analyzer.api import read

    with show_progress(f"reading {name_sources(sources)}"):
        log = read(*sources, redact=redact, jobs=jobs or cores(), builds=builds)
    for text in log.notes:
        warn(text)
    return log


def read_seen(
    sources: list[str],
    *,
    config: str | None,
    effective: Sequence[str] | None,
    version: str | None,
    trace: Sequence[str] | None = None,
    builds: int = 0,
    redact: bool = True,
    jobs: int | None = None,
) -> Seen:
    """What the log shows, each request with its host."""
    prepare_arrow()
    from analyzer.api import attribute
    from analyzer.looking import read_effective

    meant, given = read_config(config), read_effective(effective or ())
    traces = find_traces(sources, trace, redact=redact)
    log = read_log(sources, redact=redact, jobs=jobs, builds=builds) if sources else None
    return attribute(log, meant, effective=given, version=version, trace=traces)


def name_sources(sources: Sequence[str]) -> str:
    """Sources in few words."""
    return sources[0] if len(sources) == 1 else f"{len(sources)} sources"


def open_found(
    sources: list[str], traces: Traces | None = None, *, builds: int = 0
) -> list[Source | Unreadable]:
    """The sources that are named. Of several, one that cannot be read is told and does not end the others.

    Args:
        sources: The words that name them.
        traces: What stands for them where none is named.
        builds: Recent builds of a builder whose records are taken along.
    """
    if not sources and traces is not None:
        return [traces.instead_of_log()]
    from analyzer.looking import look_around, missing_builds
    from analyzer.sources import Unreadable, open_each

    with show_progress(f"reading {name_sources(sources)}"):
        found = look_around(open_each(sources), builds=builds)
    for text in missing_builds(found):
        warn(text)
    if not any(not isinstance(one, Unreadable) for one in found):
        raise next(one.error for one in found if isinstance(one, Unreadable))
    return found


def cores() -> int:
    """Processor cores that this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1


def named_tables(seen: Seen) -> Iterator[Named]:
    """Every table with its schema and batches; the records, which may be many, are streamed from the log."""
    from analyzer.records.schema import RECORDS
    from analyzer.relations import batches_of

    yield ("records", RECORDS, seen.log.batches())
    for name in sorted(seen.tables):
        rows = seen.tables.rows(name)
        yield name, rows.schema, batches_of(rows)


def tables_for(seen: Seen, sql: str) -> dict[str, pa.Table | Rows]:
    """The tables that a query names; a word of it that is a table's name is enough."""
    words = set(re.findall(r"\w+", sql.lower()))
    tables = {name: seen.tables.rows(name) for name in seen.tables if name in words}
    if "records" in words:
        tables["records"] = seen.log.record_rows()
    return tables


def example_tables(
    log: str | Path, config: str | None, effective: str | None = None
) -> Mapping[str, pa.Table]:
    """The tables that a check of a rule's example would judge.

    Args:
        log: The log's text, or the path of a sample's file; traces beside it are read too.
        config: The text of the configuration that was meant.
        effective: The text of the configuration that the daemon was given.
    """
    from analyzer.api import check, read
    from analyzer.intent import parse_config

    meant = parse_config(config) if config is not None else None
    given = parse_config(effective) if effective is not None else None
    if not isinstance(log, Path):
        return check(read(BytesIO(log.encode())), meant, rules=(), effective=given).tables
    beside = [log.parent / name for name in SAMPLE_TRACES]
    trace = [path for path in beside if path.is_file()]
    return check(read(log), meant, rules=(), effective=given, trace=trace).tables
