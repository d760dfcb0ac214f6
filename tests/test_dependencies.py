"""What the package stands on: bounded below, and locked with hashes."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


def load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        pytest.skip("needs the repository")
    return tomllib.loads(path.read_text(encoding="utf-8"))


def requirements(repository: Path) -> list[Requirement]:
    project = load(repository / "pyproject.toml")["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    found = [Requirement(text) for group in groups for text in group]
    return [one for one in found if canonicalize_name(one.name) != project["name"]]


def test_what_users_install_is_bounded_below(repository: Path) -> None:
    # what only measures is taken as it comes
    free = {"chdb", "logfmtkv"}
    unbounded = [
        one.name
        for one in requirements(repository)
        if one.name not in free and not any(bound.operator == ">=" for bound in one.specifier)
    ]
    assert unbounded == []


def locked(repository: Path) -> dict[str, list[str]]:
    """Versions and hashes by the names of packages."""
    path = repository / "requirements.lock"
    if not path.is_file():
        pytest.skip("needs the repository")
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    return {line.split()[0]: line.split() for line in text.splitlines() if line and not line.startswith("#")}


def test_every_dependency_is_locked_within_its_bounds(repository: Path) -> None:
    versions: dict[str, list[Version]] = {}
    for pinned in locked(repository):
        name, _, version = pinned.partition("==")
        versions.setdefault(canonicalize_name(name.partition("[")[0]), []).append(Version(version))
    for one in requirements(repository):
        found = versions.get(canonicalize_name(one.name), [])
        assert found, f"{one.name}: see CONTRIBUTING.md"
        assert all(one.specifier.contains(version) for version in found), one.name


def test_what_is_locked_has_hashes_and_names_no_index(repository: Path) -> None:
    packages = locked(repository)
    assert len(packages) > 50
    for pinned, words in packages.items():
        assert "==" in pinned
        assert any(word.startswith("--hash=sha256:") for word in words), pinned
        assert not any("://" in word or word.startswith("--index") for word in words), pinned
