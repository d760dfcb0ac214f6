from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.intent.places import NESTING, NestingError, Path, Place, below, index_json, index_toml

TOML = """\
debug = true
[registry."docker.io"]
  mirrors = [ "a", # first
    'b' ]
[registry.'x:5000']
  http = true
  [[registry."x:5000".keypair]]
    key = "k"
  [[registry."x:5000".keypair]]
    key = '''
l'''
    cert = "c"
[worker]
oci = { enabled = true, labels = {"a b" = "c"} }
containerd.gc = false
"""


@pytest.mark.parametrize(
    ("path", "line", "column"),
    [
        (("debug",), 1, 1),
        (("registry",), 2, 1),
        (("registry", "docker.io"), 2, 1),
        (("registry", "docker.io", "mirrors"), 3, 3),
        (("registry", "docker.io", "mirrors", 0), 3, 15),
        (("registry", "docker.io", "mirrors", 1), 4, 5),
        (("registry", "x:5000", "http"), 6, 3),
        (("registry", "x:5000", "keypair", 0), 7, 3),
        (("registry", "x:5000", "keypair", 0, "key"), 8, 5),
        (("registry", "x:5000", "keypair", 1, "cert"), 12, 5),
        (("worker", "oci"), 14, 1),
        (("worker", "oci", "labels"), 14, 25),
        (("worker", "oci", "labels", "a b"), 14, 35),
        (("worker", "containerd", "gc"), 15, 1 + len("containerd.")),
    ],
)
def test_places_of_every_way_to_write_a_key(path: Path, line: int, column: int) -> None:
    assert index_toml(TOML, "f.toml")[path] == Place("f.toml", line, column)


def test_a_table_is_placed_at_its_own_header_not_at_one_below() -> None:
    places = index_toml("[[a.b]]\nx = 1\n[a]\ny = 2\n", "f")
    assert places["a",].line == 3


def test_escapes_in_keys_are_read() -> None:
    assert ("a\u00e9\t",) in index_toml('"a\\u00e9\\t" = 1', "f")


@pytest.mark.parametrize("value", ['"""\\"""x"""', '"""x"""""', "'''x'''''", '"""\n"""', '"\\""'])
def test_strings_end_where_toml_ends_them(value: str) -> None:
    text = f"a = {value}\nb = 1"
    assert set(tomllib.loads(text)) == {"a", "b"}
    assert set(index_toml(text, "f")) == {("a",), ("b",)}


def test_below_falls_back_to_what_is_around() -> None:
    places = index_toml("a = [1]", "f")
    assert below(places, ("a", 7)) == Place("f", 1, 1)
    assert below(places, ("b",)) is None


@pytest.mark.parametrize(
    "text",
    [
        "a = " + "[" * (NESTING + 5),
        ".".join("a" * (NESTING + 5)) + " = 1",
        "[" + ".".join("a" * (NESTING + 5)) + "]",
        "a = " + "{a=" * (NESTING + 5),
    ],
)
def test_deep_nesting_is_refused_before_any_parser_sees_it(text: str) -> None:
    with pytest.raises(NestingError, match="64 levels"):
        index_toml(text, "f")


def paths_of(value: Any, path: Path = ()) -> set[Path]:
    found = {path} if path else set()
    if isinstance(value, dict):
        for key, inner in value.items():
            found |= paths_of(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found |= paths_of(inner, (*path, index))
    return found


KEYS = st.one_of(
    st.text("abcdefgh-_019", min_size=1, max_size=4),
    st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=4),
)
SCALARS = st.one_of(
    st.booleans().map(lambda value: "true" if value else "false"),
    st.integers(-9, 99).map(str),
    st.text("ab#=[]{}, .", max_size=6).map(lambda text: json.dumps(text)),
    st.text('ab#=[]{}, ."\\', max_size=6).map(lambda text: f"'{text}'"),
    st.sampled_from(['"""a\n"b" = [\\""""', "'''\n[x]\n'''", "1979-05-27T07:32:00Z", "1e5", '"\\u00e9"']),
)


@st.composite
def values(draw: st.DrawFn, depth: int = 2) -> str:
    kind = draw(st.sampled_from(["scalar", "array", "table"])) if depth else "scalar"
    if kind == "scalar":
        return draw(SCALARS)
    gap = draw(st.sampled_from(["", " ", "\n  ", " # a ] comment\n"]))
    if kind == "array":
        inner = draw(st.lists(values(depth - 1), max_size=3))
        return "[" + gap + f",{gap}".join(inner) + gap + "]"
    keys = draw(st.lists(KEYS, max_size=3, unique=True))
    return "{ " + ", ".join(f"{write(draw, key)} = {draw(values(depth - 1))}" for key in keys) + " }"


def write(draw: st.DrawFn, key: str) -> str:
    if key and all(character in "abcdefgh-_019" for character in key) and draw(st.booleans()):
        return key
    if "'" not in key and draw(st.booleans()):
        return f"'{key}'"
    escaped = key.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


@st.composite
def documents(draw: st.DrawFn) -> str:
    lines = []
    for _ in range(draw(st.integers(0, 4))):
        header = draw(st.sampled_from(["", "[", "[["]))
        keys = draw(st.lists(KEYS, min_size=1, max_size=3))
        if header:
            name = draw(st.sampled_from([".", " . "])).join(write(draw, key) for key in keys)
            lines.append(header + name + "]" * len(header) + draw(st.sampled_from(["", " # x = 1"])))
        for _ in range(draw(st.integers(0, 3))):
            dotted = ".".join(write(draw, key) for key in draw(st.lists(KEYS, min_size=1, max_size=2)))
            lines.append(f"{dotted} = {draw(values())}")
    return draw(st.sampled_from(["\n", "\r\n"])).join(lines)


@settings(deadline=None)
@given(documents())
def test_every_path_of_a_document_has_a_place(text: str) -> None:
    text = text.replace("\r\n", "\n")
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        index_toml(text, "f")  # must not fail either
        return
    assert set(index_toml(text, "f")) == paths_of(parsed)


@settings(deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_walked_to_its_end_or_given_up(text: str) -> None:
    for places in (index_toml(text, "f"), index_json(text, "f")):
        lines = text.split("\n")
        for place in places.values():
            assert place.line is not None
            assert place.column is not None
            assert 1 <= place.line <= len(lines)
            assert 1 <= place.column <= len(lines[place.line - 1]) + 1


JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)
    ),
    max_leaves=10,
)


@settings(deadline=None)
@given(JSON, st.sampled_from([None, 1, "\t"]), st.booleans())
def test_every_path_of_a_json_document_has_a_place(
    value: Any, indent: int | str | None, ascii_only: bool
) -> None:
    # json.dumps writes astral characters as two escapes; keys holding them are not looked for.
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    if ascii_only and "\\ud" in text:
        return
    assert set(index_json(text, "f")) == paths_of(value)
