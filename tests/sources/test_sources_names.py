from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.sources import builder_of
from analyzer.sources.builders import unique_builders
from analyzer.sources.names import is_url, shown_name, shown_text


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("logs/a b.log", "logs/a b.log"),
        ("logs/a@b?c=d.log", "logs/a@b?c=d.log"),
        ("s3://logs/*/buildkitd.log.gz", "s3://logs/*/buildkitd.log.gz"),
        ("s3://logs/builder-?/x.log", "s3://logs/builder-?/x.log"),
        ("s3://logs/x.log?versionId=abc", "s3://logs/x.log?***"),
        ("https://example.com/x.log", "https://example.com/x.log"),
        ("https://me:secret@example.com:8443/x.log", "https://***@example.com:8443/x.log"),
        ("https://token@example.com/a@b.log", "https://***@example.com/a@b.log"),
        ("https://me:se/cret@example.com/x.log", "https://***@example.com/x.log"),
        ("https://me:p@ss@example.com/x.log", "https://***@example.com/x.log"),
        ("https://example.com/x.log?secret", "https://example.com/x.log?***"),
        ("HTTPS://example.com/x.log?X-Amz-Signature=secret&a=b", "HTTPS://example.com/x.log?***"),
        ("https://example.com/x.log#access_token=secret", "https://example.com/x.log#***"),
        ("zip://x.log::https://me:secret@h/x.zip?k=secret", "zip://x.log::https://***@h/x.zip?***"),
    ],
)
def test_what_a_url_hides_is_not_shown(name: str, shown: str) -> None:
    assert shown_name(name) == shown
    assert "secret" not in shown_name(name)


@given(st.text("ab:/@?#=*[]"), st.sampled_from(["", "https://", "s3://", "zip://x::s3://"]))
def test_any_name_can_be_shown(text: str, scheme: str) -> None:
    shown = shown_name(scheme + text)

    assert shown_name(shown) == shown or "***" in shown


def test_urls_in_a_message_hide_it_too() -> None:
    text = "403, url='https://me:secret@example.com/x?sig=secret' (see s3://a/b)"

    assert shown_text(text) == "403, url='https://***@example.com/x?***' (see s3://a/b)"


@pytest.mark.parametrize(
    ("spec", "url"), [("s3://b/k", True), ("simplecache::s3://b/k", True), ("a:b", False)]
)
def test_urls(spec: str, url: bool) -> None:
    assert is_url(spec) is url


@pytest.mark.parametrize(
    ("name", "builder"),
    [
        ("s3://logs/builder-17/buildkitd.log.gz", "builder-17"),
        ("s3://logs/2026-11-24/builder-17/buildkitd.log.gz", "builder-17"),
        ("s3://logs/builder-17/2026-11-24/buildkitd.log.gz", "builder-17"),
        ("s3://logs/date=2026-11-24/builder=web 3/buildkitd.log", "web 3"),
        ("s3://logs/buildkitd.log", "buildkitd"),
        ("/var/log/web3.log.1.gz", "web3"),
        ("/var/log/web3.log-20261124.zst", "web3"),
        ("/var/log/buildkitd.log", "buildkitd"),
        ("/var/log/builder-3/logs/buildkitd.log.2", "builder-3"),
        ("sample_logs/mirror-used/buildkitd.log", "mirror-used"),
        ("buildkitd.log", "buildkitd"),
        ("./dockerd.txt", "dockerd"),
        ("<stdin>", "stdin"),
        (f"containers/{'0f' * 32}/{'0f' * 32}-json.log", "0f" * 32),
        ("/var/log/pods/ci_builder-0_1a2b/buildkitd/0.log", "ci_builder-0_1a2b"),
        ("/var/log/containers/builder-0_ci_buildkitd-1a2b.log", "builder-0_ci_buildkitd-1a2b"),
        ("https://***@logs.example.com/web.log?***", "web"),
        ("https://logs.example.com/buildkitd.log", "logs.example.com"),
        ("zip://web3/buildkitd.log::s3://logs/all.zip", "web3"),
        ("C:\\logs\\web3\\buildkitd.log", "web3"),
        ("", "log"),
        ("/", "log"),
    ],
)
def test_the_builder_of_a_log(name: str, builder: str) -> None:
    assert builder_of(name) == builder


def test_builders_are_told_apart() -> None:
    names = ["a/x.log", "b/x.log", "x-2.log", "c/x.log"]

    assert unique_builders(names) == ["x", "x-3", "x-2", "x-4"]


@given(st.lists(st.text("ab/.-23log")))
def test_no_two_builders_are_the_same(names: list[str]) -> None:
    builders = unique_builders(names)

    assert len(set(builders)) == len(names) == len(builders)
    assert all(builders)
    assert builders == unique_builders(names)
