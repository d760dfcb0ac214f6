"""Every byte of an input belongs to one record, whatever the input."""

from __future__ import annotations

import io
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analyzer.records import read_batches

SPLINTERS = (
    *(b'"', b"\\", b"=", b"\n", b"\r\n", b"\x00", b"\x1b[31m", b"\xff\xfe", b"\xe2\x80\xae", b"\xef\xbb\xbf"),
    *(
        b'time="',
        b' span="resolving x" ',
        b'{"log":"',
        b'","stream":"stderr"}\n',
        b"}",
        b" F ",
        b" P ",
        b"<7>",
    ),
    *(b"size=99999999999999999999 ", b" status=", b"\x1b[37mDEBU\x1b[0m[", b"goroutine 1 [running]:\n"),
)


@dataclass
class Conserved:
    """What became of the bytes of inputs.

    Attributes:
        inputs: How many inputs there were.
        given: Their bytes.
        kept: The bytes that records account for.
        broken: The inputs, by number, whose bytes do not add up.
    """

    inputs: int = 0
    given: int = 0
    kept: int = 0
    broken: list[int] = field(default_factory=list)

    def add(self, data: bytes, chunk: int) -> None:
        """Read an input, and count."""
        kept = at = 0
        whole = True
        for batch in read_batches(io.BytesIO(data), "log", chunk_bytes=chunk):
            columns = (batch.column("offset").to_pylist(), batch.column("length").to_pylist())
            for offset, length in zip(*columns, strict=True):
                whole &= offset == at
                at = offset + length
                kept += length
        if not whole or kept != len(data):
            self.broken.append(self.inputs)
        self.inputs += 1
        self.given += len(data)
        self.kept += kept


def of_files(paths: Sequence[Path]) -> Conserved:
    """The bytes of whole logs."""
    counted = Conserved()
    for path in paths:
        counted.add(path.read_bytes(), 2 << 20)
    return counted


def of_generated(count: int, logs: Sequence[bytes], seed: int = 0) -> Conserved:
    """The bytes of inputs made of parts of logs, splinters and noise, read in chunks of any size."""
    counted = Conserved()
    for data, chunk in generated(count, logs, seed):
        counted.add(data, chunk)
    return counted


def generated(count: int, logs: Sequence[bytes], seed: int = 0) -> Iterator[tuple[bytes, int]]:
    """Inputs, and the size of the chunks to read them in."""
    chosen = random.Random(seed)
    for _ in range(count):
        parts = []
        for _ in range(chosen.randrange(1, 12)):
            way = chosen.random()
            if way < 0.5:
                log = chosen.choice(logs)
                at = chosen.randrange(len(log))
                parts.append(log[at : at + chosen.randrange(1, 1500)])
            elif way < 0.85:
                parts.append(chosen.choice(SPLINTERS) * chosen.randrange(1, 4))
            else:
                parts.append(chosen.randbytes(chosen.randrange(1, 60)))
        yield b"".join(parts), chosen.choice((16, 61, 256, 4096, 2 << 20))
