"""Key pairs: whether certificate and key can be loaded together, and be presented.

What Go's ``X509KeyPair`` asks for (``crypto/tls/tls.go``): the first certificate of the one file, the
first private key of the other, and that they belong together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from analyzer.intent.defects import (
    Defect,
    of_block,
    of_content,
    of_file,
    rejected_kinds,
    replace_it,
    useless_kinds,
)
from analyzer.intent.namedfiles import NamedFile
from analyzer.intent.x509 import Certificate, is_signed_by

if TYPE_CHECKING:
    from analyzer.intent.blocks import Block
    from analyzer.sources.surroundings import CertificateFile

Defects = dict["int | None", Defect]

_CHECKS: Final = 100
"""Signatures that are checked for a chain: Go gives up after as many (``maxChainSignatureChecks``)."""


@dataclass(frozen=True)
class Half:
    """The certificate or the key of a pair.

    Attributes:
        named: The setting.
        file: The file, None where it was not looked at.
        held: Its blocks.
    """

    named: NamedFile
    file: CertificateFile | None
    held: Sequence[Block]

    @property
    def blocks(self) -> list[Block]:
        """Those that the setting asks for."""
        wants_key = self.named.role == "key"
        return [block for block in self.held if block.pem.is_private_key == wants_key]

    @property
    def first(self) -> int | None:
        """The number of the block that Go takes."""
        return next((number for number, block in enumerate(self.blocks) if block.is_seen), None)

    @property
    def taken(self) -> Block | None:
        """The block that Go takes."""
        return None if self.first is None else self.blocks[self.first]

    @property
    def is_other_half(self) -> bool:
        """It holds what the other one should, and nothing else."""
        return self.taken is None and any(block.is_seen for block in self.held)


@dataclass(frozen=True)
class Judged:
    """A pair, judged.

    Attributes:
        defects: Of certificate and key, by number of the block; None for that of the whole file.
        key_matches: They belong together; None where that cannot be seen.
        signed_by_ca: An authority given signed the certificate; None where none is given, or too many could have.
    """

    defects: tuple[Defects, Defects] = field(default_factory=lambda: ({}, {}))
    key_matches: bool | None = None
    signed_by_ca: bool | None = None


def judge_pair(cert: Half | None, key: Half | None, authorities: Iterable[Certificate]) -> Judged:
    """What is wrong with a pair.

    Args:
        cert: The certificate; None where the configuration names none.
        key: The key; None where the configuration names none.
        authorities: The certificates of the authorities that the section names.
    """
    defects: tuple[Defects, Defects] = ({}, {})
    for half, other, found in ((cert, key, defects[0]), (key, cert, defects[1])):
        if half is not None:
            found.update(_judge_half(half))
            if other is None and not found:
                found[None] = _incomplete(half.named)
    matches = None
    if cert is not None and key is not None:
        if cert.is_other_half and key.is_other_half:
            for half, found in ((cert, defects[0]), (key, defects[1])):
                found.clear()
                found[None] = _swapped(half.named)
        matches = _compare(cert, key)
        if matches is False:
            for half, other, found in ((cert, key, defects[0]), (key, cert, defects[1])):
                if half.first not in found:
                    found[half.first] = _mismatch(half.named, other.named)
    leaf = cert.taken.certificate if cert is not None and cert.taken is not None else None
    signed = None
    if cert is not None and leaf is not None and not cert.named.is_api:
        chain = [block.certificate for block in cert.blocks if block.certificate is not None]
        signed = _is_chained(leaf, chain, list(authorities))
    if cert is not None and leaf is not None and not defects[0] and not cert.named.plain:
        doubt = _doubt(cert.named, leaf)
        if doubt:
            defects[0][cert.first] = doubt
    return Judged(defects, matches, signed)


def _judge_half(half: Half) -> Defects:
    named = half.named
    wrong = of_file(named, half.file)
    if wrong or half.file is None:
        return {None: wrong} if wrong else {}
    if not half.blocks:
        return {None: of_content(named, half.file)}
    defects: Defects = {}
    for number, block in enumerate(half.blocks):
        leading = number == half.first or half.first is None
        if named.role == "key":
            if leading and block.pem.fault:
                defects[number] = of_block(named, block.pem, certain=True)
        elif block.pem.public is None:
            # Those that follow the first are sent as they are; those that Go does not see are not.
            defects[number] = of_block(named, block.pem, certain=leading, first=leading)
        elif leading and block.certificate is not None:
            refused = _judge_leaf(named, block.certificate)
            if refused:
                defects[number] = refused
    return defects


def _judge_leaf(named: NamedFile, leaf: Certificate) -> Defect | None:
    if not leaf.supported:
        fix = replace_it(named, "name a certificate with an RSA, ECDSA (P-256, P-384, P-521) or Ed25519 key")
        detail = f"its key is {leaf.key}, which Go does not load"
        return Defect("unsupported-key", detail, fix, explains=useless_kinds(named))
    if leaf.fault:
        fix = replace_it(named, "put a sound certificate in its place")
        detail = f"{leaf.fault}, and Go refuses such a certificate as a rule"
        return Defect("damaged-certificate", detail, fix, certain=False, explains=useless_kinds(named))
    return None


def _incomplete(named: NamedFile) -> Defect:
    other = "key" if named.role == "cert" else "cert"
    what = "buildkitd does not start" if named.is_api else "nothing can be pulled from the registry"
    return Defect(
        "pair-incomplete",
        f"{named.words} names no {other} beside it: {what}",
        f"name the {other} too ({named.where})",
        explains=("startup_failed",) if named.is_api else ("keypair_unreadable",),
    )


def _swapped(named: NamedFile) -> Defect:
    holds, asked = ("a private key", "certificate") if named.role == "cert" else ("a certificate", "key")
    return Defect(
        "swapped",
        f"it holds {holds} and is named as the {asked}: certificate and key are the wrong way round",
        replace_it(named, "swap cert and key"),
        explains=("keypair_mismatch", *useless_kinds(named)),
    )


def _mismatch(named: NamedFile, other: NamedFile) -> Defect:
    mine, theirs = ("certificate", "key") if named.role == "cert" else ("key", "certificate")
    return Defect(
        "key-mismatch",
        f"the {mine} and the {theirs} {other.path} do not belong together",
        replace_it(named, f"put certificate and key of one pair there, at {named.path} and {other.path}"),
        explains=("keypair_mismatch", *(useless_kinds(named) if named.is_api else ())),
    )


def _compare(cert: Half, key: Half) -> bool | None:
    certificate = cert.taken.certificate if cert.taken else None
    public = key.taken.pem.public if key.taken else None
    if certificate is None or certificate.public is None or public is None:
        return None
    return certificate.public == public


def _doubt(named: NamedFile, leaf: Certificate) -> Defect | None:
    """What the other side may not like."""
    api = named.is_api
    other = "clients" if api else named.asked
    if not (leaf.serves if api else leaf.presents):
        detail = f"by its extended key usage ({', '.join(leaf.usages[:5])}) it is no {'server' if api else 'client'}'s"
        fix = replace_it(named, f"have a certificate made for {'serverAuth' if api else 'clientAuth'}")
        return Defect("wrong-usage", detail, fix, certain=False, explains=rejected_kinds(named))
    if leaf.weakly_signed and not leaf.self_signed:
        detail = f"it is signed with {(leaf.signature or '').upper()}, which many refuse: {other} may, too"
        fix = replace_it(named, "have a certificate made that is signed with SHA-256")
        return Defect("weak-signature", detail, fix, certain=False, explains=rejected_kinds(named))
    return None


def _is_chained(
    leaf: Certificate, chain: Sequence[Certificate], authorities: Sequence[Certificate]
) -> bool | None:
    """Whether a certificate leads to one of the authorities, by way of those that stand in its own file."""
    if not authorities:
        return None
    waiting, seen, checks = [leaf], {leaf.sha256}, 0
    trusted = {authority.sha256 for authority in authorities}
    if leaf.self_signed:
        return leaf.sha256 in trusted
    while waiting:
        child = waiting.pop()
        for other in (*authorities, *chain):
            # names first: a signature takes longer
            if not other.signs or child.issuer != other.subject or other.sha256 in seen:
                continue
            checks += 1
            if checks > _CHECKS:
                return None
            if is_signed_by(child, other):
                if other.sha256 in trusted:
                    return True
                seen.add(other.sha256)
                waiting.append(other)
    return False
