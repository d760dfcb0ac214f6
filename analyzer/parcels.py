"""Results on their way home from a worker, without what is at home already.

A result refers to what its task was made of: the findings of a source to the rules that were asked. Sent as they are,
ten thousand results would bring ten thousand copies of every rule.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Parcel:
    """A packed result."""

    data: bytes


def pack(result: object, shared: Sequence[object]) -> object:
    """A result with each shared object in it replaced by its place among them.

    Args:
        result: The result.
        shared: Objects of its task; where the result holds one of these very objects, that is not packed.

    Returns:
        A `Parcel`; the result itself where pickle alone cannot pack it.
    """
    stream = io.BytesIO()
    try:
        _Packer(stream, shared).dump(result)
    except (pickle.PicklingError, TypeError, AttributeError):
        return result
    return Parcel(stream.getvalue())


def unpack(result: object, shared: Sequence[object]) -> Any:
    """What `pack` was given, with the shared objects of the same task as it is here."""
    if not isinstance(result, Parcel):
        return result
    return _Unpacker(io.BytesIO(result.data), shared).load()


class _Packer(pickle.Pickler):
    def __init__(self, stream: io.BytesIO, shared: Sequence[object]) -> None:
        super().__init__(stream, protocol=pickle.HIGHEST_PROTOCOL)
        self._places = {id(one): place for place, one in enumerate(shared)}

    def persistent_id(self, obj: object) -> int | None:
        return self._places.get(id(obj))


class _Unpacker(pickle.Unpickler):
    def __init__(self, stream: io.BytesIO, shared: Sequence[object]) -> None:
        super().__init__(stream)
        self._shared = shared

    def persistent_load(self, pid: Any) -> object:
        return self._shared[pid]
