"""Write a realistic buildkitd debug log of any size: ``python -m benchmarks.generate --size 1GB --out LOG``.

The rounds of a captured log (`benchmarks.templates`) are repeated in random order, each with new times, trace IDs,
span IDs and references. Images are drawn from a pool of editions, so that builds share digests as they do in life.
One seed gives the same bytes everywhere.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from operator import itemgetter
from pathlib import Path
from typing import BinaryIO

from benchmarks.forms import DAMAGES, FORMS, damaged, escape_ids, rare_escapes, to_form
from benchmarks.sizes import SAMPLE, SAMPLES, parse_size
from benchmarks.templates import SLOT, Capture, Record, read_capture, with_stacks

FAILED = SAMPLES / "push-wrong-ca" / "buildkitd.log"
"""Where stacks come from when the captured log has none."""

BEGIN = datetime(2026, 11, 24, 6, tzinfo=UTC)
MEAN_PAUSE = 6.0
"""Seconds between two rounds."""
EDITIONS = 16
"""States of the registries that are known to several rounds."""

_CLOCK, _DATE = "%Y-%m-%dT%H:%M:%S", "%a, %d %b %Y %H:%M:%S"
_LETTERS = bytes(b"abcdefghijklmnopqrstuvwxyz0123456789"[byte % 36] for byte in range(256))

_STARTS = (b'time="', b'{"', b"\x1b[3")
"""How a record begins, form by form."""

Key = tuple[str, object]


@dataclass(frozen=True)
class Template:
    """Text with slots: literal pieces, and between them the number of what stands there.

    Attributes:
        pieces: Literals at even places; odd places are filled.
        slots: For each odd place, an index into `keys`.
        keys: What is filled in: ("clock" or "date", seconds since the beginning), or a scope and an original ID.
        seconds: How long it took.
        size: Bytes of the text form, without prefixes.
    """

    pieces: list[bytes]
    slots: tuple[int, ...]
    keys: list[Key]
    seconds: int
    size: int


def make_template(
    records: Sequence[Record], size: int, daemon: set[bytes], images: frozenset[bytes]
) -> Template:
    """Find times and IDs.

    Args:
        records: Whole records, in any form.
        size: Bytes of their text form.
        daemon: IDs that stay the same as long as the daemon runs.
        images: Digests that registries serve.
    """
    text = b"".join(record.line + b"\n" + record.block for record in records)
    matches = list(SLOT.finditer(text))
    clocks = [_moment(written) for written in dict.fromkeys(m["clock"] for m in matches) if written]
    begin = clocks[0] if clocks else datetime(2026, 1, 1)
    pieces: list[bytes] = []
    found: list[Key] = []
    at = 0
    for match in matches:
        kind = match.lastgroup or ""
        key: Key
        if kind == "id":
            scope = "daemon" if match[0] in daemon else "image" if match[0] in images else "round"
            key = (scope, match[0])
        else:
            moment = _moment(match[0])
            if abs(moment - begin) > timedelta(days=1):  # when a file was changed, not when it was asked for
                continue
            key = (kind, int((moment - begin).total_seconds()))
        pieces += (text[at : match.start()], b"")
        found.append(key)
        at = match.end()
    pieces.append(text[at:])
    # in one order whatever the form: the same chance then gives the same IDs
    keys = sorted(set(found), key=lambda key: (key[0], str(key[1])))
    numbers = {key: number for number, key in enumerate(keys)}
    seconds = max((int((one - begin).total_seconds()) for one in clocks), default=0)
    return Template(pieces, tuple(numbers[key] for key in found), keys, seconds, size)


@cache
def _moment(written: bytes) -> datetime:
    return datetime.strptime(written.decode(), _CLOCK if written[:1].isdigit() else _DATE)


@dataclass
class Daemon:
    """A running daemon: its clock, and the IDs that outlast a round."""

    rng: random.Random
    name: str | None
    clock: float
    ids: dict[object, bytes] = field(default_factory=dict)

    def render(self, template: Template, images: dict[object, bytes]) -> bytes:
        """The template's text, now."""
        begin = BEGIN + timedelta(seconds=int(self.clock))
        values = [self._value(key, begin, images) for key in template.keys]
        if not values:
            return template.pieces[0]
        pieces = template.pieces.copy()
        one = len(template.slots) == 1
        pieces[1::2] = [values[template.slots[0]]] if one else itemgetter(*template.slots)(values)
        self.clock += template.seconds
        return b"".join(pieces)

    def _value(self, key: Key, begin: datetime, images: dict[object, bytes]) -> bytes:
        scope, what = key
        if isinstance(what, int):
            return (begin + timedelta(seconds=what)).strftime(_CLOCK if scope == "clock" else _DATE).encode()
        if not isinstance(what, bytes):
            raise TypeError(what)
        if scope == "round":
            return self._new_id(len(what))
        known = images if scope == "image" else self.ids
        if what not in known:
            known[what] = self._new_id(len(what))
        return known[what]

    def _new_id(self, length: int) -> bytes:
        if length == 25:
            return self.rng.randbytes(25).translate(_LETTERS)
        return self.rng.randbytes(length // 2).hex().encode()


@dataclass(frozen=True)
class Options:
    """What kind of log is wanted.

    Attributes:
        size: Bytes of the text form at least, and at most one round more for each builder. The other forms hold
            the same records and are larger.
        seed: Of all chance.
        form: text, json or terminal.
        stacks: Share of the bytes that stack blocks take; None leaves them as captured.
        shared: Share of the rounds whose images other rounds know too.
        builders: Daemons; of more than one, each line is prefixed as ``docker compose logs`` does.
        damage: every-line, rare-escapes (text form) or None.
    """

    size: int
    seed: int = 1
    form: str = "text"
    stacks: float | None = None
    shared: float = 0.7
    builders: int = 1
    damage: str | None = None


def generate(options: Options, captures: Sequence[Capture]) -> Iterator[bytes]:
    """The log, piece by piece. Start-up and stop are those of the first capture.

    Raises:
        ValueError: The options do not fit together.
    """
    if options.damage and options.form != "text":
        raise ValueError("damage is for the text form")
    pieces = _pieces(options, captures)
    yield from map(escape_ids, pieces) if options.damage == "rare-escapes" else pieces


def _pieces(options: Options, captures: Sequence[Capture]) -> Iterator[bytes]:
    rng = random.Random(f"{options.seed}/templates")
    head, rounds, tail = _templates(options, captures, rng)
    chance = random.Random(f"{options.seed}/order")
    many = options.builders > 1
    daemons = [
        Daemon(random.Random(f"{options.seed}/{n}"), f"builder-{n + 1}" if many else None, n * 1.5)
        for n in range(options.builders)
    ]
    left = options.size - options.builders * (head.size + tail.size)
    editions: list[dict[object, bytes]] = [{} for _ in range(EDITIONS)]

    def weave(templates: Sequence[Template], images: Sequence[dict[object, bytes]]) -> bytes:
        together = zip(daemons, templates, images, strict=True)
        texts = [(daemon.name, daemon.render(template, known)) for daemon, template, known in together]
        return _interleave(texts, chance) if len(texts) > 1 else texts[0][1]

    yield weave([head] * options.builders, [{}] * options.builders)
    while left > 0:
        chosen, known = [], []
        for daemon in daemons:
            daemon.clock += daemon.rng.expovariate(1 / MEAN_PAUSE)
            known.append(daemon.rng.choice(editions) if daemon.rng.random() < options.shared else {})
            chosen.append(daemon.rng.choice(rounds))
        yield weave(chosen, known)
        left -= sum(template.size for template in chosen)
    yield weave([tail] * options.builders, [{}] * options.builders)


def _templates(
    options: Options, captures: Sequence[Capture], rng: random.Random
) -> tuple[Template, list[Template], Template]:
    first = captures[0]
    startup = (match["id"] for record in first.head for match in SLOT.finditer(record.line))
    daemon = {found for found in startup if found}
    images = frozenset[bytes]().union(*(capture.images for capture in captures))
    failures = [failed for capture in captures for failed in capture.failures] or read_capture(
        FAILED
    ).failures

    def build(records: Sequence[Record]) -> Template:
        size = sum(record.size for record in records)
        made = [to_form(record, options.form) for record in records]
        if options.damage == "every-line":
            made = [damaged(record, rng) for record in made]
            size = sum(record.size for record in made)
        elif options.damage == "rare-escapes":
            made = [rare_escapes(record) for record in made]
        return make_template(made, size, daemon, images)

    rounds = []
    for capture in captures:
        for records in capture.rounds:
            if options.stacks is not None:
                records = with_stacks(records, options.stacks, failures, rng)
            rounds.append(build(records))
    return build(first.head), rounds, build(first.tail)


def _interleave(texts: Sequence[tuple[str | None, bytes]], rng: random.Random) -> bytes:
    """Records of several daemons as ``docker compose logs`` prints them, in runs of random length."""
    width = max(len(name or "") for name, _ in texts)
    queues = []
    for name, text in texts:
        prefix = f"{name or '':{width}}  | ".encode()
        records: list[bytes] = []
        for line in text[:-1].split(b"\n"):
            if line.startswith(_STARTS) or not records:
                records.append(prefix + line + b"\n")
            else:  # a stack is written at once
                records[-1] += prefix + line + b"\n"
        queues.append(records)
    done: list[bytes] = []
    places = [0] * len(queues)
    live = list(range(len(queues)))
    while live:
        one = live[int(rng.random() * len(live))]
        end = places[one] + 1 + int(rng.random() * 12)
        done += queues[one][places[one] : end]
        places[one] = end
        if end >= len(queues[one]):
            live.remove(one)
    return b"".join(done)


def write_log(stream: BinaryIO, options: Options, logs: Sequence[Path] = (SAMPLE,)) -> int:
    """Write a log; its size."""
    captures = [read_capture(path) for path in logs]
    return sum(stream.write(piece) for piece in generate(options, captures))


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.generate", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--size", type=parse_size, default=parse_size("100MB"), help="such as 100MB or 1GB")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--from",
        dest="logs",
        type=Path,
        action="append",
        metavar="LOG",
        help="a captured log in text form, .gz or plain; repeatable (default: a sample log)",
    )
    parser.add_argument("--form", choices=FORMS, default="text")
    parser.add_argument(
        "--stacks",
        type=float,
        metavar="SHARE",
        help="share of the bytes in stack blocks (default: as captured)",
    )
    parser.add_argument(
        "--shared",
        type=float,
        default=0.7,
        metavar="SHARE",
        help="share of the rounds with images that other rounds know",
    )
    parser.add_argument(
        "--builders", type=int, default=1, metavar="N", help="daemons, interleaved as by docker compose"
    )
    parser.add_argument("--damage", choices=DAMAGES)
    parser.add_argument("--out", default="-", metavar="FILE", help="- is standard output")
    told = parser.parse_args(arguments)
    options = Options(told.size, told.seed, told.form, told.stacks, told.shared, told.builders, told.damage)
    with nullcontext(sys.stdout.buffer) if told.out == "-" else open(told.out, "wb") as stream:
        write_log(stream, options, told.logs or (SAMPLE,))


if __name__ == "__main__":
    main()
