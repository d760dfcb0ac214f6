"""The certificate files of a daemon, looked over: what each holds, and what BuildKit would make of it.

Whether a certificate is in date is not decided here: that hangs on the time of the log.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from analyzer.intent.authorities import judge_authorities
from analyzer.intent.blocks import Block, blocks_of
from analyzer.intent.defects import Defect, of_file, of_folder, of_size
from analyzer.intent.keypairs import Half, judge_pair
from analyzer.intent.namedfiles import NamedFile, named_files
from analyzer.sources.surroundings import CertificateFile
from analyzer.tables.certificate_files import SPEC

if TYPE_CHECKING:
    import pyarrow as pa

    from analyzer.intent.config import Config
    from analyzer.intent.x509 import Certificate

Row = dict[str, Any]

_EARLIEST: Final = datetime(1678, 1, 1, tzinfo=UTC)
_LATEST: Final = datetime(2262, 1, 1, tzinfo=UTC)
"""Arrow's times end there; certificates that never end say 9999."""


def examine(
    files: Mapping[str, CertificateFile], config: Config, *, source: str, intended: Config | None = None
) -> pa.Table:
    """Look over the certificate files of a daemon.

    Args:
        files: The files that were looked at, by path, as the daemon sees them. One that the configuration names and
            that is not here was not looked at; of a folder, all files are here, or the folder itself with the reason.
        config: The configuration that the daemon has.
        source: Where the files were looked at.
        intended: The file that somebody can edit, where `config` is what buildx made of it: fixes name its lines.

    Returns:
        The table `certificate_files`: the files in the order of the configuration, then those that it does not name.
    """
    known = {posixpath.normpath(path): file for path, file in files.items()}
    rows = _Examination(known, named_files(config, known, intended)).rows()
    return SPEC.build({"source": source, **row} for row in rows)


