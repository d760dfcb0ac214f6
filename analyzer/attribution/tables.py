"""Pulls and pushes: what was fetched and sent for builds, by whom, and how sure that is."""

from __future__ import annotations

import pyarrow as pa

from analyzer.tables.schema import Column, TableSpec

ATTEMPT = pa.struct([("host", pa.string()), ("role", pa.string()), ("outcome", pa.string())])

_COLUMNS = (
    Column(
        "registry", pa.string(), "the registry of the reference, such as docker.io; null where nothing tells"
    ),
    Column("repository", pa.string(), "the repository, such as library/alpine"),
    Column("reference", pa.string(), "the reference it was fetched for, where known"),
    Column("kind", pa.string(), "resolve, index, manifest, config or layer (of a push: also upload)"),
    Column("digest", pa.string(), "the object's digest, where known"),
    Column("time", pa.timestamp("ns", tz="UTC"), "when it was first asked for"),
    Column("trace_id", pa.string(), "the build's trace"),
    Column("span_id", pa.string(), "the span that asked"),
    Column("source", pa.string(), "the log"),
    Column("daemon", pa.int64(), "the start of the daemon"),
    Column("served_by", pa.string(), "the host that gave it; null where none did, or nothing tells which"),
    Column("role", pa.string(), "mirror or upstream: the role of served_by"),
    Column(
        "outcome", pa.string(), "served, failed (every host asked refused), or unfinished (no last answer)"
    ),
    Column("evidence", pa.string(), "proof, inference or none: how served_by is known"),
    Column("evidence_why", pa.string(), "what it is known by"),
    Column("attempts", pa.list_(ATTEMPT), "each host in the order asked, and its answer"),
    Column("records", pa.list_(pa.int64()), "the records that tell it"),
)

PULLS = TableSpec(
    "pulls", "an object fetched for a build (a tag resolved, a manifest, a config, a layer)", _COLUMNS
)
PUSHES = TableSpec("pushes", "an object pushed; mirrors never take part", _COLUMNS)
CONTRADICTIONS = TableSpec(
    "trace_contradictions",
    "a fact on which the log and an exported trace disagree",
    (
        Column("trace_id", pa.string(), "the trace"),
        Column("span_id", pa.string(), "the request's span in the trace; null where none fits"),
        Column("record", pa.int64(), "the log's record of the request"),
        Column("source", pa.string(), "the log"),
        Column("what", pa.string(), "host, status, request (what was asked for) or order"),
        Column("in_log", pa.string(), "what the log says"),
        Column("in_trace", pa.string(), "what the trace says"),
        Column("url", pa.string(), "the span's URL"),
    ),
    notes="The request keeps what the log proves. Nothing is settled here.",
)
SPECS = (PULLS, PUSHES, CONTRADICTIONS)
