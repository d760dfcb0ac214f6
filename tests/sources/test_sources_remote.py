from __future__ import annotations

import gzip
import io
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem

from analyzer.errors import SourceError
from analyzer.sources import Source, Unreadable, open_each, open_sources, remote
from analyzer.sources.remote import _match_keys, explain

LOG = b'time="2026-11-24T22:00:00Z" level=info msg=x\n' * 300


def read(source: Source) -> bytes:
    with source.open() as stream:
        return stream.read()


@pytest.fixture
def memory() -> Iterator[Any]:
    """A folder of its own in fsspec's memory file system."""
    system = fsspec.filesystem("memory")
    root = f"/{uuid4().hex}"

    def put(files: dict[str, bytes]) -> str:
        for name, data in files.items():
            system.pipe_file(f"{root}/{name}", data)
        return f"memory:/{root}"

    yield put
    if system.exists(root):
        system.rm(root, recursive=True)


class Flaky(MemoryFileSystem):  # type: ignore[misc]
    """A store whose streams break at given places."""

    protocol = "flaky"
    cachable = False
    breaks: ClassVar[list[int]] = []
    error: ClassVar[Exception] = ConnectionResetError(104, "Connection reset by peer")
    opened: ClassVar[int] = 0

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        return super()._strip_protocol(path.replace("flaky://", "memory://", 1))

    def _open(self, path: str, mode: str = "rb", **options: Any) -> Any:
        type(self).opened += 1
        return Breaking(super()._open(path, mode, **options), type(self).breaks, type(self).error)


class Breaking:
    def __init__(self, stream: Any, breaks: list[int], error: Exception) -> None:
        self.stream, self.breaks, self.error = stream, breaks, error

    def seek(self, offset: int) -> None:
        self.stream.seek(offset)

    def read(self, count: int) -> bytes:
        if self.breaks and self.stream.tell() >= self.breaks[0]:
            self.breaks.pop(0)
            raise self.error
        return bytes(self.stream.read(min(count, 1000)))

    def close(self) -> None:
        self.stream.close()


