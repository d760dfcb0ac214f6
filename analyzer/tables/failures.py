"""Failure texts of BuildKit, read: what went wrong, at which host or file, for which registry.

A failure text holds words of others: a command line, a Dockerfile, a registry's answer. So nothing is
searched for in the whole text. The text is peeled in the order in which BuildKit wrapped it (moby/buildkit
util/resolver/resolver.go, containerd remotes/docker/resolver.go, v0.9.3 to v0.32.2), and only the part that
Go's HTTP client, TLS or the operating system wrote is compared with their words.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import lru_cache

from analyzer.tables.references import reference_of_span
from analyzer.tables.urls import parse_url

KINDS = (
    "x509_unknown_authority",
    "x509_name_mismatch",
    "x509_expired",
    "x509_other",
    "client_certificate_rejected",
    "tls_other",
    "ca_unreadable",
    "keypair_unreadable",
    "keypair_mismatch",
    "http_on_https",
    "connection_refused",
    "connection_reset",
    "timeout",
    "name_not_found",
    "unreachable",
    "unauthorized",
    "denied",
    "rate_limited",
    "not_found",
    "server_error",
    "cni_config",
    "cni_plugin",
    "entitlement",
    "config_invalid",
    "startup_failed",
    "process_failed",
    "build_failed",
    "health_check",
    "other",
)
"""What a failure can be. New kinds are added, none is renamed."""


@dataclass(frozen=True)
class Failure:
    """A failure text, read.

    Attributes:
        kind: One of `KINDS`.
        cause: The innermost part of the text, the same however often and wherever BuildKit repeats it.
        url: The URL asked for.
        host: The URL's host, with the port where one is written.
        path: The file that could not be used.
        registry: The registry of the reference that the text or the URL is about.
    """

    kind: str
    cause: str
    url: str | None = None
    host: str | None = None
    path: str | None = None
    registry: str | None = None


# Head of each stack that BuildKit prints: process id, version, command line (util/stack, "%d %s %s").
STACK_HEAD = re.compile(r"^\d+ (?P<version>v?\d+\.\d+\.\d+\S*) (?P<command>\S+.*)$")
_FRAME = re.compile(r"^\t\S.*:\d+( \+0x[0-9a-f]+)?$")

_MOST_TEXT = 1 << 14
"""Characters that are read of a failure text, half from each end; BuildKit's own have a few hundred."""

_RPC = re.compile(r"^/[\w.]+/\w+ returned error: ")
_STATUS = re.compile(r"^rpc error: code = \w+ desc = ")
_PROCESS = re.compile(r'process "(?:[^"\\]|\\.)*" did not complete successfully: ')
_EXIT = re.compile(r"^(exit code: \d+|context canceled)")
_BUILD = re.compile(
    r"^(?:failed to solve: )?(?:dockerfile parse error|failed to (?:compute cache key|calculate checksum)"
    r"|failed to read dockerfile|target stage )"
)

_REQUEST = re.compile(
    r'\b(?P<method>Head|Get|Post|Put|Patch|Delete) "(?P<url>[a-z]+://[^"\s]+)": (?P<why>.+)$', re.S
)
_ANSWER = re.compile(
    r"\bunexpected status(?: code)? (?:from (?P<method>[A-Z]+) request to )?"
    r"(?P<url>https?://\S+): (?P<code>\d{3})\b"
)
_ANSWER_BARE = re.compile(r"\bunexpected status(?: code)?(?: \[[^\]]*\])?: (?P<code>\d{3})\b")
_CONTENT = re.compile(r"\bcontent at (?P<url>https?://\S+) not found: not found\b")
_MISSING = re.compile(r"^(?:\S+: )*?(?P<all>\S+: not found)$")
_CA = re.compile(r"(?:^|: )(?P<all>failed to read (?P<path>/[^\n:]*): (?:open|read) (?P=path): [^\n]+)$")
_KEYPAIR = re.compile(
    r"(?:^|: )(?P<all>failed to load keypair for (?P<path>[^\n:]+): "
    r"(?P<why>(?:open |tls: |x509: |asn1: )[^\n]+))$"
)
_OPEN = re.compile(
    r"^(?:open|stat|read) (?P<path>/[^\n]*?): (?:no such file or directory|permission denied|is a directory)"
)

_SOURCE = re.compile(
    r"failed to resolve source metadata for (?P<reference>[^\s:]+(?::[\w][\w.-]*)?(?:@[\w:]+)?): "
)
_PUSH = re.compile(r"failed to push (?P<reference>[^\s:]+(?::\d+/[^\s:]+)?(?::[\w][\w.-]*)?): ")
_LEADING = re.compile(
    r"^(?P<reference>[a-z0-9][\w./-]*(?::\d+/[\w./-]+)?(?::[\w][\w.-]*)?(?:@sha256:[0-9a-f]+)?): "
)

