"""One start of the daemon: which lines begin and end it, and what they tell of the program.

Read from logs of v0.9.3, v0.10.6, v0.12.5, v0.17.3, v0.19.0, v0.23.2 and v0.32.2, and of dockerd 20.10.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from analyzer.tables.failures import STACK_HEAD, without_stack
from analyzer.tables.problems import is_normal_stop, startup_block
from analyzer.tables.sections import AGENTS_READ, Section

_OPENING = re.compile(
    r"auto snapshotter: using |using \S+ snapshotter|'(?:debug|trace)' configuration option is deprecated"
    r"|found worker \"|using (?:host|null) network as the default|CDI setup error "
    r"|TLS is (?:not enabled|disabled) |skipping \S+ worker, |git source cannot be enabled"
)
_FURTHER = re.compile(r"found \d+ workers, default=|running server on |currently, only the default worker")
_FIRST_ONCE = re.compile(r"auto snapshotter: using |'debug' configuration option is deprecated")
_ALSO_LATER = re.compile(r"TLS is |CDI setup error |running server on |found \d+ workers, |currently, only ")
"""Start-up lines that may follow the first `running server on`: with several listeners, or at any time."""

_AGENT = re.compile(r"^buildkit/(v\d+\.\d+)")
_CONTAINERD_AGENT = re.compile(r"^containerd/(\d+\.\d+\.\d+)")
_SERIES_OF_CONTAINERD = {
    "1.5.8": "v0.9",
    "1.6.2": "v0.10",
    "1.7.2": "v0.12",
    "1.7.22": "v0.17",
    "2.0.2": "v0.19",
}
"""Series by the containerd release built in, measured in v0.9.3, v0.10.6, v0.12.5, v0.17.3 and v0.19.0."""


@dataclass
class Lifetime:
    """A daemon while its records come in."""

    source: str
    stream: str | None
    first: int
    last: int
    records: int = 0
    phase: str = "unknown"  # unknown, starting, running, ended
    startup: bool = False
    ran: bool = False
    at_work: bool = False
    levelled: bool = False
    program: str = "buildkitd"
    heads: Counter[tuple[str, str]] = field(default_factory=Counter)
    agents: Counter[str] = field(default_factory=Counter)
    agents_read: int = 0
    docker_version: str | None = None
    worker_without_network: bool = False
    at_least: str | None = None
    opened: set[str] = field(default_factory=set)
    network_default_warned: bool = False
    startup_failure: str | None = None
    last_words: bool = False
    clean_exit: bool = False
    end_seen: bool = False
    rootless: bool = False
    tracing: bool = False
    debug: bool = False

    def work(self) -> None:
        """The daemon works: what looked like its last words before was part of an error's text."""
        self.at_work = True
        if self.last_words:
            self.phase, self.last_words = "running", False
            self.end_seen = self.clean_exit = False

    def take(self, section: Section) -> None:
        """Take the records of a section, and learn from them what needs no order."""
        self.last = section.last
        self.records += section.records
        self.tracing = self.tracing or section.traced
        self.levelled = self.levelled or section.levelled
        self.debug = self.debug or section.debug
        if section.at_work:
            self.work()
        for agent, count in section.agents:
            taken = min(count, AGENTS_READ - self.agents_read)
            if taken <= 0:
                break
            self.agents_read += taken
            if series := series_of_agent(agent or ""):
                self.agents[series] += taken

    def ended_before(self, opening: str) -> bool:
        """Whether a start-up line is the first of another start."""
        if self.phase == "starting":
            # The first lines of a start stand in it once: a second one follows a start that was killed.
            return bool(_FIRST_ONCE.match(opening)) and opening in self.opened
        if self.phase == "unknown":
            # What a wrapper or an init wrote before the first start-up line belongs to that start.
            return self.at_work or self.tracing
        return self.phase == "ended" or not _ALSO_LATER.match(opening)

    @property
    def is_daemon(self) -> bool:
        """Whether any record looks like a daemon's: a log's level, or a known line."""
        return self.startup or self.at_work or self.levelled or self.end_seen or self.ran

    def version(self) -> tuple[str | None, str, str | None]:
        """Version, evidence and what it is known by."""
        if self.docker_version:
            return self.docker_version, "proof", "dockerd's `Docker daemon` line"
        versions = Counter({version: 0 for version, _ in self.heads})
        for (version, _), count in self.heads.items():
            versions[version] += count
        series = Counter({agent: n for agent, n in self.agents.items() if agent.startswith("v")})
        if len(versions) == 1:
            version = next(iter(versions))
            if all(version == one or version.startswith(one + ".") for one in series):
                return version, "proof", "the head of a stack that the daemon printed"
            return version, "inference", "the head of a stack, which the user-agent contradicts"
        if series:
            best = min(series, key=lambda one: (-series[one], one))
            if len(series) == 1:
                return best, "proof", f"its user-agent buildkit/{best} (the series only)"
            return best, "inference", "the most frequent of several user-agents"
        if versions:
            best = min(versions, key=lambda one: (-versions[one], one))
            return best, "inference", "the most frequent of several stack heads"
        if self.program == "buildkitd":
            for agent in sorted(self.agents):
                if agent in _SERIES_OF_CONTAINERD:
                    why = f"its user-agent containerd/{agent}, and none of buildkit/"
                    return _SERIES_OF_CONTAINERD[agent], "inference", why
            if self.worker_without_network:
                return "v0.9", "inference", "its worker has no network label (v0.10.0 and later print one)"
        return None, "none", None

    def command_line(self) -> str | None:
        """The command line that most stacks show."""
        commands = Counter({command: 0 for _, command in self.heads})
        for (_, command), count in self.heads.items():
            commands[command] += count
        return min(commands, key=lambda one: (-commands[one], one)) if commands else None


