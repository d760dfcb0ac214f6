"""Files of certificate authorities: what of them BuildKit can trust."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from analyzer.intent.defects import Defect, of_block, of_content, replace_it, useless_kinds
from analyzer.intent.namedfiles import NamedFile
from analyzer.intent.x509 import Certificate, host_name

if TYPE_CHECKING:
    from analyzer.intent.blocks import Block
    from analyzer.sources.surroundings import CertificateFile


def judge_authorities(
    named: NamedFile, file: CertificateFile, blocks: Sequence[Block]
) -> dict[int | None, Defect]:
    """What is wrong with the certificates of a file that is named as an authority's.

    Args:
        named: The setting.
        file: The file, which exists.
        blocks: Its certificates.

    Returns:
        Defects by number of the block; None for that of the whole file.
    """
    if named.unverified:
        return {}
    if not blocks:
        return {None: of_content(named, file)}
    taken = [block.certificate for block in blocks if _is_taken(block)]
    signing = any(certificate is not None and certificate.signs for certificate in taken)
    defects: dict[int | None, Defect] = {}
    for number, block in enumerate(blocks):
        defect = _judge(named, block, alone=not taken, signing=signing)
        if defect:
            defects[number] = defect
    return defects


def _is_taken(block: Block) -> bool:
    """Go puts it into the pool (``AppendCertsFromPEM``)."""
    return block.pem.fault is None and block.certificate is not None and block.certificate.supported


def _judge(named: NamedFile, block: Block, *, alone: bool, signing: bool) -> Defect | None:
    certificate = block.certificate
    if certificate is None or block.pem.fault is not None:
        return of_block(named, block.pem, certain=alone)
    if not certificate.supported:
        fix = replace_it(named, "name an authority with an RSA, ECDSA (P-256, P-384, P-521) or Ed25519 key")
        detail = f"its key is {certificate.key}, which Go does not know: the certificate is passed over"
        return Defect("unsupported-key", detail, fix, alone, useless_kinds(named))
    if certificate.fault:
        fix = replace_it(named, "put a sound certificate in its place")
        detail = f"{certificate.fault}, and Go passes such a certificate over as a rule"
        return Defect("damaged-certificate", detail, fix, certain=False, explains=useless_kinds(named))
    if not certificate.signs:
        # Beside an authority it is what a server sends too: of no use, and no harm.
        return None if signing else _no_authority(named, certificate)
    return _wrong_usage(named, certificate)


def _no_authority(named: NamedFile, certificate: Certificate) -> Defect:
    """A certificate that signs nothing: Go trusts it as that server's own, if it is, and names the host (Verify)."""
    whose = f"{certificate.subject or 'its subject'} is not a certificate authority"
    if certificate.is_ca:
        whose = f"{certificate.subject or 'its subject'} may not sign certificates, by its key usage"
    fix = replace_it(named, "put the certificate of the authority that signed the host's in its place")
    if named.is_api:
        detail = f"{whose}: only the client that shows this very certificate is let in"
        return Defect("not-a-ca", detail, fix, certain=False)
    if certificate.is_for_host(named.asked):
        detail = f"{whose}: it is of use only while {named.asked} shows this very certificate"
        return Defect("not-a-ca", detail, fix, certain=False, explains=("x509_unknown_authority",))
    name = host_name(named.asked)
    valid = (
        f"is valid for {_listed(certificate.names)}, not {name}"
        if certificate.names
        else _unnamed(certificate, name)
    )
    detail = f"{whose}, and {valid}: no certificate of {named.asked} can be trusted by it"
    return Defect("other-host", detail, fix, explains=("x509_unknown_authority", "x509_name_mismatch"))


def _unnamed(certificate: Certificate, name: str) -> str:
    if certificate.common_name and certificate.common_name.lower() == name.lower():
        return f"names {name} as its common name only, which does not count"
    return f"is valid for no name at all, so not for {name}"


def _listed(names: Sequence[str]) -> str:
    few = ", ".join(names[:5])
    return f"{few} and {len(names) - 5} more" if len(names) > 5 else few


def _wrong_usage(named: NamedFile, certificate: Certificate) -> Defect | None:
    """Go lets an authority that says what it is for sign for that alone."""
    right = certificate.presents if named.is_api else certificate.serves
    if right:
        return None
    wanted = "clients" if named.is_api else "servers"
    detail = f"by its extended key usage ({', '.join(certificate.usages[:5])}) it may not sign for {wanted}"
    fix = replace_it(named, "put an authority without that limit in its place")
    return Defect("wrong-usage", detail, fix, certain=False, explains=() if named.is_api else ("x509_other",))
