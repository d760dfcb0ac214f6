from __future__ import annotations

import types

import pytest

from analyzer.errors import SourceError
from analyzer.parcels import Parcel, pack, unpack
from tests.fleet.fleet_tasks import Rule


def test_shared_objects_stay_at_home() -> None:
    there, here = [Rule("x" * 10_000), Rule("b")], [Rule("x" * 10_000), Rule("b")]

    parcel = pack({"first": there[0], "again": [there[0], there[1], Rule("b")], "number": 7}, there)

    assert isinstance(parcel, Parcel)
    assert len(parcel.data) < 300
    found = unpack(parcel, here)
    assert found == {"first": here[0], "again": [here[0], here[1], Rule("b")], "number": 7}
    assert found["first"] is found["again"][0] is here[0]
    assert found["again"][2] is not here[1]


@pytest.mark.parametrize("result", [None, 0, "text", b"bytes", (1, [2, {"three": 4.0}])])
def test_results_without_shared_objects(result: object) -> None:
    assert unpack(pack(result, ()), ()) == result


def test_what_pickle_cannot_pack_goes_as_it_is() -> None:
    result = types.MappingProxyType({"a": 1})

    assert pack(result, ()) is result
    assert unpack(result, ()) is result


def test_an_error_keeps_its_parts() -> None:
    error = unpack(pack(SourceError("what", where="where", hint="hint"), ()), ())

    assert (error.what, error.where, error.hint) == ("what", "where", "hint")
