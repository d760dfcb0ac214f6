"""What can be wrong with a certificate file, in the words that people and rules read.

What BuildKit does with each was read in ``util/resolver/resolver.go`` (loadTLSConfig, v0.32.2) and
``cmd/buildkitd/main.go`` (serverCredentials, v0.9.3 and v0.32.2), and in Go's ``crypto/tls`` (X509KeyPair) and
``crypto/x509`` (AppendCertsFromPEM, Verify).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from analyzer.intent.buildx import BUILDER_FOLDER, COPIED_BYTES
from analyzer.sources.pem import FAULTS, OTHER_KINDS

if TYPE_CHECKING:
    from analyzer.intent.namedfiles import NamedFile
    from analyzer.sources.surroundings import CertificateFile, PemBlock

_ROLES: Final = {
    "ca": "a certificate authority",
    "cert": "a certificate",
    "key": "a private key",
    "directory": "a folder of certificates",
}


@dataclass(frozen=True)
class Defect:
    """What is wrong with a file, or with a block of it.

    Attributes:
        kind: A stable name.
        detail: What is wrong, as the rest of a sentence that starts with the file.
        fix: How to mend it.
        certain: True where daemon or Go surely refuse it or pass it over, False where that hangs on what the other
            side shows or wants, None where it is not known whether there is a defect.
        explains: Kinds of problems in the log that it explains.
    """

    kind: str
    detail: str
    fix: str
    certain: bool | None = True
    explains: tuple[str, ...] = ()


def replace_it(named: NamedFile, what: str) -> str:
    """The fix that puts another file in its place."""
    return f"{what} ({named.where}){_again(named)}"


def of_file(named: NamedFile, file: CertificateFile | None) -> Defect | None:
    """What is wrong with a file before anybody looks at what it holds."""
    if file is None or file.exists is None:
        why = f": {file.error}" if file and file.error else ""
        fix = "see that the file can be read, and check again"
        return Defect("not-looked-at", f"it could not be looked at{why}", fix, certain=None)
    unread = unreadable_kinds(named)
    if not file.exists:
        return Defect(
            "missing",
            f"it does not exist, and {named.words} names it",
            f"put {_ROLES[named.role]} there, or correct the path ({named.where}){_again(named)}",
            explains=unread,
        )
    if file.error and not file.blocks and file.error not in OTHER_KINDS.values():
        fix = f"see that the daemon can read it, or name another file ({named.where})"
        return Defect("unreadable", f"it could not be read: {file.error}", fix, explains=unread)
    return None


def of_content(named: NamedFile, file: CertificateFile) -> Defect:
    """What is wrong with a file that holds nothing of what its setting asks for."""
    explains = useless_kinds(named)
    fix = replace_it(named, f"put {_ROLES[named.role]} in PEM in its place")
    if file.error in OTHER_KINDS.values():
        kind = "not-pem" if file.error == OTHER_KINDS["utf-16"] else "der"
        how = (
            "convert it with openssl x509 -inform der"
            if file.error == OTHER_KINDS["der-certificate"]
            else fix
        )
        how = replace_it(named, how) if how is not fix else fix
        return Defect(kind, file.error or "", how, explains=explains)
    if not file.blocks:
        kind, detail = ("empty", "it is empty") if file.size == 0 else ("not-pem", "it is no PEM")
        return Defect(kind, f"{detail}, and {_ignored(named)}", fix, explains=explains)
    held = ", ".join(dict.fromkeys(_words(block) for block in file.blocks))
    if named.role == "key":
        return Defect(
            "no-key", f"it holds no private key that BuildKit sees, but {held}", fix, explains=explains
        )
    detail = f"it holds no certificate that BuildKit sees, but {held}"
    if named.role == "ca":
        detail += f": {_ignored(named)}"
    elif any(block.is_private_key for block in file.blocks):
        explains = (*explains, "keypair_mismatch")  # "PEM inputs may have been switched"
    return Defect("no-certificate", detail, fix, explains=explains)


def of_block(named: NamedFile, block: PemBlock, *, certain: bool, first: bool = True) -> Defect:
    """What is wrong with a block that holds a certificate or key that cannot be taken."""
    noun = "key" if block.is_private_key else "certificate"
    kind = {"encrypted": "encrypted-key", "unsupported": "unsupported-key"}.get(
        block.fault or "", f"damaged-{noun}"
    )
    detail = f"its {'' if first else 'further '}{noun} is of no use: {FAULTS.get(block.fault or '', 'it is damaged')}"
    fix = replace_it(named, f"put {_ROLES[named.role]} in its place")
    if kind == "encrypted-key":
        fix = replace_it(named, "put the key there without a password (openssl pkey -in KEY -out KEY.pem)")
    explains = useless_kinds(named) if first else rejected_kinds(named)
    return Defect(kind, detail, fix, certain, explains)


def of_folder(
    named: NamedFile, folder: CertificateFile | None, *, exists: bool | None, found: bool
) -> Defect | None:
    """What is wrong with a folder: one that is not there is passed over without a word, as is what it lacks.

    Args:
        named: The setting.
        folder: The folder, where it was looked at by itself.
        exists: It is there.
        found: It holds files that BuildKit takes.
    """
    if folder is not None and folder.exists and folder.size is not None:
        # os.ReadDir's error is none of the two that loadTLSConfig passes over
        detail = "it is a file and no folder: nothing can be pulled from the registry"
        return Defect(
            "not-a-directory", detail, f"name the folder ({named.where}), or name the file under ca"
        )
    if found or (named.unverified and exists is not None):
        return None
    if exists is None:
        return of_file(named, folder and replace(folder, exists=None))
    fix = f"put the certificates there, as *.crt, and *.cert with *.key ({named.where}); buildx copies no folder"
    if not exists:
        detail = f"it does not exist, and {named.words} names it: BuildKit passes it over without a word"
        return Defect("directory-missing", detail, fix, certain=False, explains=unreadable_kinds(named))
    detail = "it holds no file that BuildKit takes: *.crt, and *.cert with *.key"
    return Defect("directory-empty", detail, fix, certain=False, explains=unreadable_kinds(named))


def of_size(named: NamedFile, file: CertificateFile) -> Defect | None:
    """What buildx does to a large file: it copies the first MiB, without a word (``util/confutil/container.go``)."""
    size = file.size or 0
    copied = file.path.startswith(f"{BUILDER_FOLDER}/")
    if size < COPIED_BYTES or (copied and size > COPIED_BYTES):
        return None
    detail = (
        f"it has {size:,} bytes, and buildx copies no more than {COPIED_BYTES:,} of a file into a builder"
    )
    if size == COPIED_BYTES:
        detail += ": the rest was probably cut off"
    fix = replace_it(named, "name a smaller file, with nothing but the certificates that are needed")
    return Defect("larger-than-copied", detail, fix, certain=False, explains=useless_kinds(named))


def unreadable_kinds(named: NamedFile) -> tuple[str, ...]:
    """Problems of a file that cannot be opened."""
    if named.role == "directory":
        return ("x509_unknown_authority", "client_certificate_rejected")
    kind = "ca_unreadable" if named.role == "ca" else "keypair_unreadable"
    return (kind, "ca_unreadable", "startup_failed") if named.is_api else (kind,)


def useless_kinds(named: NamedFile) -> tuple[str, ...]:
    """Problems of a file that can be opened and is of no use."""
    if named.role != "ca":
        return ("keypair_unreadable", "startup_failed") if named.is_api else ("keypair_unreadable",)
    return ("startup_failed",) if named.is_api else ("x509_unknown_authority",)


def rejected_kinds(named: NamedFile) -> tuple[str, ...]:
    """Problems of a certificate that the other side does not like; the API's other side is no part of the log."""
    return () if named.is_api else ("client_certificate_rejected",)


def _ignored(named: NamedFile) -> str:
    if named.role != "ca":
        return "no key pair can be loaded from it"
    if named.is_api:
        return "buildkitd does not start with it"
    return "BuildKit passes it over without a word"


def _again(named: NamedFile) -> str:
    if named.path.startswith(f"{BUILDER_FOLDER}/certs/") and not named.is_api:
        return "; then create the builder anew: buildx copies the files only then"
    return ""


def _words(block: PemBlock) -> str:
    """What a block is called, for people."""
    name = "a private key" if block.is_private_key else block.label
    if block.is_private_key and block.fault == "broken":
        return "a broken private key"
    return name if block.fault in (None, "other") else f"{name} ({FAULTS.get(block.fault, block.fault)})"
