"""Exported traces for tests: written as OTLP, as Go prints spans, and as build records."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

TRACE_ID = "0123456789abcdef0123456789abcdef"
START = 1_795_561_779_415_675_788
LAYER = "application/vnd.buildkit.otlp.json.v0"

Members = dict[str, Any]


def otlp_span(number: int, name: str = "HTTP GET", **members: Any) -> Members:
    """A span as OTLP writes it."""
    span: Members = {
        "traceId": TRACE_ID,
        "spanId": f"{number:016x}",
        "parentSpanId": f"{number - 1:016x}" if number > 1 else "",
        "name": name,
        "kind": 3,
        "startTimeUnixNano": str(START + number),
        "endTimeUnixNano": str(START + number + 1_000),
        "attributes": [],
        "events": [],
        "status": {},
    }
    return span | members


def texts(**attributes: str) -> list[Members]:
    """Attributes of plain text; a double underscore stands for a dot."""
    return [
        {"key": key.replace("__", "."), "value": {"stringValue": value}} for key, value in attributes.items()
    ]


def request(spans: Sequence[Members], service: str = "buildkitd", scope: str = "otelhttp") -> Members:
    """A request of OTLP."""
    resource = {"attributes": texts(service__name=service)}
    return {
        "resourceSpans": [
            {"resource": resource, "scopeSpans": [{"scope": {"name": scope}, "spans": list(spans)}]}
        ]
    }


def http_span(
    number: int, url: str, *, status_code: int | None = 200, method: str = "GET", **members: Any
) -> Members:
    """A span of a request to a registry, in the newer conventions."""
    attributes = texts(http__request__method=method, url__full=url)
    if status_code is not None:
        attributes.append({"key": "http.response.status_code", "value": {"intValue": str(status_code)}})
    return otlp_span(number, f"HTTP {method}", attributes=attributes, **members)


def jsonl(*requests: Members) -> bytes:
    """Requests as a Collector's file exporter writes them."""
    return b"".join(json.dumps(one, separators=(",", ":")).encode() + b"\n" for one in requests)


def stub(number: int, name: str = "HTTP GET", **members: Any) -> Members:
    """A span as Go prints it."""
    context = {"TraceID": TRACE_ID, "SpanID": f"{number:016x}", "TraceFlags": "01"}
    return {
        "Name": name,
        "SpanContext": context,
        "Parent": {**context, "SpanID": f"{number - 1:016x}"},
        "SpanKind": 3,
        "StartTime": "2026-11-24T23:11:53.258687954Z",
        "EndTime": "2026-11-24T23:11:53.305081429Z",
        "Attributes": None,
        "Events": None,
        "Status": {"Code": 0, "Description": ""},
        "Resource": [{"Key": "service.name", "Value": {"Type": "STRING", "Value": "buildkitd"}}],
        "InstrumentationLibrary": {"Name": "otelhttp"},
    } | members


def printed(*stubs: Members) -> bytes:
    """Spans as they stand in a build record."""
    return b"".join(json.dumps(one, indent=2).encode() + b"\n" for one in stubs)


def digest_of(data: bytes) -> str:
    """The digest of a member."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def descriptor(data: bytes, media_type: str) -> Members:
    """A descriptor of a member."""
    return {"mediaType": media_type, "digest": digest_of(data), "size": len(data)}


def layout(*traces: bytes) -> dict[str, bytes]:
    """The members of a build record, a manifest for each trace."""
    members: dict[str, bytes] = {}
    manifests = []
    for trace in traces:
        manifest = json.dumps({"schemaVersion": 2, "layers": [descriptor(trace, LAYER)]}).encode()
        manifests.append(descriptor(manifest, "application/vnd.oci.image.manifest.v1+json"))
        for data in (trace, manifest):
            members[f"blobs/sha256/{digest_of(data).removeprefix('sha256:')}"] = data
    members["index.json"] = json.dumps({"schemaVersion": 2, "manifests": manifests}).encode()
    return members


def record(members: Mapping[str, bytes]) -> bytes:
    """Members as a ``.dockerbuild``."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(buffer.getvalue(), mtime=0)


def write(folder: Path, name: str, data: bytes) -> Path:
    """A file with these bytes."""
    path = folder / name
    path.write_bytes(data)
    return path
