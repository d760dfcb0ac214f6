from __future__ import annotations

import time

import pytest

from analyzer.records.blocks import block_form, is_record_tail

STACK = b"""failed to solve
59 v0.17.3 /usr/bin/buildkitd --config /etc/buildkit/buildkitd.toml
runtime.goexit
\truntime/asm_amd64.s:1700

"""


@pytest.mark.parametrize(
    ("text", "form"),
    [
        (STACK, "stack"),
        (b"buildkitd: context canceled", "stack"),
        (b"panic: x\n\ngoroutine 1 [running]:\nmain.f(0x1)\n\t/src/main.go:12 +0x1d", "stack"),
        (b"hello", "other"),
        (b"a\n\tb", "other"),
        (b"\n\tx.go:1", "other"),
        (b"", "other"),
    ],
)
def test_forms(text: bytes, form: str) -> None:
    assert block_form(text) == form


@pytest.mark.parametrize(
    ("line", "is_tail"),
    [
        (b'=debug msg="do request" spanID=1f', True),
        (b"ID=abc", True),
        (b'ec29" response.status="200 OK"', True),
        (b'ug","msg":"x"}', True),
        (b"hello", False),
        (b"a = b c", False),
        (b"", False),
    ],
)
def test_tails(line: bytes, is_tail: bool) -> None:
    assert is_record_tail(line) is is_tail


@pytest.mark.parametrize("piece", [b'="', b"=", b"\n\t.", b"a\n\ta:", b"\\", b'\\"='])
def test_hostile_text_takes_no_time(piece: bytes) -> None:
    text = piece * (1_000_000 // len(piece))
    start = time.process_time()
    block_form(text)
    is_record_tail(text)
    assert time.process_time() - start < 2
