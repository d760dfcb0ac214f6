"""`report`: the page, by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def test_the_page_is_that_of_check(run: Any, repository: Path, tmp_path: Path) -> None:
    sample = repository / "sample_logs" / "mirror-fallback"
    words = [sample / "buildkitd.log", "--config", sample / "buildkitd.toml"]
    code, out, err = run("report", *words, "-o", tmp_path / "page.html")
    assert (code, out) == (0, "")
    assert "2 failed" in err
    assert "a failure at or above" in err
    assert run("check", *words, "--format", "html")[:2] == (1, (tmp_path / "page.html").read_text())
    assert run("report", *words, "-o", "-")[1] == (tmp_path / "page.html").read_text()


def test_trouble_is_told(run: Any, tmp_path: Path) -> None:
    code, _, err = run("report", tmp_path / "gone.log")
    assert code == 2
    assert "gone.log" in err
    code, _, err = run("report")
    assert code == 2
    assert "name a log" in err
