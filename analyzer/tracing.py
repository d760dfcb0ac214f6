"""Exported traces that stand beside logs, or instead of one: found once, read when they are first asked for."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, BinaryIO
from uuid import uuid4

import pyarrow as pa

from analyzer.errors import UsageError
from analyzer.redaction import Redactor
from analyzer.sources import Source, name_builders

if TYPE_CHECKING:
    import pandas as pd

    from analyzer.sources.builds import Builds
    from analyzer.sources.tracefiles import TraceFile
    from analyzer.tables.trace_spans import TraceSpans

Spec = str | os.PathLike[str] | BinaryIO

_KEPT: dict[str, TraceSpans] = {}
_KEPT_AT_MOST = 4
_READING = Lock()


@dataclass(frozen=True)
class Traces:
    """Trace files, all of one question. They may be pickled for another process that sees the same files.

    Attributes:
        files: The files.
        redact: Replace secrets by marks.
        token: The same for two of these that hold the same.
    """

    files: tuple[TraceFile | Builds, ...]
    redact: bool = True
    token: str = field(default_factory=lambda: uuid4().hex, repr=False, compare=False)

    @property
    def spans(self) -> TraceSpans:
        """What they hold, read once in a process.

        Raises:
            SourceError: A file cannot be read.
        """
        # most logs have no trace beside them, and reading one takes much to import
        from analyzer.sources.builds import Builds
        from analyzer.tables.trace_spans import read_trace_spans

        with _READING:
            found = _KEPT.get(self.token)
            if found is None:
                found = read_trace_spans(self.files, Redactor(enabled=self.redact))
                before = sum(file.redactions for file in self.files if isinstance(file, Builds))
                found = replace(found, redactions=found.redactions + before)
                while len(_KEPT) >= _KEPT_AT_MOST:
                    del _KEPT[next(iter(_KEPT))]
                _KEPT[self.token] = found
            return found

    @property
    def table(self) -> pa.Table:
        """The table ``trace_spans``."""
        return self.spans.rows.table()

    def to_pandas(self) -> pd.DataFrame:
        """The table ``trace_spans`` as an Arrow-backed pandas frame."""
        import pandas as pd

        frame: pd.DataFrame = self.table.to_pandas(types_mapper=pd.ArrowDtype)
        return frame

    @property
    def are_copies(self) -> bool:
        """Some are copies that only this machine has, as standard input is."""
        return any(file.keep is not None for file in self.files)

    def instead_of_log(self) -> Source:
        """A source without a record, for traces that no log stands beside."""
        name = ", ".join(file.name for file in self.files)
        [source] = name_builders([Source(name=name, path=None, open=io.BytesIO, size=0)])
        return source


def load_traces(*specs: Spec, redact: bool = True) -> Traces:
    """Traces that BuildKit exported, for `check` and `attribute`; see ``analyzer.load_traces``.

    Args:
        specs: OTLP as JSON, compressed or not, as an OpenTelemetry Collector writes it; build records
            (``docker buildx history export --finalize``); folders of these; ``-`` for standard input, or an open
            binary stream.
        redact: Replace secrets by marks.

    Raises:
        SourceError: One is not there, or is no exported trace.
    """
    from analyzer.sources.tracefiles import open_traces

    found: dict[str, TraceFile] = {}
    for number, spec in enumerate(specs):
        if isinstance(spec, str | os.PathLike):
            opened = open_traces([os.fspath(spec)])
        else:
            opened = open_traces(["-"], stdin=spec)
        for file in opened:
            # several streams have one name
            key = file.name if file.keep is None else f"{file.name}\0{number}"
            found.setdefault(key, file)
    if not found:
        raise UsageError("no trace is named", hint="--trace FILE")
    return Traces(tuple(found.values()), redact)


def traces_of(trace: Traces | Spec | Sequence[Spec] | None, *, redact: bool = True) -> Traces | None:
    """Traces, however they were named; None of none.

    Args:
        trace: Traces that `load_traces` found, or what it takes.
        redact: Replace secrets by marks, where they are not found yet.
    """
    if trace is None or isinstance(trace, Traces):
        return trace
    if isinstance(trace, Sequence) and not isinstance(trace, str):
        return load_traces(*trace, redact=redact) if trace else None
    return load_traces(trace, redact=redact)


def traces_beside(sources: Iterable[Source], given: Traces | None, *, redact: bool) -> Traces | None:
    """The traces that stand beside sources: the records of their own builds, and what a user gave.

    Args:
        sources: The sources.
        given: What the user gave.
        redact: Replace secrets by marks.

    Returns:
        None of none.
    """
    own = [one.builds for one in sources if one.builds is not None and one.builds.files]
    if not own:
        return given
    token = "+".join([str(redact), *(one.token for one in own), given.token if given else ""])
    # of a span that came twice the last of two equal ones counts: the user's
    return Traces((*own, *(given.files if given else ())), redact, token)
