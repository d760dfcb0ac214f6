"""A check of sources, for every command that makes one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analyzer.cli.output import show_progress, warn
from analyzer.cli.pipeline import cores, find_traces, open_found
from analyzer.cli.projects import note_known

if TYPE_CHECKING:
    from analyzer.cli.projects import Asked
    from analyzer.conclusion import Report


def check_sources(
    sources: list[str],
    asked: Asked,
    *,
    trace: Sequence[str] | None = None,
    builds: int = 0,
    buildkit_version: str | None = None,
    exhibits: bool = False,
    redact: bool = True,
    jobs: int | None = None,
    cluster: str | None = None,
    write_baseline: str | None = None,
) -> Report:
    """Read and judge the sources.

    Args:
        sources: The words that name them.
        asked: What project file and words ask for.
        trace: Traces that BuildKit exported.
        builds: Recent builds of a builder whose records are taken along.
        buildkit_version: BuildKit's version; read from the log where not given.
        exhibits: Keep what each source shows beside its verdicts.
        redact: Replace secrets by marks.
        jobs: Processes; as many as cores if not given.
        cluster: The scheduler of a cluster.
        write_baseline: A file for what counts now.
    """
    from analyzer.conclusion import conclude_report
    from analyzer.fleet import Question, judge_sources

    traces = find_traces(sources, trace, redact=redact)
    question = Question(
        asked.rules,
        asked.intended,
        asked.read_effective(),
        buildkit_version,
        asked.require_proof,
        redact=redact,
        traces=traces,
        exhibits=exhibits,
    )
    found = open_found(sources, traces, builds=builds)
    with show_progress("checking", [one.name for one in found]) as progress:
        judged = judge_sources(
            found, question, jobs=jobs or cores(), cluster=cluster, progress=progress, warn=warn
        )
    # the report may go where nobody looks, and the exit code does not say which it was
    for one in (one for one in judged if not one.readable):
        warn(f"{one.info.name}: {one.info.damaged}")
    return conclude_report(
        judged,
        fail_on=asked.fail_on,
        allow_unknown=asked.allow_unknown,
        terms=note_known(asked, judged, write_baseline),
        project=asked.project.file,
        redacted=redact,
    )
