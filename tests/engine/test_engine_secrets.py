"""No byte of a private key that lies in a builder is in anything that the program writes."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from analyzer.reports import FORMATS
from tests.engine.builders import (
    CONFIG,
    MIRROR,
    TLS_CONFIG,
    Builder,
    Feed,
    File,
    Secrets,
    make_builder,
    sample_log,
)
from tests.engine.certificates import KeyPair
from tests.engine.engines import Engine
from tests.engine.program import Outcome, has_command, needs_command

pytest.importorskip("analyzer.sources.containers", reason="sources that run in containers are not there yet")
pytestmark = pytest.mark.slow

ASKED = ("records", "certificate_files", "problems")
FOLDER = f"/etc/buildkit/certs/{MIRROR}"


@pytest.fixture(scope="module")
def stray(secrets: Secrets) -> list[KeyPair]:
    """Keys that lie where no key belongs."""
    return [secrets.authority.issue(f"stray-{number}.example.com") for number in range(4)]


@pytest.fixture
def keys(secrets: Secrets, stray: list[KeyPair]) -> list[KeyPair]:
    """Every key in the builder."""
    return [secrets.client, *stray]


@pytest.fixture(scope="module")
def loaded(shared_engine: Engine, secrets: Secrets, stray: list[KeyPair]) -> Iterator[Builder]:
    """A builder with private keys where they belong and where they do not: in a CA file, beside it, in the
    configuration, and in the log."""
    in_ca, unused, in_config, in_log = stray
    remark = "".join(f"# {line}\n" for line in in_config.key.decode().splitlines())
    quoted = in_log.key.decode().replace("\n", "\\n")
    line = f'time="2026-11-24T22:07:12Z" level=debug msg="read key" content="{quoted}"\n'
    made = make_builder(
        shared_engine,
        "keys",
        [Feed(sample_log("mirror-used") + line.encode())],
        files={
            **secrets.files(),
            CONFIG: File((TLS_CONFIG + remark).encode()),
            f"{FOLDER}/ca.pem": File(secrets.authority.certificate + in_ca.key),
            f"{FOLDER}/unused.key": File(unused.key),
            f"{FOLDER}/unused.der": File(unused.der),
            f"{FOLDER}/encoded.txt": File(unused.key.replace(b"\n", b"\r\n")),
        },
    )
    made.start()
    yield made
    made.remove()


def assert_clean(written: bytes, keys: list[KeyPair], what: object) -> None:
    found = [trace for key in keys for trace in key.traces() if trace in written]
    assert found == [], f"{what} holds key material"


def test_the_traces_of_a_key_are_found_in_itself(secrets: Secrets) -> None:
    key = secrets.client
    for holder in (key.key, key.der, key.key.replace(b"\n", b"\\n"), b"x" + key.der.hex().encode()):
        with pytest.raises(AssertionError):
            assert_clean(holder, [key], "a key")
    assert_clean(key.certificate + key.public, [key], "its public half")


@pytest.mark.parametrize("spoken", [(), ("--no-redact",)], ids=["redacted", "plain"])
def test_no_report_holds_a_key(
    loaded: Builder,
    keys: list[KeyPair],
    run: Callable[..., Outcome],
    meant: Path,
    tmp_path: Path,
    spoken: tuple[str, ...],
) -> None:
    # what stands in the log itself is left there when a person asks for it
    wanted = keys[:-1] if spoken else keys
    for form in FORMATS:
        target = tmp_path / form
        words = ("check", loaded.spec, "--config", meant, "--format", form, "--output", target, *spoken)
        outcome = run(*words)
        outcome.assert_orderly()
        assert target.stat().st_size
        assert_clean((outcome.out + outcome.err).encode() + target.read_bytes(), wanted, form)


def unpacked(path: Path) -> Iterator[tuple[str, bytes]]:
    """Everything in a bundle: its files, the archive, the archive uncompressed, and its members."""
    if path.is_dir():
        for file in sorted(path.rglob("*")):
            yield str(file), b"" if file.is_dir() else file.read_bytes()
        return
    packed = path.read_bytes()
    yield str(path), packed
    plain = gzip.decompress(packed)
    yield f"{path} uncompressed", plain
    with tarfile.open(fileobj=io.BytesIO(plain)) as tar:
        for member in tar:
            held = tar.extractfile(member)
            content = held.read() if held else b""
            yield f"{path}: {member.name}", content
            if content.startswith(b"\x1f\x8b"):
                yield f"{path}: {member.name} uncompressed", gzip.decompress(content)


@pytest.mark.parametrize("name", ["bundle", "bundle.tar.gz"])
def test_no_bundle_holds_a_key(
    loaded: Builder, keys: list[KeyPair], run: Callable[..., Outcome], meant: Path, tmp_path: Path, name: str
) -> None:
    needs_command("collect")
    bundle = tmp_path / name
    outcome = run("collect", loaded.name, bundle)
    outcome.assert_orderly()
    assert outcome.code == 0
    assert_clean((outcome.out + outcome.err).encode(), keys, "collect")
    held = list(unpacked(bundle))
    assert len(held) > 3
    for what, content in held:
        assert_clean(what.encode() + content, keys, what)
    for form in ("terminal", "json"):
        outcome = run("check", bundle, "--config", meant, "--format", form)
        assert_clean((outcome.out + outcome.err).encode(), keys, form)


@pytest.mark.parametrize("form", ["csv", "json"])
def test_no_export_holds_a_key(
    loaded: Builder, keys: list[KeyPair], run: Callable[..., Outcome], meant: Path, tmp_path: Path, form: str
) -> None:
    target = tmp_path / "export"
    outcome = run("export", loaded.spec, target, "--config", meant, "--format", form)
    outcome.assert_orderly()
    assert outcome.code == 0
    files = [path for path in target.rglob("*") if path.is_file()]
    assert files
    for path in files:
        assert_clean(path.read_bytes(), keys, path)


def test_no_dataset_holds_a_key(
    loaded: Builder, keys: list[KeyPair], run: Callable[..., Outcome], meant: Path, tmp_path: Path
) -> None:
    import pyarrow.parquet as pq

    plain = tmp_path / "plain"
    target = tmp_path / "dataset"
    assert run("export", loaded.spec, target, "--config", meant).code == 0
    files = list(target.rglob("*.parquet"))
    assert files
    for path in files:
        assert_clean(path.read_bytes(), keys, path)
        pq.write_table(pq.ParquetFile(path).read(), plain, compression="none", use_dictionary=False)
        assert_clean(plain.read_bytes(), keys, path)


def test_no_table_and_no_query_holds_a_key(
    loaded: Builder, keys: list[KeyPair], run: Callable[..., Outcome], meant: Path
) -> None:
    words = [("query", loaded.spec, f"SELECT * FROM {name}", "--format", "json") for name in ASKED]
    for one in [*words, ("show", loaded.spec, "certificate_files"), ("spans", loaded.spec)]:
        outcome = run(*one, "--config", meant)
        outcome.assert_orderly()
        assert outcome.code == 0, outcome
        assert outcome.out
        assert_clean((outcome.out + outcome.err).encode(), keys, one)


def test_watching_shows_no_key(
    loaded: Builder, keys: list[KeyPair], run: Callable[..., Outcome], meant: Path
) -> None:
    needs_command("watch")
    for form in ("terminal", "json"):
        outcome = run("watch", loaded.name, "--config", meant, "--until-idle", "2", "--format", form)
        outcome.assert_orderly()
        assert outcome.out
        assert_clean((outcome.out + outcome.err).encode(), keys, form)


def test_saved_files_show_no_key(
    loaded: Builder, keys: list[KeyPair], run: Callable[..., Outcome], meant: Path, tmp_path: Path
) -> None:
    if not has_command("collect"):
        pytest.skip("a folder as --effective is not there yet")
    given = loaded.copy("/etc/buildkit", tmp_path / "given")
    (given / "docker-inspect.json").write_bytes(loaded.inspect())
    log = tmp_path / "saved.log"
    log.write_bytes(loaded.logs())
    for form in ("terminal", "json"):
        outcome = run("check", log, "--config", meant, "--effective", given, "--format", form)
        outcome.assert_orderly()
        assert_clean((outcome.out + outcome.err).encode(), keys, form)


def test_an_error_shows_no_key(
    builder: Callable[..., Builder],
    secrets: Secrets,
    run: Callable[..., Outcome],
    meant: Path,
) -> None:
    # a configuration that is a key, and a key where a configuration is meant
    builder("wrong", Feed(sample_log("mirror-used")), files={CONFIG: File(secrets.client.key)})
    key = meant.with_name("client.key")
    key.write_bytes(secrets.client.key)
    for words in (("builder:wrong", "--config", meant), ("builder:wrong", "--config", key)):
        outcome = run("check", *words)
        outcome.assert_orderly()
        assert_clean((outcome.out + outcome.err).encode(), [secrets.client], words)