_TRANSPORT: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        (
            "http_on_https",
            r"http: server gave HTTP response to HTTPS client"
            r"|tls: first record does not look like a TLS handshake",
        ),
        (
            "client_certificate_rejected",
            r"remote error: tls: (?:bad certificate|certificate (?:required|expired|revoked|unknown)"
            r"|unknown certificate(?: authority)?|unsupported certificate|access denied)",
        ),
        (
            "x509_name_mismatch",
            r"x509: (?:certificate is (?:valid for |not valid for any names)"
            r"|cannot validate certificate for \S+ because it doesn't contain any IP SANs"
            r"|certificate relies on legacy Common Name)",
        ),
        (
            "x509_unknown_authority",
            r"x509: (?:certificate signed by unknown authority|“?.*certificate is not trusted)",
        ),
        ("x509_expired", r"x509: certificate has expired or is not yet valid"),
        ("x509_other", r"x509: "),
        ("tls_other", r"\btls: "),
        ("connection_refused", r"connect: connection refused|connectex: .*refused"),
        (
            "name_not_found",
            r"\blookup \S+(?: on \S+)?: (?:no such host|server misbehaving|Try again"
            r"|Temporary failure in name resolution)",
        ),
        (
            "timeout",
            r"i/o timeout|TLS handshake timeout|deadline exceeded|Client\.Timeout exceeded"
            r"|connection timed out",
        ),
        ("connection_reset", r"connection reset by peer|broken pipe|(?:^|: )(?:unexpected )?EOF$"),
        ("unreachable", r"no route to host|network is unreachable|host is down"),
    )
)
_REGISTRY: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("rate_limited", r"(?:^|: )toomanyrequests: |: 429 Too Many Requests"),
        ("denied", r"(?:^|: )denied: |insufficient_scope: authorization failed$|pull access denied, "),
        (
            "unauthorized",
            r"(?:^|: )unauthorized: |(?:^|: )no basic auth credentials$|authentication required$",
        ),
        ("not_found", r"(?:^|: )(?:name|manifest) unknown: "),
    )
)
_NETWORK: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern, re.M))
    for kind, pattern in (
        ("config_invalid", r"^(?:buildkitd: )?invalid network mode: "),
        (
            "cni_config",
            r"\bfailed to read cni (?:config|binary dir)\b",
        ),
        (
            "cni_plugin",
            r"^(?:buildkitd: |\S+: )*(?:stat \S+/bridge: |failed to find CNI bridge |CNI setup error"
            r"|plugin type=\"[^\"]*\" failed )|^failed to create new (?:\w+ )?network namespace ",
        ),
        ("entitlement", r"\b(?:network\.host|security\.insecure|device) is not allowed\b"),
    )
)


def classify_status(code: int) -> str:
    """The kind of a refusing HTTP status code."""
    if code == 401:
        return "unauthorized"
    if code == 403:
        return "denied"
    if code in (404, 410):
        return "not_found"
    if code == 429:
        return "rate_limited"
    return "server_error" if code >= 500 else "other"


def classify_transport(text: str) -> str:
    """The kind of a failure that Go's HTTP client, TLS or the operating system put into words."""
    return next((kind for kind, pattern in _TRANSPORT if pattern.search(text)), "other")


def host_of(url: str | None) -> str | None:
    """The host of a URL, with the port where one is written, without credentials."""
    parsed = parse_url(url) if url else None
    return parsed.host if parsed else None


def registry_of(reference: str) -> str:
    """The registry of a reference, as BuildKit completes it (distribution/reference, normalize.go)."""
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return "docker.io" if first in ("index.docker.io", "registry-1.docker.io") else first
    return "docker.io"


def registry_of_url(url: str | None) -> str | None:
    """The registry that a URL was asked for: its ``ns=`` (a mirror), else its own host."""
    parsed = parse_url(url) if url else None
    return parsed.registry if parsed else None


def registry_of_span(span: str | None) -> str | None:
    """The registry of a ``resolving <reference>`` span (BuildKit from v0.16 on)."""
    reference = reference_of_span(span)
    return reference.registry if reference else None


def without_stack(text: str) -> str:
    """A failure text without the stacks that follow it.

    The text ends before the first stack head, or, where a stack has none (``buildkitd: <error>``), before the
    function of the first ``<tab>file:line``.
    """
    lines = text.splitlines()
    for index, line in enumerate(lines):
        following = lines[index + 2] if index + 2 < len(lines) else ""
        if (STACK_HEAD.match(line) and _FRAME.match(following)) or _FRAME.match(line):
            end = index if STACK_HEAD.match(line) else max(index - 1, 0)
            return "\n".join(lines[:end]).strip()
    return text.strip()


