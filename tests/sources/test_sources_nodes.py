"""Builders as Buildx keeps them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import pytest

from analyzer.errors import SourceError
from analyzer.sources.engine import Engine
from analyzer.sources.nodes import Node, builder_in_use, nodes_of, stored_builder


class Names:
    """An engine that has containers of these names."""

    where = "unix:///run/engine.sock"

    def __init__(self, *names: str) -> None:
        self._names = sorted(names)

    def container_names(self) -> list[str]:
        return self._names


def engine(*names: str) -> Engine:
    return cast(Engine, Names(*names))


@pytest.fixture
def buildx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("BUILDX_CONFIG", str(tmp_path))
    monkeypatch.delenv("BUILDX_BUILDER", raising=False)
    (tmp_path / "instances").mkdir()
    return tmp_path


def keep(folder: Path, name: str, **values: Any) -> None:
    (folder / "instances" / name).write_text(json.dumps({"Name": name, **values}))


def test_a_builder_is_read_as_buildx_wrote_it(buildx: Path) -> None:
    nodes = [
        {"Name": "farm0", "Endpoint": "unix:///var/run/docker.sock", "Files": {"certs/key.pem": "c2VjcmV0"}},
        {"Name": "second", "Endpoint": "other-context"},
    ]
    keep(buildx, "farm", Driver="docker-container", Nodes=nodes)
    found = stored_builder("farm")
    assert found is not None
    assert found.nodes == (Node("farm0", "unix:///var/run/docker.sock"), Node("second", "other-context"))
    assert found.nodes[1].container == "buildx_buildkit_second"
    assert "c2VjcmV0" not in repr(found)


@pytest.mark.parametrize("name", ["../farm", "", "a/b", ".hidden", "nobody"])
def test_a_name_that_is_none_finds_nothing(buildx: Path, name: str) -> None:
    keep(buildx, "farm", Nodes=[{"Name": "farm0"}])
    assert stored_builder(name) is None


@pytest.mark.parametrize(
    "text", ["", "[]", '{"Nodes": 3}', '{"Nodes": []}', '{"Nodes": [{"Name": 1}, 2]}', "{" * 999]
)
def test_a_damaged_file_is_no_builder(buildx: Path, text: str) -> None:
    (buildx / "instances" / "farm").write_text(text)
    assert stored_builder("farm") is None


def test_the_builder_in_use(buildx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert builder_in_use() is None
    (buildx / "current").write_text('{"Key":"unix:///var/run/docker.sock","Name":"farm","Global":false}')
    assert builder_in_use() == "farm"
    monkeypatch.setenv("BUILDX_BUILDER", "chosen")
    assert builder_in_use() == "chosen"


def test_nodes_are_found_by_the_names_of_containers() -> None:
    names = [
        "buildx_buildkit_farm0",
        "buildx_buildkit_farm10",
        "buildx_buildkit_farm2",
        "buildx_buildkit_farmer0",
    ]
    assert [node.name for node in nodes_of("farm", engine(*names))] == ["farm0", "farm2", "farm10"]


def test_a_node_may_be_named_itself() -> None:
    assert nodes_of("farm1", engine("buildx_buildkit_farm0", "buildx_buildkit_farm1")) == [Node("farm1")]


@pytest.mark.parametrize(
    ("names", "hint"),
    [
        (["buildx_buildkit_mybuilder0"], "did you mean builder:mybuilder?"),
        (["buildx_buildkit_other0"], "builders there: other"),
        (["mybulder"], "container:mybulder"),
        (["web"], "docker buildx ls"),
    ],
)
def test_a_builder_that_is_not_there_is_told_with_a_hint(names: list[str], hint: str) -> None:
    with pytest.raises(SourceError) as caught:
        nodes_of("mybulder", engine(*names))
    assert hint in (caught.value.hint or "")
