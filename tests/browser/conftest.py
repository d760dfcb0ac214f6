"""A real browser: Chromium without a window."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass
class Shown:
    """A page in the browser, and what it did that it should not.

    Attributes:
        page: Playwright's page.
        complaints: What stands in the console, errors and dialogs.
        asked: Addresses that it tried to load beside itself.
    """

    page: Any
    complaints: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def ask(self, expression: str) -> Any:
        """What an expression of JavaScript gives."""
        return self.page.evaluate(expression)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    program = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if program is None:
        pytest.skip("no Chromium is installed")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


@pytest.fixture
def show(browser: Any) -> Iterator[Callable[..., Shown]]:
    """Open a page: its file, and how it is looked at."""
    contexts = []

    def open_page(path: Path, *, width: int = 1280, height: int = 900, **options: Any) -> Shown:
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        shown = Shown(context.new_page())
        shown.page.on("console", lambda message: shown.complaints.append(message.text))
        shown.page.on("pageerror", lambda error: shown.complaints.append(str(error)))
        shown.page.on("dialog", lambda dialog: shown.complaints.append(f"dialog {dialog.message}"))

        def answer(route: Any) -> None:
            if route.request.url.split("#")[0] == path.as_uri():
                route.continue_()
            else:
                shown.asked.append(route.request.url)
                route.abort()

        context.route("**/*", answer)
        shown.page.goto(path.as_uri())
        return shown

    yield open_page
    for context in contexts:
        context.close()


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory, repository: Path) -> Callable[..., Path]:
    """The page of a sample, made once."""
    from analyzer.cli import main

    folder = tmp_path_factory.mktemp("pages")

    def make(name: str, *more: str) -> Path:
        sample = repository / "sample_logs" / name
        target = folder / f"{name}.html"
        if not target.exists():
            [log] = [path for path in sample.iterdir() if path.name.startswith("buildkitd.log")]
            words = ["--config", str(sample / "buildkitd.toml"), *more]
            assert main(["report", str(log), *words, "-o", str(target)]) == 0
        return target

    return make