@pytest.fixture
def flaky(memory: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A log in a store that breaks off at the offsets given."""
    fsspec.register_implementation("flaky", Flaky, clobber=True)
    monkeypatch.setattr(remote, "_PAUSE", 0.0)

    def put(data: bytes, breaks: list[int], error: Exception | None = None) -> str:
        monkeypatch.setattr(Flaky, "breaks", breaks)
        monkeypatch.setattr(Flaky, "opened", 0)
        if error:
            monkeypatch.setattr(Flaky, "error", error)
        return str(memory({"web/x.log": data})).replace("memory", "flaky", 1) + "/web/x.log"

    return put


def test_a_file_behind_a_url(memory: Any) -> None:
    url = memory({"web3/buildkitd.log": LOG}) + "/web3/buildkitd.log"

    (source,) = open_sources([url])

    assert (source.name, source.path, source.size, source.plain_path) == (url, None, len(LOG), None)
    assert (source.builder, source.repeatable, source.spooled) == ("web3", True, False)
    assert read(source) == read(source) == LOG
    assert source.damaged is None


@pytest.mark.parametrize("data", [b"", b"x", LOG])
def test_what_it_holds_is_told_by_its_first_bytes(memory: Any, data: bytes) -> None:
    url = memory({"a.log": gzip.compress(data), "b.log.gz": data})

    assert [read(source) for source in open_sources([f"{url}/a.log", f"{url}/b.log.gz"])] == [data, data]


def test_nothing_is_read_before_it_is_opened(flaky: Any) -> None:
    (source,) = open_sources([flaky(LOG, [])])
    assert Flaky.opened == 0

    assert read(source) == LOG
    assert Flaky.opened == 1


def test_a_pattern_comes_sorted_with_a_builder_each(memory: Any) -> None:
    files = {f"builder-{number}/buildkitd.log.gz": gzip.compress(b"%d\n" % number) for number in (2, 10, 1)}
    url = memory({**files, "builder-3/other.log": LOG, "deep/er/buildkitd.log.gz": LOG})

    sources = open_sources([f"{url}/*/buildkitd.log.gz"])

    assert [source.name for source in sources] == [
        f"{url}/builder-{number}/buildkitd.log.gz" for number in (1, 10, 2)
    ]
    assert [source.builder for source in sources] == ["builder-1", "builder-10", "builder-2"]
    assert [read(source) for source in sources] == [b"1\n", b"10\n", b"2\n"]


def test_a_pattern_through_all_folders(memory: Any) -> None:
    url = memory({"a/buildkitd.log": LOG, "b/c/buildkitd.log": LOG})

    assert [source.builder for source in open_sources([f"{url}/**/buildkitd.log"])] == ["a", "c"]


def test_folders_that_a_pattern_matches_stand_for_their_logs(memory: Any) -> None:
    url = memory({"a/buildkitd.log": b"a", "a/other.log": LOG, "b/x.log": b"b", "c/readme": LOG})

    assert [source.name for source in open_sources([f"{url}/*"])] == [
        f"{url}/a/buildkitd.log",
        f"{url}/b/x.log",
    ]


def test_a_folder_joins_rotated_parts(memory: Any) -> None:
    url = memory(
        {
            "buildkitd.log": b"now\n",
            "buildkitd.log.1": b"then\n",
            "buildkitd.log.2.gz": gzip.compress(b"first\n"),
            "other.log": LOG,
        }
    )

    for spec in (url, f"{url}/", f"{url}/buildkitd.log*"):
        (source,) = open_sources([spec])
        assert (source.name, read(source)) == (f"{url}/buildkitd.log", b"first\nthen\nnow\n")


def test_what_comes_twice_is_read_once(memory: Any) -> None:
    url = memory({"a/x.log": LOG, "b/x.log": LOG})

    sources = open_sources([f"{url}/b/x.log", f"{url}/*/x.log", f"{url}/a"])

    assert [source.name for source in sources] == [f"{url}/b/x.log", f"{url}/a/x.log"]
    assert [source.builder for source in sources] == ["x", "x-2"]


@pytest.mark.parametrize("spec", ["/nothing.log", "/*.log", "/empty"])
def test_what_is_not_there(memory: Any, spec: str) -> None:
    url = memory({"empty/readme": b""})

    with pytest.raises(SourceError, match=r"no such file|nothing matches|holds no log") as caught:
        open_sources([url + spec])

    assert caught.value.where == url + spec
    assert caught.value.hint


def test_one_of_several_that_cannot_be_read_is_a_value(memory: Any, tmp_path: Path) -> None:
    url = memory({"a/x.log": LOG})
    (tmp_path / "x.log").write_bytes(b"PK\x03\x04")

    found = open_each([f"{url}/b/x.log", f"{url}/a/x.log", str(tmp_path / "x.log"), "builder:x"])

    assert [type(one) for one in found] == [Unreadable, Source, Unreadable, Unreadable]
    assert isinstance(found[0], Unreadable)
    assert (found[0].name, found[0].error.where) == (f"{url}/b/x.log", f"{url}/b/x.log")
    assert [one.builder for one in found[:3]] == ["x", "x-2", "x-3"]


def test_an_archive_is_refused_when_it_is_opened(memory: Any) -> None:
    (source,) = open_sources([memory({"x.log": b"PK\x03\x04"}) + "/x.log"])

    with pytest.raises(SourceError, match="archive"):
        source.open()


@pytest.mark.parametrize("breaks", [[0], [1], [5000], [0, 0, 0], [1000, 5000, 5000, 9000]])
def test_a_broken_connection_is_taken_up_again(flaky: Any, breaks: list[int]) -> None:
    (source,) = open_sources([flaky(LOG, list(breaks))])

    assert read(source) == LOG
    assert source.damaged is None
    assert Flaky.opened == len(breaks) + 1


def test_a_connection_that_stays_broken_is_no_complete_log(flaky: Any) -> None:
    (source,) = open_sources([flaky(LOG, [5000] * 4)])

    assert read(source) == LOG[:5000]
    assert source.damaged == "the connection broke after 5000 bytes: connection reset by peer"
    assert read(source) == LOG
    assert source.damaged is None


def test_a_broken_compressed_log_says_that_the_connection_broke(flaky: Any) -> None:
    data = gzip.compress(LOG, compresslevel=0)
    (source,) = open_sources([flaky(data, [5000] * 4)])

    assert LOG.startswith(read(source)[:4000])
    assert source.damaged is not None
    assert "connection broke" in source.damaged


def test_a_connection_that_never_works_is_an_error(flaky: Any) -> None:
    (source,) = open_sources([flaky(LOG, [0] * 4)])

    with pytest.raises(SourceError, match="connection reset by peer") as caught:
        source.open()

    assert caught.value.where == source.name


def test_a_lasting_error_is_not_tried_again(flaky: Any) -> None:
    (source,) = open_sources([flaky(LOG, [0, 0], PermissionError("Forbidden"))])

    with pytest.raises(SourceError, match="may not be read: forbidden") as caught:
        source.open()

    assert Flaky.opened == 1
    assert "credentials" in (caught.value.hint or "")


def test_a_file_that_ends_too_early_is_told(memory: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_PAUSE", 0.0)
    url = memory({"x.log": LOG}) + "/x.log"
    (source,) = open_sources([url])
    fsspec.filesystem("memory").pipe_file(url.removeprefix("memory:/"), LOG[:1000])

    assert read(source) == LOG[:1000]
    assert source.damaged is not None
    assert f"it ended after 1000 of {len(LOG)} bytes" in source.damaged


def test_a_source_travels_to_another_process(memory: Any, tmp_path: Path) -> None:
    (tmp_path / "a.log").write_bytes(LOG)
    (tmp_path / "b.log").write_bytes(b"now\n")
    (tmp_path / "b.log.1").write_bytes(gzip.compress(b"then\n")[:-4])
    url = memory({"x.log": LOG}) + "/x.log"

    sources = open_sources([str(tmp_path), url, "-"], stdin=io.BytesIO(LOG))
    copies = pickle.loads(pickle.dumps(sources))

    assert copies == sources
    assert [read(copy) for copy in copies] == [LOG, b"then\nnow\n", LOG, LOG]
    assert copies[1].damaged is not None
    assert [copy.spooled for copy in copies] == [False, False, False, True]
    del copies
    assert read(sources[3]) == LOG


def test_an_unreadable_source_shows_no_secret() -> None:
    assert "secret" not in repr(open_each(["nope://me:secret@host/x.log?k=secret"]))


@pytest.mark.parametrize(
    ("spec", "what", "hint"),
    [
        ("nope://me:secret@bucket/x.log", "no way to read nope://", "fsspec knows"),
        ("hdfs-x://a/*.log", "no way to read hdfs-x://", "fsspec knows"),
    ],
)
def test_an_unknown_protocol(spec: str, what: str, hint: str) -> None:
    with pytest.raises(SourceError, match=what) as caught:
        open_sources([spec])

    assert "secret" not in str(caught.value)
    assert hint in (caught.value.hint or "")


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)

    with pytest.raises(SourceError, match="a package that reads s3:// is not installed") as caught:
        open_sources(["s3://bucket/x.log"])

    assert caught.value.hint == "pip install s3fs"


def test_without_fsspec_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec.core", None)

    with pytest.raises(SourceError, match="needs fsspec"):
        open_sources(["memory://a/x.log"])


def test_files_need_no_fsspec(repository: Path) -> None:
    sample = (repository / "sample_logs" / "mirror-used").as_uri()
    code = f"""if True:
        import sys
        from analyzer.sources import open_sources
        with open_sources([{sample!r}])[0].open() as stream:
            stream.read()
        sys.exit("fsspec" in sys.modules)"""

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


class NoCredentialsError(Exception):
    pass


class ServerError(Exception):
    def __init__(self, status: int) -> None:
        super().__init__(f"{status}, url='https://me:secret@host/x.log?sig=secret'")
        self.status = status


def wrapped(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (NoCredentialsError("Unable to locate credentials"), "no credentials are found"),
        (FileNotFoundError("The specified bucket does not exist"), "there is no such file"),
        (
            wrapped(FileNotFoundError("https://me:secret@host/x.log"), ServerError(404)),
            "there is no such file",
        ),
        (
            wrapped(FileNotFoundError("https://me:secret@host/x.log"), ServerError(403)),
            "it may not be read: 403",
        ),
        (wrapped(FileNotFoundError("x"), OSError(111, "Connection refused")), "connection refused"),
        (ServerError(500), "it cannot be read: 500"),
        (PermissionError("Access Denied"), "it may not be read: access denied"),
        (RuntimeError(), "it cannot be read: runtimeerror"),
    ],
)
def test_errors_of_other_libraries_in_plain_words(error: Exception, what: str) -> None:
    told = explain(error, "https://me:secret@host/x.log?sig=secret")

    assert what in told.what
    assert told.where == "https://***@host/x.log?***"
    assert told.hint
    assert "secret" not in str(told)


def test_a_listing_of_keys_is_matched_as_folders_are() -> None:
    keys = {
        name: {"name": name, "type": "file", "size": len(name)}
        for name in ("b/a/buildkitd.log", "b/a/x.log", "b/c/d/buildkitd.log", "b/e/x.log", "b/x.log")
    }

    def matched(pattern: str) -> list[str]:
        return sorted(path for path, _ in _match_keys(keys, pattern))

    assert matched("b/*/buildkitd.log") == ["b/a/buildkitd.log"]
    assert matched("b/**/buildkitd.log") == ["b/a/buildkitd.log", "b/c/d/buildkitd.log"]
    assert matched("b/*") == ["b/a/buildkitd.log", "b/e/x.log", "b/x.log"]
    assert matched("b/[ae]") == ["b/a/buildkitd.log", "b/e/x.log"]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    pytest.importorskip("aiohttp")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            pass

        def do_GET(self) -> None:
            if self.path.startswith("/denied"):
                self.send_error(403)
            elif self.path.startswith("/torn"):
                self.send_response(200)
                self.send_header("Content-Length", str(len(LOG)))
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(LOG[:1000])
            else:
                super().do_GET()

        def do_HEAD(self) -> None:
            self.do_GET() if self.path.startswith(("/denied", "/torn")) else super().do_HEAD()

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{serving.server_port}"
        serving.shutdown()


def test_a_web_server(server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_PAUSE", 0.0)
    (tmp_path / "web").mkdir()
    (tmp_path / "web" / "buildkitd.log.gz").write_bytes(gzip.compress(LOG))
    (tmp_path / "web" / "other.log").write_bytes(LOG)
    secret = server.replace("//", "//me:secret@")

    for spec in (
        f"{secret}/web/buildkitd.log.gz?sig=secret",
        f"{secret}/web/",
        f"{secret}/*/buildkitd.log.gz",
    ):
        (source,) = open_sources([spec])
        assert read(source) == read(source) == LOG
        assert source.builder == "web"
        assert "secret" not in repr(source)

    one, two = open_sources([f"{server}/web/other.log?a=1", f"{server}/web/other.log?a=2"])
    assert (two.name, one.builder, two.builder) == (f"{one.name} (2)", "other", "other-2")

    for spec, what in (("/denied.log", "may not be read"), ("/web/none.log", "no such file")):
        (found,) = open_each([f"{secret}{spec}"])
        assert isinstance(found, Unreadable)
        assert what in found.error.what
        assert "secret" not in str(found.error)

    (torn,) = open_sources([f"{server}/torn.log"])
    # what came before the break is lost if the break is noticed first
    assert outcome(torn).startswith(("1000: the connection broke after 1000 bytes", "it cannot be read"))


def outcome(source: Source) -> str:
    try:
        return f"{len(read(source))}: {source.damaged}"
    except SourceError as error:
        return error.what
