"""Copies of what builders keep in mind, so that one can be finished while the other goes on.

What `copy.deepcopy` does, at a quarter of its time: of builders it is known that keys, tuples and frozen objects hold
nothing that changes.
"""

from __future__ import annotations

from collections import Counter, defaultdict, deque
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")

Memo = dict[int, Any]
"""What was copied already, by identity: what several hold stays one thing."""

_Copier = Callable[[Any, Memo], Any]


def copy_state(value: T, memo: Memo) -> T:
    """Copy a builder, or what it holds.

    Args:
        value: The builder. It must not change meanwhile.
        memo: What was copied already.
    """
    kind = type(value)
    copier = _COPIERS.get(kind)
    if copier is None:
        copier = _COPIERS[kind] = _copier_of(kind)
    if copier is _same:
        return value
    found = memo.get(id(value))
    if found is None:
        found = copier(value, memo)
        memo[id(value)] = found
    copied: T = found
    return copied


def _same(value: Any, _: Memo) -> Any:
    return value


def _copy_dict(value: dict[Any, Any], memo: Memo) -> dict[Any, Any]:
    return {key: copy_state(one, memo) for key, one in value.items()} if value else {}


def _copy_defaultdict(value: defaultdict[Any, Any], memo: Memo) -> defaultdict[Any, Any]:
    return defaultdict(value.default_factory, _copy_dict(value, memo))


def _copy_list(value: list[Any], memo: Memo) -> list[Any]:
    return [copy_state(one, memo) for one in value] if value else []


def _copy_deque(value: deque[Any], memo: Memo) -> deque[Any]:
    return deque([copy_state(one, memo) for one in value], value.maxlen)


def _copy_flat(value: Any, _: Memo) -> Any:
    return value.copy()  # holds what does not change


_COPIERS: dict[type, _Copier] = {
    **dict.fromkeys((str, int, float, bool, bytes, tuple, frozenset, type(None)), _same),
    dict: _copy_dict,
    defaultdict: _copy_defaultdict,
    list: _copy_list,
    deque: _copy_deque,
    set: _copy_flat,
    Counter: _copy_flat,
}


def _copier_of(kind: type) -> _Copier:
    """How to copy objects of a class."""
    if hasattr(kind, "__deepcopy__"):
        return lambda value, memo: value.__deepcopy__(memo)
    parameters: Any = getattr(kind, "__dataclass_params__", None)
    if issubclass(kind, tuple) or (parameters is not None and parameters.frozen):
        return _same
    slots = tuple(name for one in kind.__mro__ for name in one.__dict__.get("__slots__", ()))

    def copy(value: Any, memo: Memo) -> Any:
        made = memo[id(value)] = kind.__new__(kind)
        for name in slots:
            setattr(made, name, copy_state(getattr(value, name), memo))
        if not slots:
            made.__dict__.update(_copy_dict(vars(value), memo))
        return made

    return copy
