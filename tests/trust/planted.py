"""Secrets planted in a log, in every form that redaction promises to know, and what finds them in an output.

Each secret is a word of its own, its needle; an output leaks it if the needle stands there plainly or encoded.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import random
import string
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.tracefiles import jsonl, otlp_span, request, texts

_TIME = "2026-01-05T10:00:00Z"
_IDS = {"spanID": "aa", "traceID": "t1"}
_MIRROR = "mirror.example.com"


@dataclass(frozen=True)
class Planted:
    """A secret in a log.

    Attributes:
        form: How it is written, and where it stands.
        needle: The secret, or the part of it that must not be seen.
        lines: The lines that hold it, as BuildKit would write them.
    """

    form: str
    needle: str
    lines: bytes


def _letters(number: int, alphabet: str, length: int) -> str:
    return "".join(random.Random(number).choices(alphabet, k=length))


def _word(number: int) -> str:
    return "q" + _letters(number, string.ascii_letters + string.digits, 31)


def _encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode().rstrip("=")


def _jwt(number: int) -> tuple[str, str]:
    body = _encoded(json.dumps({"sub": _word(number)}))
    return _encoded('{"alg":"RS256"}') + "." + body + "." + _word(number), body


def _pem(name: str, separator: str) -> Callable[[int], tuple[str, str]]:
    def made(number: int) -> tuple[str, str]:
        body = _letters(number, string.ascii_letters + string.digits + "+/", 64)
        return separator.join((f"-----BEGIN {name}-----", body, f"-----END {name}-----")), body

    return made


def _text(
    before: str, after: str = "", alphabet: str = "", length: int = 0
) -> Callable[[int], tuple[str, str]]:
    """A secret that stands plainly in a text, as long and of such letters as its form asks for."""

    def made(number: int) -> tuple[str, str]:
        needle = _letters(number, alphabet, length) if alphabet else _word(number)
        return before + needle + after, needle

    return made


_WORDS = string.ascii_letters + string.digits
_FORMS: dict[str, Callable[[int], tuple[str, str]]] = {
    "user of a URL": _text("GET https://", f"@{_MIRROR}/v2/"),
    "password of a URL": _text("GET https://robot:", f"@{_MIRROR}/v2/"),
    "password with an at sign": _text("GET https://robot:p@", f"@{_MIRROR}/v2/"),
    "signed URL": _text("Get https://cdn.example.com/blob?X-Amz-Algorithm=a&X-Amz-Signature=", ": EOF"),
    "URL with a bare query": _text("https://cdn.example.com/blob?"),
    "verified URL": _text("https://cdn.example.com/x?verify=", "%3D&ns=docker.io"),
    "state of an upload": _text("/v2/a/blobs/uploads/1?_state="),
    "bearer": _text("Authorization: Bearer "),
    "bearer, small": _text("authorization: bearer "),
    "scheme of its own": _text("Authorization: token "),
    "JWT": _jwt,
    "GitHub": _text("git clone with ghp_", "", _WORDS, 36),
    "GitHub, fine-grained": _text("github_pat_", "", _WORDS, 40),
    "GitLab": _text("use glpat-", "", _WORDS, 20),
    "Docker Hub": _text("login dckr_pat_", "", _WORDS, 27),
    "AWS": _text("aws AKIA", "", string.ascii_uppercase + string.digits, 16),
    "Slack": _text("xoxb-", "", _WORDS, 24),
    "npm": _text("npm_", "", _WORDS, 36),
    "PyPI": _text("pypi-", "", _WORDS, 60),
    "Google": _text("AIza", "", _WORDS, 35),
    "Google, access": _text("ya29.", "", _WORDS, 60),
    "Stripe": _text("sk_live_", "", _WORDS, 24),
    "Vault": _text("hvs.", "", _WORDS, 24),
    "PEM": _pem("RSA PRIVATE KEY", "\n"),
    "PEM on one line": _pem("PRIVATE KEY", " "),
    "PEM cut short": lambda number: (
        _pem("EC PRIVATE KEY", "\n")(number)[0][:80],
        _pem("", "")(number)[1][:40],
    ),
    "flag": _text("creating j8x [/bin/sh -c tool --password ", " run]"),
    "flag with equals": _text("creating j8x [/bin/sh -c tool --api-key=", " run]"),
    "variable": _text("[2/2] RUN NPM_TOKEN=", " npm ci"),
    "variable in quotes": _text("[2/2] RUN export DB_PASSWORD='", "' && run"),
    "variable in double quotes": _text('[2/2] RUN export DB_PASSWORD="x ', '" && run'),
    "member of JSON": _text('{"user":"u","password":"', '"}'),
    "header of curl": _text("curl -H 'X-Api-Key: ", "' https://h/"),
    "user of curl": _text("curl -u me:", " https://h/"),
    "npmrc": _text("//npm.example.com/:_authToken="),
    "YAML": _text("password: "),
    "basic": lambda number: (
        f"Authorization: Basic {base64.b64encode(f'u:{_word(number)}'.encode()).decode()}",
        base64.b64encode(f"u:{_word(number)}".encode()).decode().rstrip("="),
    ),
}
"""A text with a secret of each form, and its needle, by a number."""

_KEYS = (
    "request.header.authorization",
    "request.header.x-registry-auth",
    "response.header.set-cookie",
    "response.header.set-cookie.1",
    "response.header.x-amz-security-token",
    "response.header.docker-upload-uuid",
    "response.header.x-forwarded-for",
    "password",
    "registry.token",
    "auth.secret",
    "client_secret",
    "apikey",
)
"""Fields whose values are secrets, whatever they look like."""


def _logrus(quoted: Callable[[str], str]) -> Callable[..., str]:
    def written(level: str = "debug", **fields: str) -> str:
        pairs = {"time": _TIME, "level": level, **fields}
        return " ".join(f"{key}={quoted(value)}" for key, value in pairs.items()) + "\n"

    return written


_textual = _logrus(lambda value: json.dumps(value, ensure_ascii=False))


def _as_json(level: str = "debug", **fields: str) -> str:
    return json.dumps({"level": level, "time": _TIME, **fields}) + "\n"


def _as_terminal(level: str = "debug", **fields: str) -> str:
    message = fields.pop("msg")
    told = " ".join(f"\x1b[37m{key}\x1b[0m={json.dumps(value)}" for key, value in fields.items())
    return f"\x1b[37mDEBU\x1b[0m[{_TIME}] {message:<44} {told}\n"


def _percent(text: str) -> str:
    return quote(text, safe="")


_PLACES: dict[str, Callable[[str], str]] = {
    "message": lambda text: _textual(msg=text, **_IDS),
    "error of a request": lambda text: _textual(
        "error", msg="fetch failed", error=f"failed to do request: {text}", span="load cache key", **_IDS
    ),
    "name of a span": lambda text: _textual(msg="do request", span=text, **_IDS),
    "any field": lambda text: _textual(msg="settings", detail=text),
    "JSON": lambda text: _as_json(msg="settings", error=text),
    "terminal": lambda text: _as_terminal(msg="settings", error=text),
    "quoted twice": lambda text: _textual(msg=f"run {json.dumps(text)}"),
    # a record before it, so that no key that was cut short hides what follows
    "line of its own": lambda text: _textual(msg="ready") + text + "\n",
    "stream of Docker": lambda text: _in_docker(_textual(msg=text)),
    "stream of Docker in two parts": lambda text: _in_docker(*_halves(_textual(msg=text))),
    "stream of CRI": lambda text: f"{_TIME} stderr F {_textual(msg=text)}",
    "stream of CRI in two parts": lambda text: _in_two_parts(_textual(msg=text)),
}


def _halves(line: str) -> tuple[str, str]:
    return line[: len(line) // 2], line[len(line) // 2 :]


def _in_two_parts(line: str) -> str:
    begin, end = _halves(line)
    return f"{_TIME} stderr P {begin}\n{_TIME} stderr F {end}"


def _in_docker(*parts: str) -> str:
    return "".join(json.dumps({"log": part, "stream": "stderr", "time": _TIME}) + "\n" for part in parts)


def plant() -> list[Planted]:
    """Every form in every place, each with a secret of its own; secrets that are known by their key; encoded ones."""
    found: list[Planted] = []
    for form, make in _FORMS.items():
        for place, write in _PLACES.items():
            text, needle = make(len(found))
            found.append(Planted(f"{form}, {place}", needle, write(text).encode()))
    for key in _KEYS:
        for write, name in ((_textual, "text"), (_as_json, "JSON"), (_as_terminal, "terminal")):
            needle = _word(len(found))
            line = write(msg="fetch response received", **{key: needle}, **_IDS)
            found.append(Planted(f"{key}, {name}", needle, line.encode()))
    for form in ("password of a URL", "signed URL"):
        needle = _percent(f"p/{_word(len(found))}=")
        text = _FORMS[form](0)[0].replace(_FORMS[form](0)[1], needle)
        found.append(Planted(f"{form}, percent-encoded", needle, _textual(msg=text).encode()))
    return found


def plant_in_spans(first: int = 10_000) -> tuple[list[Planted], bytes]:
    """Every form in the name, an attribute, and an event of a span; and the file of OTLP that holds them."""
    found: list[Planted] = []
    spans = []
    for form, make in _FORMS.items():
        for place in ("name of a span", "attribute", "status", "event"):
            text, needle = make(first + len(found))
            spans.append(_span(len(found) + 1, place, text))
            found.append(Planted(f"{form}, {place} of a trace", needle, b""))
    return found, jsonl(request(spans))


def _span(number: int, place: str, text: str) -> dict[str, Any]:
    if place == "name of a span":
        return otlp_span(number, text)
    if place == "status":
        return otlp_span(number, status={"code": 2, "message": text})
    attributes = texts(url__full=text, exception__message=text)
    if place == "attribute":
        return otlp_span(number, attributes=attributes)
    event = {"timeUnixNano": "1795561779415675788", "name": "exception", "attributes": attributes}
    return otlp_span(number, events=[event])


def disguises(needle: str) -> Iterator[bytes]:
    """How an output may hold a secret: plainly, quoted for a URL, JSON or HTML, or in base64."""
    yield needle.encode()
    if (quoted := quote(needle, safe="")) != needle:
        yield quoted.encode()
    for shift in range(3):
        inner = base64.b64encode(b"\0" * shift + needle.encode())
        yield inner[4 if shift else 0 : -4]


def leaks(planted: Sequence[Planted], output: bytes) -> list[str]:
    """The forms of the secrets that stand in an output."""
    return [one.form for one in planted if any(way in output for way in disguises(one.needle))]


def unpacked(path: Path) -> bytes:
    """Everything that a file or folder holds, as plain bytes: tables decoded, gzip unpacked."""
    if path.is_dir():
        return b"\n".join(
            str(inner.relative_to(path)).encode() + b"\n" + unpacked(inner)
            for inner in sorted(path.rglob("*"))
            if inner.is_file()
        )
    data = path.read_bytes()
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        file = pq.ParquetFile(io.BytesIO(data))
        rows: str = file.read().to_pandas().to_csv()
        return data + str(file.metadata.metadata).encode() + rows.encode()
    if path.suffix == ".duckdb":
        return data + _rows(path)
    if data[:2] == b"\x1f\x8b":
        return gzip.decompress(data)
    return data


def _rows(path: Path) -> bytes:
    import duckdb

    with duckdb.connect(str(path), read_only=True) as connection:
        names = [name for (name,) in connection.sql("SELECT table_name FROM duckdb_tables()").fetchall()]
        return "\n".join(str(connection.table(name).fetchall()) for name in names).encode()
