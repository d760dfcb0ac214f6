"""What the span of an HTTP request tells: whom it asked, what came back, and how the handshake went.

Names of attributes changed with OpenTelemetry's conventions: ``http.url``, ``http.method``, ``http.status_code`` up
to BuildKit v0.23, ``url.full``, ``http.request.method``, ``http.response.status_code`` from v0.28 on. Events are those
of ``otelhttptrace`` (opentelemetry-go-contrib ``instrumentation/net/http/httptrace/otelhttptrace/clienttrace.go``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from analyzer.records.exportedspans import ExportedSpan
from analyzer.redaction import Redactor
from analyzer.tables.urls import parse_url

REQUEST = re.compile(r"HTTP (?P<method>[A-Z]{1,20})\Z")
"""The name of a request's span (``otelhttp``, ``transport.go``): each counts once, its twin in containerd does not."""

_URLS = ("url.full", "http.url")
_STATUS_CODES = ("http.response.status_code", "http.status_code")
_TLS_FAILURE = re.compile(r"\btls: |\bx509: |\*tls\.|http: server gave HTTP response to HTTPS client")
_HIGHEST_STATUS = 999
_AGENTS = ("http.user_agent", "user_agent.original", "http.request.header.user-agent", "http.user-agent")
_AGENT = re.compile(r"buildkit/(v\d{1,4}\.\d{1,4})\b")
"""BuildKit names its series only (moby/buildkit ``version/version.go``); up to v0.21 layers are asked for as
containerd."""


@dataclass(frozen=True, slots=True)
class SpanFacts:
    """What a span tells of a request; none of it of another span, but for `error`.

    Attributes:
        url: The URL asked for, secrets and all.
        host: Its host.
        method: The method.
        status_code: The answer's status.
        address: The address connected to.
        reused: The connection was there before.
        tls: done, error or none.
        error: The failure's text.
    """

    url: str | None = None
    host: str | None = None
    method: str | None = None
    status_code: int | None = None
    address: str | None = None
    reused: bool | None = None
    tls: str = "none"
    error: str | None = None


def facts_of(span: ExportedSpan) -> SpanFacts:
    """What a span tells."""
    named = REQUEST.match(span.name)
    text = next((span.attributes[name] for name in _URLS if span.attributes.get(name)), None)
    url = parse_url(text) if named and text else None
    if named is None or url is None:
        return SpanFacts(error=_error(span, None, is_request=False))
    status_code = _status_code(span.attributes)
    error = _error(span, status_code, is_request=True)
    address, reused = _connection(span)
    return SpanFacts(
        url=text,
        host=url.host,
        method=named["method"],
        status_code=status_code,
        address=address,
        reused=reused,
        tls=_tls(span, status_code, error),
        error=error,
    )


def version_of(span: ExportedSpan) -> set[str]:
    """The series of BuildKit's version, ``v0.17``, that a request's user-agent names; empty without."""
    if not span.name.startswith("HTTP "):
        return set()
    agents = (_AGENT.match(span.attributes.get(name, "")) for name in _AGENTS)
    return {agent[1] for agent in agents if agent}


def _status_code(attributes: Mapping[str, str]) -> int | None:
    for name in _STATUS_CODES:
        text = attributes.get(name, "")
        if text.isascii() and text.isdigit() and len(text) < 10 and 0 < int(text) <= _HIGHEST_STATUS:
            return int(text)
    return None


def _error(span: ExportedSpan, status_code: int | None, *, is_request: bool) -> str | None:
    """The text of a failure. An answer is none, whatever its status: 401 and 404 are normal among registries."""
    failed = span.status == "error"
    if failed and span.message:
        return span.message
    if failed or (is_request and status_code is None):
        for event in span.events:
            if event.name == "exception":
                text = event.attributes.get("exception.message") or event.attributes.get("exception.type")
                if text:
                    return text
        for event in span.events:
            if text := event.attributes.get("http.tls.error"):
                return text
        kind = span.attributes.get("error.type")
        if kind and not kind.isdigit():
            return kind
    return None


def _connection(span: ExportedSpan) -> tuple[str | None, bool | None]:
    """The address connected to, and whether the connection was there before."""
    address = reused = None
    for event in span.events:
        if event.name == "http.getconn.done":
            address = event.attributes.get("http.remote") or address
            told = event.attributes.get("http.conn.reused")
            reused = told == "true" if told in ("true", "false") else reused
        elif address is None and event.name.startswith("http.connect."):
            address = event.attributes.get("http.remote")
    return address, reused


def _tls(span: ExportedSpan, status_code: int | None, error: str | None) -> str:
    """How the handshake went. Of two that raced, the one that an answer came by counts."""
    done = failed = False
    for event in span.events:
        if event.name == "http.tls.done":
            if "http.tls.error" in event.attributes:
                failed = True
            else:
                done = True
    if done and (status_code is not None or not failed):
        return "done"
    if failed or (status_code is None and error and _TLS_FAILURE.search(error)):
        return "error"
    return "none"


class AttributeGate:
    """Lets attributes through without their secrets.

    Args:
        redactor: Replaces secrets.
    """

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._clean: set[tuple[str, str]] = set()

    def text(self, value: str | None) -> str | None:
        """A text without its secrets."""
        return self._value("", value) if value else value

    def attributes(self, attributes: Mapping[str, str]) -> dict[str, str]:
        """Attributes without their secrets; a ``traceparent`` only says once more which span this is."""
        return {
            self._value("", key): self._value(key, value)
            for key, value in attributes.items()
            if not key.endswith("traceparent")
        }

    def _value(self, key: str, value: str) -> str:
        if key in _INERT or (key, value) in self._clean:
            return value
        told = self._redactor.field(field_name(key), value)
        if told == value and len(value) <= _SHORT:
            # a trace repeats itself; what had a secret is counted each time
            if len(self._clean) >= _REMEMBERED:
                self._clean.clear()
            self._clean.add((key, value))
        return told


_REMEMBERED, _SHORT = 1 << 13, 256
"""Values without a secret that are remembered, and how long one may be."""

_INERT = frozenset(
    {
        "http.method",
        "http.request.method",
        "http.status_code",
        "http.response.status_code",
        "http.flavor",
        "http.scheme",
        "network.protocol.version",
        "rpc.service",
        "rpc.method",
        "rpc.system",
        "rpc.system.name",
        "rpc.grpc.status_code",
        "rpc.response.status_code",
        "vertex",
        "digest",
        "size",
    }
)
"""Attributes of a fixed form, in which no secret stands."""

_CLIENTS = ("http.client_ip", "client.address", "net.sock.host.addr")
_OWN = frozenset({"http.url", "http.host", "http.target", "http.route"})
_HEADER = re.compile(r"http\.(?P<rest>(?:request|response)\.header\..+)\Z", re.DOTALL)
_OLD_HEADER = re.compile(r"http\.(?P<name>[a-z0-9]+(?:-[a-z0-9]+)*)\Z")


def field_name(key: str) -> str:
    """An attribute as the field of a log that holds the same, by which its secrets are known.

    Headers are ``http.request.header.<name>``, and up to BuildKit v0.10 ``http.<name>`` (otelhttptrace v0.29).
    """
    if found := _HEADER.match(key):
        return found["rest"].replace("_", "-").lower()
    if key in _CLIENTS:
        return "request.header.x-forwarded-for"
    if key not in _OWN and (found := _OLD_HEADER.match(key.lower())):
        return f"request.header.{found['name']}"
    return key