def has_stack(text: str) -> bool:
    """Whether a block of text holds a Go stack."""
    return any(_FRAME.match(line) for line in text.splitlines())


@lru_cache(maxsize=4096)
def read_failure(text: str) -> Failure:
    """Read a failure text.

    Args:
        text: The message or error of a record, or the first lines of a block; a stack after it is cut off.

    Returns:
        What went wrong; kind ``other`` where the text is of no known kind.
    """
    whole = without_stack(text)
    if len(whole) > _MOST_TEXT:
        whole = f"{whole[: _MOST_TEXT // 2]} … {whole[-_MOST_TEXT // 2 :]}"
    inner = _STATUS.sub("", _RPC.sub("", whole)).strip()
    process = _PROCESS.search(inner)
    if process:
        # The quoted command is the user's; what stands before it only repeats that it failed.
        inner = inner[process.end() :].strip()
        if _EXIT.match(inner):
            return Failure("process_failed", "process did not complete successfully: " + inner)
    registry = _registry_named(inner)
    failure = _read_inner(inner)
    if registry is None and failure.url is not None:
        registry = registry_of_url(failure.url)
    return replace(failure, registry=registry, host=host_of(failure.url))


def _registry_named(inner: str) -> str | None:
    """The registry of the reference that a text starts with or names."""
    for pattern in (_SOURCE, _PUSH):
        if match := pattern.search(inner):
            return registry_of(match["reference"])
    match = _LEADING.match(inner)
    if match and re.search(r"failed to (?:read|load keypair for) |: not found$|failed to do request", inner):
        return registry_of(match["reference"])
    return None


def _read_inner(inner: str) -> Failure:
    if _BUILD.match(inner):
        return Failure("build_failed", inner)
    if match := _REQUEST.search(inner):
        return Failure(classify_transport(match["why"]), match[0].strip(), url=match["url"])
    if match := _ANSWER.search(inner):
        return Failure(classify_status(int(match["code"])), match[0], url=match["url"])
    if match := _CONTENT.search(inner):
        return Failure("not_found", match[0], url=match["url"])
    if match := _CA.search(inner):
        return Failure("ca_unreadable", match["all"], path=match["path"])
    if match := _KEYPAIR.search(inner):
        opened = _OPEN.match(match["why"])
        mismatch = re.search(r"does not match public key|PEM inputs may have been switched", match["why"])
        return Failure(
            "keypair_mismatch" if mismatch else "keypair_unreadable",
            match["all"],
            path=opened["path"] if opened else match["path"],
        )
    for kind, pattern in _NETWORK:
        if pattern.search(inner):
            path = re.search(r'"(/[^"\n]+)"|\bstat (/\S+):', inner)
            return Failure(kind, inner, path=(path[1] or path[2]) if path else None)
    named = _SOURCE.search(inner) or _PUSH.search(inner)
    answer = inner[named.end() :] if named else inner
    if match := _MISSING.search(answer):
        return Failure("not_found", match["all"])
    for kind, pattern in _REGISTRY:
        if match := pattern.search(answer):
            return Failure(kind, answer[match.start() :].removeprefix(": ").strip())
    if match := _ANSWER_BARE.search(inner):
        return Failure(classify_status(int(match["code"])), match[0])
    if re.match(r"^(?:failed to dial|dial |read |write |lookup |remote error: |tls: |x509: )", inner):
        return Failure(classify_transport(inner), inner)
    return Failure("other", inner)


def read_startup_failure(text: str) -> Failure:
    """Read why a daemon did not start, from the block ``buildkitd: <error>`` and its stack.

    Raises:
        ValueError: The text does not start with ``buildkitd: ``.
    """
    if not text.startswith("buildkitd: "):
        raise ValueError("not a start-up failure")
    inner = without_stack(text).removeprefix("buildkitd: ")
    failure = read_failure(inner)
    if failure.kind != "other":
        return failure
    opened = _OPEN.match(inner)
    if opened and re.search(r"could not read ca certificate|failed to read ca", inner):
        return Failure("ca_unreadable", inner, path=opened["path"])
    if re.search(r"could not load server key pair|could not load server certificate", inner):
        return Failure("keypair_unreadable", inner, path=opened["path"] if opened else None)
    if opened and "/cert" in opened["path"]:
        # v0.32: the certificate of the API is opened before anything wraps the error.
        return Failure("ca_unreadable", inner, path=opened["path"])
    if re.search(
        r"\btoml: |failed to (?:load|parse) config|invalid (?:configuration|value) |unknown snapshotter",
        inner,
    ):
        return Failure("config_invalid", inner)
    return Failure("startup_failed", inner, path=opened["path"] if opened else None)
