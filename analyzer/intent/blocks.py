"""The blocks of a certificate file, certificates read."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from analyzer.intent.x509 import Certificate, read_certificate
from analyzer.sources.pem import CERTIFICATE

if TYPE_CHECKING:
    from analyzer.sources.surroundings import CertificateFile, PemBlock


@dataclass(frozen=True)
class Block:
    """A block of a file.

    Attributes:
        pem: The block.
        position: The certificate's place among those of the file, from 0; None of other blocks.
        certificate: What it says, where it is one and can be read.
    """

    pem: PemBlock
    position: int | None = None
    certificate: Certificate | None = None

    @property
    def is_certificate(self) -> bool:
        """It calls itself a certificate."""
        return self.pem.label == CERTIFICATE

    @property
    def is_seen(self) -> bool:
        """Go sees the block, whatever it makes of its content."""
        return self.pem.fault != "broken"


def blocks_of(file: CertificateFile) -> list[Block]:
    """The blocks of a file that are, or call themselves, certificates and private keys."""
    blocks: list[Block] = []
    position = 0
    for pem in file.blocks:
        if pem.label == CERTIFICATE:
            certificate = read_certificate(pem.public) if pem.public is not None else None
            blocks.append(Block(pem, position, certificate))
            position += 1
        elif pem.is_private_key:
            blocks.append(Block(pem))
    return blocks
