"""The page as a person meets it: in a real browser, by mouse, by keyboard, in the dark, on paper, without scripts."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.conftest import Shown

pytestmark = pytest.mark.slow

SAMPLES = (
    "mirror-used",
    "mirror-fallback",
    "mirror-used-trace",
    "network-mismatch",
    "keypair-mismatch",
    "untrusted-terminal",
    "parallel",
    "cut-head",
)

Show = Callable[..., Shown]
Pages = Callable[..., Path]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_opens_with_the_answer_and_asks_for_nothing(
    show: Show, pages: Pages, name: str, width: int, scheme: str
) -> None:
    shown = show(pages(name), width=width, color_scheme=scheme)
    assert (shown.complaints, shown.asked) == ([], [])
    head = shown.page.locator("h1")
    assert head.is_visible()
    assert head.bounding_box()["y"] < 200
    assert re.search(r"\d+ rules? failed|passed|unknown|Nothing|nothing|Everything", head.inner_text())
    root = "document.documentElement"
    assert shown.ask(f"{root}.scrollWidth <= {root}.clientWidth")


def test_the_first_thing_that_tab_reaches_skips_to_the_rules(show: Show, pages: Pages) -> None:
    shown = show(pages("mirror-fallback"))
    shown.page.keyboard.press("Tab")
    assert shown.ask("document.activeElement.className") == "skip"
    assert shown.ask("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    shown.page.keyboard.press("Enter")
    assert shown.ask("location.hash") == "#rules"


def test_everything_that_does_something_is_reached_by_keyboard(show: Show, pages: Pages) -> None:
    shown = show(pages("mirror-fallback"))
    wanted = shown.ask(
        "[...document.querySelectorAll('a[href], button, input, select, summary, [tabindex=\"0\"]')]"
        ".filter(one => one.checkVisibility()).length"
    )
    reached = shown.ask("(window.reached = new Set(), 0)")
    for _ in range(wanted + 20):
        shown.page.keyboard.press("Tab")
        reached = shown.ask("window.reached.add(document.activeElement).size")
    # the body is where the round begins anew
    assert reached >= wanted
    assert shown.complaints == []


def test_images_are_filtered(show: Show, pages: Pages) -> None:
    shown = show(pages("parallel"))
    images = shown.page.locator("details.image:visible")
    before = images.count()
    assert before > 1
    title = images.first.locator("summary").inner_text().split()[0]
    shown.page.locator("section.images input[type=search]").fill(title.rpartition("/")[2])
    assert 0 < images.count() < before
    shown.page.locator("section.images input[type=search]").fill("no such image")
    assert images.count() == 0


def test_the_timeline_is_zoomed_moved_and_filtered(show: Show, pages: Pages) -> None:
    shown = show(pages("mirror-fallback"))
    picture = "document.querySelector('canvas').toDataURL()"
    view = shown.page.locator("[data-tl=view]")
    count = shown.page.locator("[data-tl=count]")
    view.scroll_into_view_if_needed()
    shown.page.wait_for_timeout(200)
    seen = {shown.ask(picture)}

    def changed() -> bool:
        shown.page.wait_for_timeout(120)
        size = len(seen)
        seen.add(shown.ask(picture))
        return len(seen) > size

    assert "28 requests" in count.inner_text()
    shown.page.locator("[data-tl=in]").click()
    assert changed(), "a button zooms in"
    view.focus()
    shown.page.keyboard.press("+")
    assert changed(), "a key zooms in"
    shown.page.keyboard.press("ArrowRight")
    assert changed(), "an arrow moves"
    shown.page.keyboard.press("ArrowDown")
    assert changed(), "an arrow goes to the next row"
    shown.page.keyboard.press("f")
    shown.page.wait_for_timeout(120)
    assert "404" in shown.page.locator("[data-tl=info]").inner_text()
    shown.page.keyboard.press("0")
    shown.page.locator("[data-tl=bad]").check()
    assert "13" in count.inner_text()
    shown.page.locator("[data-tl=bad]").uncheck()
    shown.page.locator("[data-tl=host]").select_option(index=1)
    assert count.inner_text().split()[0] in ("13", "15")
    assert shown.complaints == []


def test_a_table_is_sorted_by_its_head(show: Show, pages: Pages) -> None:
    shown = show(pages("mirror-fallback"))
    hosts = shown.page.locator("section.hosts tbody tr td:first-child .host")
    before = hosts.all_inner_texts()
    shown.page.locator("section.hosts th button").first.click()
    first = hosts.all_inner_texts()
    shown.page.locator("section.hosts th button").first.click()
    assert hosts.all_inner_texts() == first[::-1]
    assert sorted(before) == sorted(first)


def test_the_numbers_are_those_of_the_tables(show: Show, pages: Pages, repository: Path) -> None:
    import analyzer as bk

    sample = repository / "sample_logs" / "mirror-fallback"
    seen = bk.attribute(bk.read(sample / "buildkitd.log"), bk.load_config(sample / "buildkitd.toml"))
    counts: dict[str, int] = {}
    for host in seen.tables["requests"]["host"].to_pylist():
        counts[host] = counts.get(host, 0) + 1
    shown = show(pages("mirror-fallback"))
    rows = shown.page.locator("section.hosts tbody tr")
    told = {
        rows.nth(number).locator(".host").inner_text(): int(
            rows.nth(number).locator("td[data-label=requests]").get_attribute("data-sort")
        )
        for number in range(rows.count())
    }
    assert told == counts


def test_it_can_be_read_without_scripts(show: Show, pages: Pages) -> None:
    shown = show(pages("mirror-fallback"), java_script_enabled=False)
    text = shown.page.locator("body").inner_text()
    assert "mirror-served" in text
    assert "registry-1.docker.io" in text
    assert not shown.page.locator("[data-tl=view]").is_visible()


def test_paper_holds_what_was_folded(show: Show, pages: Pages) -> None:
    shown = show(pages("mirror-fallback"))
    shown.ask("dispatchEvent(new Event('beforeprint'))")
    folded = shown.ask("[...document.querySelectorAll('details')].filter(one => !one.open).length")
    assert folded == 0
    shown.ask("dispatchEvent(new Event('afterprint'))")
    assert shown.ask("[...document.querySelectorAll('details')].some(one => !one.open)")
    assert shown.page.pdf().startswith(b"%PDF")


def test_a_hostile_log_stays_text(show: Show, tmp_path: Path, repository: Path) -> None:
    """Markup, scripts, bidi and control characters where hosts, images, spans and errors are named."""
    from analyzer.cli import main

    text = (repository / "sample_logs" / "mirror-fallback" / "buildkitd.log").read_text()
    evil = "</script><script>window.bad=1</script><img src=x onerror=window.bad=1>\\u202e\\u001b[31m${{ x }}"
    for old in ("[internal] load build context", "404 Not Found", "resolving docker.io/library/alpine:3.20"):
        assert old in text
        text = text.replace(old, old + evil.replace('"', "'"))
    log, target = tmp_path / "<img src=x onerror=window.bad=1>.log", tmp_path / "hostile.html"
    log.write_text(text)
    config = repository / "sample_logs" / "mirror-fallback" / "buildkitd.toml"
    assert main(["report", str(log), "--config", str(config), "-o", str(target)]) == 0
    shown = show(target)
    shown.page.locator("[data-tl=view]").focus()
    for key in ("f", "n", "ArrowDown", "Enter", "+"):
        shown.page.keyboard.press(key)
    shown.page.wait_for_timeout(100)
    assert (shown.complaints, shown.asked, shown.ask("window.bad")) == ([], [], None)
    assert shown.ask("document.querySelectorAll('img, iframe').length") == 0
    assert "onerror" in shown.page.locator("body").inner_text()
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x1b]", target.read_text(encoding="utf-8"))


def _luminance(colour: str) -> float:
    def channel(value: int) -> float:
        part = value / 255
        return part / 12.92 if part <= 0.03928 else float(((part + 0.055) / 1.055) ** 2.4)

    red, green, blue = (channel(int(colour[at : at + 2], 16)) for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_colour_of_text_stands_out(show: Show, pages: Pages, scheme: str) -> None:
    """WCAG 2.2, 1.4.3: at least 4.5 to 1."""
    shown = show(pages("mirror-used"), color_scheme=scheme)
    style = "getComputedStyle(document.documentElement).getPropertyValue"
    colours = {
        name: shown.ask(f"{style}('--{name}').trim()")
        for name in ("paper", "card", "ink", "soft", "link", "fail", "unknown", "pass", "mirror", "upstream")
    }
    weak = []
    for ground in ("paper", "card"):
        for ink in ("ink", "soft", "link", "fail", "unknown", "pass", "mirror", "upstream"):
            light, dark = sorted((_luminance(colours[ground]), _luminance(colours[ink])), reverse=True)
            if (light + 0.05) / (dark + 0.05) < 4.5:
                weak.append((ink, ground))
    assert weak == []


def test_many_requests_stay_within_reach(show: Show, tmp_path: Path, repository: Path) -> None:
    """50,000 requests: the page opens, is filtered, and is not much larger than what it shows."""
    from analyzer.cli import main

    log, target = tmp_path / "buildkitd.log", tmp_path / "many.html"
    command = [sys.executable, "-m", "benchmarks.generate", "--size", "110MB", "--out", str(log)]
    subprocess.run(command, cwd=repository, check=True)
    assert main(["report", str(log), "-o", str(target)]) == 0
    assert target.stat().st_size < 16_000_000
    shown = show(target)
    count = shown.page.locator("[data-tl=count]")

    def number() -> int:
        return int(count.inner_text().split()[0].replace(",", ""))

    assert number() >= 50_000
    shown.page.locator("[data-tl=bad]").check()
    assert 0 < number() < 50_000
    assert shown.complaints == []
