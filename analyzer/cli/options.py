"""Words that several commands understand, each described once.

The modules of the commands evaluate their annotations, since Typer reads them: no future import there.
"""

from __future__ import annotations

from typing import Annotated

import typer

from analyzer.limits import LIMITS

Sources = Annotated[
    list[str],
    typer.Argument(
        default_factory=list,
        show_default=False,
        metavar="SOURCE",
        help="A log: a path, `-`, a compressed file, a folder, a URL (s3://...), or a pattern of these; a builder "
        "(builder:NAME), any container (container:NAME), the Docker Engine itself (dockerd:); a bundle. With --trace "
        "there need be none.",
    ),
]
Config = Annotated[
    str | None,
    typer.Option(
        "--config", metavar="FILE", help="What was meant: buildkitd.toml, or dockerd's daemon.json."
    ),
]
DaemonFlags = Annotated[
    list[str] | None,
    typer.Option(
        "--daemon-flags",
        metavar="TEXT",
        help="Flags meant for buildkitd, as given to --buildkitd-flags. Repeatable.",
    ),
]
Effective = Annotated[
    list[str] | None,
    typer.Option(
        "--effective",
        metavar="FILE",
        help="What the daemon was really given: its buildkitd.toml, a copy of /etc/buildkit, a bundle, the text of "
        "`docker buildx inspect`, the JSON of `docker inspect`. Repeatable. A builder is asked by itself.",
    ),
]
BuildkitVersion = Annotated[
    str | None,
    typer.Option(
        "--buildkit-version", metavar="V", help="BuildKit's version, such as v0.17.3, if the log hides it."
    ),
]
Trace = Annotated[
    list[str] | None,
    typer.Option(
        "--trace",
        metavar="FILE",
        help="A trace that BuildKit exported, beside a log or instead of one: a build record (`docker buildx history "
        "export --finalize`), OTLP as JSON from an OpenTelemetry Collector, a folder of these, `-`. Repeatable.",
    ),
]
RECENT_BUILDS = LIMITS.recent_builds
Builds = Annotated[
    int,
    typer.Option(
        "--builds",
        min=0,
        metavar="N",
        help="Recent builds whose traces a builder (builder:NAME) is asked for, by `docker buildx history`; 0 for "
        "none. They are proof beside its log.",
    ),
]


def _complete_formats(incomplete: str) -> list[str]:
    from analyzer.reports import FORMATS

    return [name for name in FORMATS if name.startswith(incomplete)]


def _complete_rules(incomplete: str) -> list[str]:
    from analyzer.checks import load_rules

    return [rule.id for rule in load_rules() if rule.id.startswith(incomplete)]


ReportFormat = Annotated[
    str,
    typer.Option(
        "--format",
        "-f",
        metavar="FORMAT",
        help="Of the report: terminal, json, junit, sarif, github, gitlab, markdown or html.",
        autocompletion=_complete_formats,
    ),
]
Output = Annotated[
    str,
    typer.Option("--output", "-o", metavar="FILE", help="Where the result goes; `-` is standard output."),
]
Outputs = Annotated[
    list[str] | None,
    typer.Option(
        "--output",
        "-o",
        metavar="[FORMAT=]FILE",
        help="Where the report goes, instead of standard output (`-`); or FORMAT=FILE: a report more, in another "
        "format. Repeatable. A file whose name begins with a format and `=` is ./FORMAT=FILE.",
    ),
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", min=1, metavar="N", help="Processes that read a large log; default: the cores."
    ),
]
Cluster = Annotated[
    str | None,
    typer.Option(
        "--cluster", metavar="ADDRESS", help="Let a Dask cluster read the sources: tcp://host:8786."
    ),
]
NoRedact = Annotated[
    bool,
    typer.Option("--no-redact", help="Leave secrets found in the log as they are."),
]
Rules = Annotated[
    list[str] | None,
    typer.Option("--rules", metavar="PATH", help="More rules: a rule file or a folder of them. Repeatable."),
]
Select = Annotated[
    list[str] | None,
    typer.Option(
        "--select", metavar="ID", help="Only this rule. Repeatable.", autocompletion=_complete_rules
    ),
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        "--ignore", metavar="ID", help="Without this rule. Repeatable.", autocompletion=_complete_rules
    ),
]
FAIL_ON = ("error", "warning", "info", "never")

FailOn = Annotated[
    str | None,
    typer.Option(
        "--fail-on",
        metavar="SEVERITY",
        help="Exit 1 from here on: error (if nothing else is said), warning, info or never.",
        autocompletion=lambda incomplete: [name for name in FAIL_ON if name.startswith(incomplete)],
    ),
]
AllowUnknown = Annotated[
    bool | None,
    typer.Option("--allow-unknown/--no-allow-unknown", help="Exit 0, not 3, when an error rule is unknown."),
]
RequireProof = Annotated[
    bool | None,
    typer.Option("--require-proof/--no-require-proof", help="Take a pass by inference for unknown."),
]
Project = Annotated[
    str | None,
    typer.Option(
        "--project",
        metavar="FILE",
        help="The project file; else buildkit-analyzer.toml, or pyproject.toml with [tool.buildkit-analyzer], in this "
        "folder or the nearest one above, within the repository.",
    ),
]
NoProject = Annotated[bool, typer.Option("--no-project", help="Without a project file.")]
Baseline = Annotated[
    str | None,
    typer.Option("--baseline", metavar="FILE", help="Findings that were there before, and do not count."),
]
WriteBaseline = Annotated[
    str | None,
    typer.Option(
        "--write-baseline",
        metavar="FILE",
        help="Make a baseline of what counts now, and report as if it were known.",
    ),
]
Today = Annotated[
    str | None,
    typer.Option(
        "--today",
        metavar="DAY",
        help="The day on which waivers hold or have expired; the day in UTC if not given.",
    ),
]
