"""Many sources: each is read and judged by itself, here or on a cluster.

A source that cannot be read is a finding, and the others are judged all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from analyzer.checks import Finding, Rule
from analyzer.checks.findings import conclude
from analyzer.errors import AnalyzerError, UsageError
from analyzer.intent import Config
from analyzer.judging import Judgement, Verdicts, judge
from analyzer.reading import Sink
from analyzer.redaction import Redactor
from analyzer.scan import Scan, SourceInfo, scan_source
from analyzer.sources import Source, Unreadable
from analyzer.sources.surroundings import Surroundings
from analyzer.tracing import Traces, traces_beside

if TYPE_CHECKING:
    from analyzer.cluster import Progress

T = TypeVar("T", bound="Task")
R = TypeVar("R")

SOURCE_READABLE = Rule(
    id="source-readable",
    title="Every log that was named can be read",
    family="sources",
    severity="error",
    subjects="",
    rows="",
    expect="",
    message="",
    fix="See that the log is there and may be read; what could be read was judged.",
)
"""No rule of a file: what is said of a source that gives no tables to ask."""


@dataclass(frozen=True)
class Question:
    """What sources are asked.

    Attributes:
        rules: The rules.
        config: What was meant.
        effective: What the daemons were given, where that is known otherwise than by the sources themselves.
        version: BuildKit's version; read from each log where not given.
        require_proof: A pass by inference is only unknown.
        redact: Replace secrets by marks.
        traces: Traces that BuildKit exported, beside the logs or instead of one.
        sources: How many sources are asked it: a trace may belong to any of them.
        exhibits: Keep what each source shows beside its verdicts; on this machine only.
    """

    rules: Sequence[Rule]
    config: Config | None = None
    effective: Config | Surroundings | None = None
    version: str | None = None
    require_proof: bool = False
    redact: bool = True
    traces: Traces | None = None
    sources: int = 1
    exhibits: bool = False

    def traces_of(self, source: Source) -> Traces | None:
        """The traces beside a source: those of the question, and those that were found with it."""
        return traces_beside([source], self.traces, redact=self.redact)


@dataclass(frozen=True)
class Task:
    """A source to judge.

    Attributes:
        source: The source.
        question: What it is asked.
        jobs: Processes that may read it.
    """

    source: Source
    question: Question
    jobs: int = 1


def judge_source(task: Task) -> Verdicts:
    """Read a source and judge it."""
    return conclude_scan(scan_task(task), task.question)


def conclude_scan(scan: Scan, question: Question) -> Verdicts:
    """The verdicts on a source that was read, with what it shows where the question asks for that."""
    judgement = judge_scan(scan, question)
    return judgement.shown(scan, redact=question.redact) if question.exhibits else judgement.verdicts


def scan_task(task: Task, sink: Sink | None = None) -> Scan:
    """Read the source of a task.

    Args:
        task: The task.
        sink: Where the records go.

    Raises:
        SourceError: It cannot be read.
    """
    return scan_source(task.source, Redactor(enabled=task.question.redact), jobs=task.jobs, sink=sink)


def judge_scan(scan: Scan, question: Question) -> Judgement:
    """Ask a source that was read."""
    traces = question.traces_of(scan.source)
    return judge(
        scan,
        question.config,
        question.rules,
        effective=question.effective,
        version=question.version,
        require_proof=question.require_proof,
        traces=traces.spans if traces else None,
        # what was found with a source is of no other
        sole=question.traces is None or question.sources == 1,
    )


def judge_sources(
    found: Sequence[Source | Unreadable],
    question: Question,
    *,
    jobs: int = 1,
    cluster: str | None = None,
    progress: Progress | None = None,
    warn: Callable[[str], None] | None = None,
) -> list[Verdicts]:
    """Judge sources one by one.

    Args:
        found: The sources.
        question: What they are asked.
        jobs: Processes that may read one source.
        cluster: The address of a Dask scheduler; None for this machine.
        progress: Told when a source is done.
        warn: Told what a user should know of the cluster.

    Returns:
        The verdicts on each, in order.

    Raises:
        AnalyzerError: A rule cannot be run; the only source cannot be read.
    """
    jobs = jobs if cluster is None else 1
    settle_traces(question, cluster)
    # tables do not travel: what a page shows of them is of this machine
    question = replace(question, sources=len(found), exhibits=question.exhibits and cluster is None)
    made = [
        Task(reachable(one, cluster), question, jobs) if isinstance(one, Source) else one for one in found
    ]
    return [
        one if isinstance(one, Verdicts) else unreadable(*one)
        for one in each_result(judge_source, made, cluster, progress, warn)
    ]


def settle_traces(question: Question, cluster: str | None) -> None:
    """Read the traces of a question, so that what is wrong with one is not told of each source.

    Raises:
        SourceError: One cannot be read.
        UsageError: It is a copy that no other machine has.
    """
    if question.traces is None:
        return
    if cluster is not None and question.traces.are_copies:
        raise UsageError("standard input cannot be read by a cluster", where="--trace", hint="name a path")
    _ = question.traces.spans


Failed = tuple[str, AnalyzerError]


def each_result(
    function: Callable[[T], R],
    tasks: Sequence[T | Unreadable],
    cluster: str | None,
    progress: Progress | None,
    warn: Callable[[str], None] | None,
) -> Iterator[R | Failed]:
    """The result of each task, or the name of its source and why it cannot be read."""
    if len(tasks) == 1 and cluster is None:
        [task] = tasks
        if isinstance(task, Unreadable):
            raise task.error
        yield function(task)
        return
    from analyzer.cluster import TaskFailure, run_tasks

    readable = [task for task in tasks if not isinstance(task, Unreadable)]
    if not readable:
        raise next(task.error for task in tasks if isinstance(task, Unreadable))
    results = run_tasks(function, readable, cluster=cluster, progress=progress, warn=warn, shared=_rules_of)
    for task in tasks:
        if isinstance(task, Unreadable):
            yield task.name, task.error
            continue
        _, result = next(results)
        if not isinstance(result, TaskFailure):
            yield result
        elif result.defect or not _is_about_the_source(result.error):
            raise result.error
        else:
            yield task.source.name, result.error


def _rules_of(task: Task) -> Sequence[Rule]:
    """What all tasks and results hold alike, and is sent once."""
    return task.question.rules


def _is_about_the_source(error: AnalyzerError) -> bool:
    from analyzer.errors import SourceError

    return isinstance(error, SourceError)


def reachable(source: Source, cluster: str | None) -> Source:
    """The source, if the cluster can open it.

    Raises:
        UsageError: It is a copy that only this process has.
    """
    if cluster is not None and source.spooled:
        raise UsageError(
            "standard input cannot be read by a cluster", where=source.name, hint="name a path or a URL"
        )
    return source


def unreadable(name: str, error: AnalyzerError) -> Verdicts:
    """What is said of a source that cannot be read."""
    why = error.what.removeprefix("it cannot be read: ")
    finding = Finding(
        rule=SOURCE_READABLE.id,
        family=SOURCE_READABLE.family,
        severity=SOURCE_READABLE.severity,
        subject=name,
        verdict="unknown",
        evidence="none",
        message=f"it cannot be read: {why}",
        source=name,
        fix=error.hint or SOURCE_READABLE.fix,
    )
    return Verdicts([conclude(SOURCE_READABLE, [finding])], SourceInfo.unread(name, why), 0, readable=False)
