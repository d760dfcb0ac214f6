"""Certificate files: one row a file looked at in the builder, a bundle or a folder. Public parts only."""

from __future__ import annotations

import pyarrow as pa

from analyzer.tables.schema import Column, TableSpec

SPEC = TableSpec(
    name="certificate_files",
    row="a certificate, key or directory that the configuration names, as it was found",
    columns=(
        Column("source", pa.string(), "where it was looked at: the builder, the bundle, the folder"),
        Column("path", pa.string(), "its path, as the daemon would open it"),
        Column("exists", pa.bool_(), "it is there; null where it could not be looked at"),
        Column("kind", pa.string(), "ca, cert, key, directory, or other where the content is none of these"),
        Column(
            "position", pa.int64(), "the certificate's place in the file, from 0: a file may hold several"
        ),
        Column("subject", pa.string(), "the certificate's subject"),
        Column("issuer", pa.string(), "the certificate's issuer"),
        Column("names", pa.list_(pa.string()), "the DNS names and addresses it is valid for"),
        Column("not_before", pa.timestamp("ns", tz="UTC"), "valid from"),
        Column("not_after", pa.timestamp("ns", tz="UTC"), "valid until"),
        Column("is_ca", pa.bool_(), "it may sign other certificates"),
        Column(
            "key_matches", pa.bool_(), "certificate and key beside it belong together; null if not compared"
        ),
        Column("sha256", pa.string(), "fingerprint of the certificate, null of a key"),
        Column("error", pa.string(), "why it could not be read"),
    ),
)