class _Examination:
    """One look over all files."""

    def __init__(self, files: Mapping[str, CertificateFile], named: list[NamedFile]) -> None:
        self._files = files
        self._named = named
        self._blocks: dict[str, list[Block]] = {}
        self._authorities: dict[tuple[str, bool], list[Certificate]] = {}
        for one in named:
            if one.role == "ca":
                found = [block.certificate for block in self._held(one) if block.certificate is not None]
                self._authorities.setdefault((one.host, one.is_api), []).extend(found)

    def rows(self) -> Iterator[Row]:
        for named in self._named:
            if named.role == "directory":
                yield self._folder(named)
            elif not named.read:
                yield from self._unread(named)
            elif named.role == "ca":
                yield from self._authority(named)
            elif named.role == "cert" or self._partner(named) is None:
                yield from self._pair(named)
        taken = {posixpath.normpath(named.path) for named in self._named}
        for path in sorted(self._files.keys() - taken):
            yield from self._unnamed(path)

    def _file(self, named: NamedFile) -> CertificateFile | None:
        found = self._files.get(posixpath.normpath(named.path))
        if found is None and named.listed:
            return CertificateFile(named.path, exists=False)
        return found

    def _held(self, named: NamedFile) -> list[Block]:
        """The blocks of a file, read once however often it is named."""
        path = posixpath.normpath(named.path)
        if path not in self._blocks:
            file = self._files.get(path)
            self._blocks[path] = blocks_of(file) if file else []
        return self._blocks[path]

    def _partner(self, named: NamedFile) -> NamedFile | None:
        """The other half of a key pair."""
        for one in self._named:
            if one.of_pair == named.of_pair and {one.role, named.role} == {"cert", "key"}:
                return one
        return None

    def _authority(self, named: NamedFile) -> Iterator[Row]:
        file = self._file(named)
        defect = of_file(named, file)
        if defect or file is None:
            yield self._row(named, file, None, defect)
            return
        blocks = [block for block in self._held(named) if block.is_certificate]
        yield from self._block_rows(named, file, blocks, judge_authorities(named, file, blocks))

    def _pair(self, named: NamedFile) -> Iterator[Row]:
        """The rows of both halves, under the certificate's setting; under the key's where there is no other."""
        partner = self._partner(named)
        cert, key = (named, partner) if named.role == "cert" else (partner, named)
        halves = [
            Half(one, self._file(one), self._held(one)) if one is not None else None for one in (cert, key)
        ]
        judged = judge_pair(halves[0], halves[1], self._authorities.get((named.host, named.is_api), ()))
        for half, defects in zip(halves, judged.defects, strict=True):
            if half is None:
                continue
            more: Row = {"key_matches": judged.key_matches}
            if half.named.role == "cert":
                more["signed_by_ca"] = judged.signed_by_ca
            yield from self._block_rows(half.named, half.file, half.blocks, defects, more, half.first or 0)

    def _block_rows(
        self,
        named: NamedFile,
        file: CertificateFile | None,
        blocks: list[Block],
        defects: Mapping[int | None, Defect],
        more: Row | None = None,
        taken: int = 0,
    ) -> Iterator[Row]:
        """A row a block. What is wrong with the whole file stands in its first row, what it lost in its last.

        Args:
            named: The setting.
            file: The file.
            blocks: Its blocks.
            defects: By number of the block; None for that of the whole file.
            more: Columns of the block that the daemon takes.
            taken: The number of that block.
        """
        whole = defects.get(None)
        lost = of_size(named, file) if file and not defects and blocks else None
        if not blocks:
            yield self._row(named, file, None, whole, more)
        for number, block in enumerate(blocks):
            defect = defects.get(number) or (whole if number == 0 else None)
            if lost and number == len(blocks) - 1:
                defect = lost
            yield self._row(named, file, block, defect, more if number == taken else None)

    def _folder(self, named: NamedFile) -> Row:
        path = posixpath.normpath(named.path)
        found = any(
            posixpath.dirname(one.path) == path and one.key == named.key and one.host == named.host
            for one in self._named
            if one.role != "directory"
        )
        near = any(one.startswith(path.rstrip("/") + "/") for one in self._files)
        file = self._file(named)
        exists = True if near else file.exists if file else None
        row = self._row(named, file, None, of_folder(named, file, exists=exists, found=found))
        return {**row, "exists": exists}

    def _unread(self, named: NamedFile) -> Iterator[Row]:
        remark = "it is not read: without cert and key the API speaks no TLS"
        row = self._row(named, self._file(named), None, None)
        yield {**row, "used": False, "defect_detail": remark}

    def _unnamed(self, path: str) -> Iterator[Row]:
        file = self._files[path]
        blocks = blocks_of(file)
        folders = [one for one in self._named if one.role == "directory"]
        beside = any(posixpath.normpath(one.path) == posixpath.dirname(path) for one in folders)
        remark = "no setting names it"
        if beside:
            remark = "of a folder only *.crt, and *.cert with *.key, are taken"
        listed: list[Block | None] = [*blocks]
        for block in listed or [None]:
            kind = "other"
            if block is not None and block.certificate is not None:
                kind = "ca" if block.certificate.signs else "cert"
            elif block is not None and block.pem.is_private_key:
                kind = "key"
            yield {
                "path": path,
                "kind": kind,
                "used": False,
                "defect_detail": remark,
                **_file_columns(file),
                **_block_columns(block),
            }

    def _row(
        self,
        named: NamedFile,
        file: CertificateFile | None,
        block: Block | None,
        defect: Defect | None,
        more: Row | None = None,
    ) -> Row:
        place = named.place
        row: Row = {
            "path": named.path,
            "kind": named.role,
            "host": named.host,
            "used": True,
            "counts": named.counts,
            "setting": named.words,
            "file": place.file if place else None,
            "line": place.line if place else None,
            "pair": named.pair,
            **_file_columns(file),
            **_block_columns(block),
            **(more or {}),
        }
        if defect:
            row |= {
                "defect": defect.kind,
                "defect_detail": defect.detail,
                "certain": defect.certain,
                "explains": list(defect.explains),
                "fix": defect.fix,
            }
        elif named.role == "ca" and named.unverified:
            row["defect_detail"] = f"it is read and not used: {named.unverified}"
        return row


def _file_columns(file: CertificateFile | None) -> Row:
    if file is None:
        return {"exists": None}
    return {
        "exists": file.exists,
        "error": file.error,
        "size": file.size,
        "modified": _in_reach(file.modified),
    }


def _block_columns(block: Block | None) -> Row:
    if block is None:
        return {}
    columns: Row = {"label": block.pem.label, "position": block.position}
    certificate = block.certificate
    if certificate is not None:
        columns |= {
            "subject": certificate.subject,
            "issuer": certificate.issuer,
            "names": list(certificate.names),
            "not_before": _in_reach(certificate.not_before),
            "not_after": _in_reach(certificate.not_after),
            "is_ca": certificate.signs,
            "sha256": certificate.sha256,
            "self_signed": certificate.self_signed,
            "signature": certificate.signature,
            "key_type": certificate.key,
        }
    return columns


def _in_reach(moment: datetime | None) -> datetime | None:
    if moment is None:
        return None
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return min(max(aware, _EARLIEST), _LATEST)
