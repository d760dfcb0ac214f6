"""What the package stands on: bounded below, and locked with hashes at one place that everybody can reach."""

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


def test_every_dependency_is_locked_within_its_bounds(repository: Path) -> None:
    locked: dict[str, list[Version]] = {}
    for package in load(repository / "uv.lock")["package"]:
        if "version" in package:
            locked.setdefault(package["name"], []).append(Version(package["version"]))
    for one in requirements(repository):
        versions = locked.get(canonicalize_name(one.name), [])
        assert versions, f"{one.name}: uv lock"
        assert all(one.specifier.contains(version) for version in versions), f"{one.name}: uv lock"


def test_what_is_locked_has_hashes_and_comes_from_the_index(repository: Path) -> None:
    packages = load(repository / "uv.lock")["package"]
    assert len(packages) > 50
    for package in packages:
        if package["source"] in ({"editable": "."}, {"virtual": "."}):
            continue
        assert package["source"] == {"registry": "https://pypi.org/simple"}
        files = [*package.get("wheels", []), *([package["sdist"]] if "sdist" in package else [])]
        assert files
        assert all(file["hash"].startswith("sha256:") for file in files)
        assert all(file["url"].startswith("https://files.pythonhosted.org/") for file in files)
