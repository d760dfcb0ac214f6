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
        Column(
            "kind",
            pa.string(),
            "ca, cert, key or directory, as the setting has it; of a file that no setting names, what it holds, "
            "other where that is none of these",
        ),
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
        Column(
            "host", pa.string(), "the registry section that names it, grpc for the API; null where none does"
        ),
        Column("used", pa.bool_(), "a setting names it, and the daemon reads it for that"),
        Column(
            "counts",
            pa.bool_(),
            "what it holds matters to TLS; false where the daemon only reads it: plain HTTP, or insecure",
        ),
        Column("setting", pa.string(), "the setting that names it, and where it stands, in words"),
        Column("file", pa.string(), "the file that holds the setting, or the flag"),
        Column("line", pa.int64(), "its line, from 1; null for a flag"),
        Column(
            "pair", pa.int64(), "the key pair's number in the section, from 0; those of a folder come last"
        ),
        Column("label", pa.string(), "what the PEM block calls itself, such as EC PRIVATE KEY"),
        Column("size", pa.int64(), "bytes of the file, null where not known"),
        Column("modified", pa.timestamp("ns", tz="UTC"), "when the file was last written"),
        Column("self_signed", pa.bool_(), "the certificate's own key signed it"),
        Column("signature", pa.string(), "hash of the certificate's signature, such as sha256"),
        Column("key_type", pa.string(), "kind and size of the certificate's key, such as RSA 2048"),
        Column(
            "signed_by_ca",
            pa.bool_(),
            "an authority that the section names signed the client certificate; null where it names none",
        ),
        Column(
            "defect",
            pa.string(),
            "what is wrong with it, dates aside, such as key-mismatch; null for nothing",
        ),
        Column(
            "defect_detail", pa.string(), "the same as a sentence; also a remark where there is no defect"
        ),
        Column(
            "certain",
            pa.bool_(),
            "the daemon or Go surely refuses it or passes it over; false where that hangs on the other side",
        ),
        Column("explains", pa.list_(pa.string()), "kinds of `problems` that the defect explains"),
        Column("fix", pa.string(), "how to mend the defect, and which line of which file"),
    ),
    notes="A certificate that several settings name has a row for each. Whether it is in date hangs on the time of "
    "the log: a rule's matter. Files that no setting names are listed and not judged (used = false). Defects: "
    "missing, not-looked-at, unreadable, empty, not-pem, der, no-certificate, damaged-certificate, not-a-ca, "
    "other-host, wrong-usage, weak-signature, unsupported-key, pair-incomplete, swapped, no-key, encrypted-key, "
    "damaged-key, key-mismatch, larger-than-copied, directory-missing, directory-empty, not-a-directory.",
)