def series_of_agent(agent: str) -> str | None:
    """The series that a user-agent ``buildkit/v0.17`` names, or the release in ``containerd/1.5.8``."""
    match = _AGENT.match(agent) or _CONTAINERD_AGENT.match(agent)
    return match[1] if match else None


def opening_line(event: dict[str, Any]) -> str | None:
    """The message of a start-up line, null of another record."""
    message = event["message"] or ""
    if _OPENING.match(message) or _FURTHER.match(message) or message == "Starting up":
        return str(message)
    return None


def learn(one: Lifetime, event: dict[str, Any], opening: str | None) -> None:
    """Let a daemon learn from a record that may change its phase."""
    message = event["message"] or ""
    fields = dict(event["fields"] or ())
    if opening:
        one.opened.add(opening)
        if message.startswith("running server on "):
            one.phase, one.ran = "running", True
            one.rootless = one.rootless or "/run/user/" in message
        else:
            one.phase = "starting" if one.phase in ("unknown", "starting") else one.phase
        # A log cut within the start-up lines begins with one that never stands first.
        one.startup = one.startup or not _FURTHER.match(message)
        if message == "Starting up":
            one.program = "dockerd"
        if message.startswith(("using host network as", "using null network as")):
            one.network_default_warned = True
        if message.startswith("found worker "):
            if ".worker.network:" in message:
                one.at_least = one.at_least or "v0.10"
            else:
                one.worker_without_network = True
        if "log.level" in message:
            one.at_least = "v0.30"
    elif message == "running in rootless mode":
        one.rootless = True
    elif message == "Docker daemon":
        one.program, one.docker_version = "dockerd", fields.get("version")
    elif message.startswith("API listen on"):
        one.phase, one.ran = "running", True
    elif message in ("stopping server", "Daemon shutdown complete") or message.startswith(
        "Processing signal "
    ):
        one.phase, one.end_seen, one.clean_exit = "ended", True, True
    elif event["level"] in ("fatal", "panic"):
        _fail(one, message)
    elif event["form"] in ("stack", "other") and event["text"]:
        _learn_block(one, event["text"])


def _learn_block(one: Lifetime, text: str) -> None:
    last_words = startup_block(text)
    if last_words is not None:
        # After `stopping server` a build may still work on; without it these words alone tell of the end.
        one.last_words = not one.end_seen
        if is_normal_stop(last_words):
            one.phase, one.end_seen, one.clean_exit = "ended", True, True
        else:
            _fail(one, without_stack(last_words).removeprefix("buildkitd: "))
    elif text.startswith("failed to start daemon: "):
        _fail(one, text.strip())
    if head := daemon_head(text):
        one.heads[head] += 1


def _fail(one: Lifetime, why: str) -> None:
    if not one.ran:
        one.startup_failure = why
    one.phase, one.end_seen = "ended", True


def daemon_head(text: str) -> tuple[str, str] | None:
    """Version and command line of the daemon, from the stacks in a block of raw text.

    A block starts with the error's own words, which may imitate a head, and may hold stacks of the client
    (buildctl) and of frontends. The daemon's own is the last whose program is buildkitd or dockerd, directly
    before a function and its ``<tab>file:line``.
    """
    lines = text.splitlines()
    found: tuple[str, str] | None = None
    for index in range(len(lines) - 2):
        match = STACK_HEAD.match(lines[index])
        if not match or not re.match(r"\t\S.*:\d+", lines[index + 2]):
            continue
        program = match["command"].split()[0].rpartition("/")[2]
        if program.startswith(("buildkitd", "dockerd")):
            version = match["version"]
            found = (
                version if version.startswith("v") or program == "dockerd" else f"v{version}",
                match["command"],
            )
    return found
