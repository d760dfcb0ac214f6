from __future__ import annotations

import io
import pickle
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer import redaction, secretforms
from analyzer.records import read_batches
from analyzer.redaction import Redactor

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxMjM0In0.c2lnbmF0dXJl"
GITHUB = "ghp_0123456789abcdefABCDEF0123456789abcd"
PEM = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkq\n-----END PRIVATE KEY-----"


def batch_of_log(text: str, **options: int) -> list[pa.RecordBatch]:
    return list(read_batches(io.BytesIO(text.encode()), "log", **options))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://user:hunter2@r.example.com/v2/", "https://redacted-userinfo-1@r.example.com/v2/"),
        ("https://user:p@ss@r.example.com/v2/", "https://redacted-userinfo-1@r.example.com/v2/"),
        (
            f"git clone https://{GITHUB}@github.com/a/b",
            "git clone https://redacted-userinfo-1@github.com/a/b",
        ),
        (
            "https://m/v2/a?ns=docker.io&X-Sig=abc&scope=s",
            "https://m/v2/a?ns=docker.io&X-Sig=[redacted:query:1]&scope=s",
        ),
        ("https://cdn/blob?verify=1-abc%2F", "https://cdn/blob?verify=[redacted:query:1]"),
        ("https://cdn/blob?abcdef", "https://cdn/blob?[redacted:query:1]"),
        ("/v2/a/blobs/uploads/1?_state=abc", "/v2/a/blobs/uploads/1?_state=[redacted:query:1]"),
        (f"Authorization: Bearer {JWT}", "Authorization: Bearer [redacted:jwt:1]"),
        ("Bearer abcdefghijklmnop1234", "Bearer [redacted:bearer:1]"),
        ("Authorization: Basic dXNlcjpodW50ZXIy", "Authorization: Basic [redacted:basic:1]"),
        (f"echo {GITHUB} | login", "echo [redacted:token:1] | login"),
        ("aws AKIAIOSFODNN7EXAMPLE", "aws [redacted:token:1]"),
        ("glpat-ABCDEFGHIJKLMNOPQRST", "[redacted:token:1]"),
        ("dckr_pat_ABCDEFGHIJKLMNOPQRST", "[redacted:token:1]"),
        (f"RUN echo {PEM} > k", "RUN echo [redacted:pem:1] > k"),
        ("RUN echo -----BEGIN RSA PRIVATE KEY-----MIIE", "RUN echo [redacted:pem:1]"),
        ("[/bin/sh -c login --password hunter2]", "[/bin/sh -c login --password [redacted:password:1]]"),
        ("login --password=hunter2 -u me", "login --password=[redacted:password:1] -u me"),
        (
            "MYSQL_ROOT_PASSWORD=hunter2 DB_PASS=x run",
            "MYSQL_ROOT_PASSWORD=[redacted:password:1] DB_PASS=[redacted:password:2] run",
        ),
        ('export TOKEN="a b c" && x', 'export TOKEN="[redacted:password:1]" && x'),
        (
            r"sh -c \"export TOKEN=\\\"a b\\\" && x\"",
            r"sh -c \"export TOKEN=\\\"[redacted:password:1]\\\" && x\"",
        ),
        ('{"password":"x","user":"u"}', '{"password":"[redacted:password:1]","user":"u"}'),
        ("//npm.example.com/:_authToken=abc-def", "//npm.example.com/:_authToken=[redacted:password:1]"),
        ("password: hunter2", "password: [redacted:password:1]"),
        ("curl -u me:hunter2 https://h/", "curl -u me:[redacted:password:1] https://h/"),
        ('curl --user="me:hunter2"', 'curl --user="me:[redacted:password:1]"'),
        ('curl -H "PRIVATE-TOKEN: abc"', 'curl -H "PRIVATE-TOKEN: [redacted:password:1]"'),
        ("curl -H X-Api-Key:abc", "curl -H X-Api-Key:[redacted:password:1]"),
        ("Authorization: token abc", "Authorization: token [redacted:password:1]"),
    ],
)
def test_secrets_become_marks(text: str, expected: str) -> None:
    redactor = Redactor()

    assert redactor.text(text) == expected
    assert sum(redactor.counts.values()) >= 1
    assert Redactor().text(expected) == expected


@pytest.mark.parametrize(
    "text",
    [
        'failed to do request: Head "https://mirror.example.com:5000/v2/a/manifests/3.20?ns=docker.io": EOF',
        'failed to fetch anonymous token: Get "https://a.io/token?scope=repository%3Aa&service=r": EOF',
        'Bearer realm="https://auth.docker.io/token",service="r",scope="repository:a:pull"',
        "docker-image://alpine@sha256:9fe30b820ff6381dec4dabde3a0bc99d9b7972b37f1b8994242d35e494a0c2b8",
        "docker.io/library/alpine:3.20@sha256:9fe30b820ff6381dec4dabde3a0bc99d9b7972b37f1b8994242d35e494a0c2b8",
        "[2/2] RUN --mount=type=secret,id=npm cat /run/secrets/npm",
        "NPM_TOKEN=$NPM_TOKEN PASSWORD=${PASSWORD} run",
        "ssh://git@github.com/a/b.git",
        "resolving ghcr.io/acme/token-service:1.0@sha256:9fe30b820ff6381dec4dabde3a0bc99d9b7972b37f1b8994242d35e4",
        "docker.io/library/secrets: not found",
        "password-manager: docker.io/library/password-manager:latest: not found",
        'failed to compute cache key: "/secrets": not found: not found',
        "https://r.example.com/v2/team/access-key/manifests/1?ns=docker.io",
        "docker run --user 1000:1000 x",
        "no basic auth credentials",
        "basic authentication",
        "token request failed",
        "unknown instruction: FORM (did you mean FROM?)",
        "failed to read /etc/buildkit/certs/mirror.example.com/ca.pem: open x: no such file or directory",
        "51 v0.17.3 /usr/bin/buildkitd --config /etc/buildkit/buildkitd.toml",
    ],
)
def test_what_checks_need_stays(text: str) -> None:
    assert Redactor().text(text) == text


def test_equal_secrets_have_equal_marks() -> None:
    redactor = Redactor()

    assert redactor.text("PASSWORD=a") == redactor.text("PASSWORD=a")
    assert redactor.text("PASSWORD=a") != redactor.text("PASSWORD=b")
    assert redactor.counts == {"password": 4}


def test_a_key_makes_marks_equal_in_every_run() -> None:
    one, two, other = (Redactor(key).text("PASSWORD=hunter2") for key in (b"k", b"k", b"l"))

    assert one == two != other
    assert "hunter2" not in one


def test_a_forged_mark_hides_nothing() -> None:
    assert "hunter2" not in Redactor().text("PASSWORD=hunter2[redacted:x:1]")
    assert "hunter2" not in Redactor().text("PASSWORD=[redacted:x:1]hunter2")
    assert "hunter2" not in Redactor().field("response.header.set-cookie", "[redacted:x:1] hunter2")


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("request.header.user-agent", "buildkit/v0.17", "buildkit/v0.17"),
        ("response.header.x-goog-hash.1", "crc32c=abc", "crc32c=abc"),
        ("response.header.ratelimit-limit", "100;w=21600", "100;w=21600"),
        ("response.header.x-goog-signature", "abc", "[redacted:header:1]"),
        ("response.header.docker-ratelimit-source", "203.0.113.7", "[redacted:address:1]"),
        ("response.header.set-cookie", "a=b", "[redacted:header:1]"),
        ("response.header.set-cookie.1", "a=b", "[redacted:header:1]"),
        ("request.header.authorization", "Basic x", "[redacted:header:1]"),
        ("response.header.location", "https://cdn/x?sig=abc", "https://cdn/x?sig=[redacted:query:1]"),
        ("password", "hunter2", "[redacted:password:1]"),
        ("digest", "sha256:00", "sha256:00"),
        ("url", "https://m/v2/?ns=docker.io", "https://m/v2/?ns=docker.io"),
    ],
)
def test_fields_go_by_their_key(key: str, value: str, expected: str) -> None:
    assert Redactor().field(key, value) == expected


LOG = "".join(
    f'time="2026-11-24T22:00:00Z" level=debug msg={message} span="[2/2] RUN TOKEN=s{number}" '
    f'error="Get \\"https://cdn/x?sig=e{number}\\": EOF" response.header.set-cookie=c{number} '
    f'url="https://u:p{number}@m/v2/?ns=docker.io"\n'
    for number, message in enumerate(['"PASSWORD=hunter2 x"', "clean", '"do request"'] * 40)
)


def test_a_batch_keeps_its_shape_and_loses_its_secrets() -> None:
    (batch,) = batch_of_log(LOG)
    redactor = Redactor()

    clean = redactor.batch(batch)

    clean.validate(full=True)
    assert clean.schema == batch.schema
    assert clean.column("message")[0].as_py() == "PASSWORD=[redacted:password:1] x"
    assert clean.column("message")[1].as_py() == "clean"
    assert clean.column("error")[0].as_py() == 'Get "https://cdn/x?sig=[redacted:query:1]": EOF'
    assert dict(clean.column("fields")[1].as_py()) == {
        "response.header.set-cookie": "[redacted:header:2]",
        "url": "https://redacted-userinfo-2@m/v2/?ns=docker.io",
    }
    assert redactor.counts == {"password": 160, "query": 120, "header": 120, "userinfo": 120}
    text = str(clean.to_pylist())
    assert "hunter2" not in text
    assert ":p1@" not in text


def test_raw_text_is_cleaned_too() -> None:
    (batch,) = batch_of_log(
        f"oops PASSWORD=hunter2\n51 v0.17.3 /usr/bin/buildkitd --otel-token {JWT}\n{PEM}\n"
    )

    text = Redactor().batch(batch).column("text")[0].as_py()

    assert "hunter2" not in text
    assert JWT not in text
    assert "MIIE" not in text
    assert "51 v0.17.3 /usr/bin/buildkitd" in text


def test_marks_do_not_depend_on_how_the_input_is_cut() -> None:
    whole = Redactor()
    expected = pa.Table.from_batches([whole.batch(batch) for batch in batch_of_log(LOG)]).to_pylist()
    for size in (500, 3000):
        redactor = Redactor()
        pieces = [redactor.batch(batch) for batch in batch_of_log(LOG, chunk_bytes=size)]
        assert len(pieces) > 1
        assert [row for piece in pieces for row in piece.to_pylist()] == expected


def test_a_slice_of_a_batch_is_cleaned_alike() -> None:
    (batch,) = batch_of_log(LOG)

    part = Redactor().batch(batch.slice(7, 5))

    part.validate(full=True)
    assert (
        part.to_pylist()
        == Redactor()
        .batch(pa.RecordBatch.from_pylist(batch.slice(7, 5).to_pylist(), batch.schema))
        .to_pylist()
    )


def test_a_clean_batch_is_the_same_object() -> None:
    (batch,) = batch_of_log(
        'time="2026-11-24T22:00:00Z" level=debug msg=x url="https://m/v2/?ns=docker.io"\n'
    )

    assert Redactor().batch(batch) is batch


def test_it_can_be_switched_off() -> None:
    (batch,) = batch_of_log(LOG)
    redactor = Redactor(enabled=False)

    assert redactor.batch(batch) is batch
    assert redactor.text("PASSWORD=x") == "PASSWORD=x"
    assert redactor.field("password", "x") == "x"


PARTS = [
    "https://u:p@h/",
    "?ns=docker.io",
    "?nsx=1",
    "&scope=a",
    "&sc=1",
    "?n=1",
    "?service=1&s=2",
    f" {JWT}",
    f" {GITHUB}",
    PEM,
    "Bearer abcdefghijklmnop",
    "basic dXNlcjpwYXNz",
    "PASSWORD=x",
    "DB_PASS=x",
    '"token": "x"',
    "--api-key x",
    "-u a:b",
    " X-Key: a",
    "Authorization: token x",
    " plain ",
    "@",
    "/a",
]


@settings(deadline=None)
@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=5), max_size=6).map("".join))
def test_nothing_passes_the_filter_that_a_closer_look_finds(text: str) -> None:
    (suspicious,) = redaction._suspicious([pa.array([text])])

    assert suspicious[0].as_py() or Redactor().text(text) == text


@settings(deadline=None)
@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=5), max_size=6).map("".join))
def test_clean_text_stays_clean(text: str) -> None:
    once = Redactor().text(text)

    assert Redactor().text(once) == once


@pytest.mark.parametrize(
    "part", ["a", "eyJ", "password", "?a=", "://", "token=", "\\", '"', "-----BEGIN A-----", "--a-"]
)
def test_a_hostile_line_takes_no_longer_than_it_should(part: str) -> None:
    text = part * (200_000 // len(part))
    begin = time.perf_counter()

    Redactor().text(text)

    assert time.perf_counter() - begin < 5


@settings(deadline=None, max_examples=200)
@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=5), max_size=6).map("".join))
def test_hints_leave_out_no_pattern(text: str) -> None:
    plain = Redactor(salt=b"s")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(redaction, "HINTS", (("",),) * len(secretforms.PATTERNS))
        assert plain.text(text) == Redactor(salt=b"s").text(text)


KEYS = ["url", "password", "response.header.set-cookie", "response.header.etag", "x-forwarded-for", "host"]


@settings(deadline=None, max_examples=40)
@given(
    st.lists(
        st.tuples(st.sampled_from([*PARTS, None]), st.sampled_from(KEYS), st.sampled_from([*PARTS, ""])),
        min_size=1,
        max_size=8,
    ),
    st.integers(1, 4),
)
def test_batches_are_cleaned_as_value_by_value(rows: list[tuple[str | None, str, str]], cut: int) -> None:
    (base,) = batch_of_log("x\n")
    one = base.to_pylist()[0]
    records = [{**one, "message": text, "fields": [(key, value)]} for text, key, value in rows]
    whole = pa.RecordBatch.from_pylist(records, schema=base.schema)
    slow = Redactor()
    expected = [
        (
            None if text is None else slow.text(text),
            [(key, value if key in secretforms.INERT else slow.field(key, value))],
        )
        for text, key, value in rows
    ]
    for together in (True, False):
        fast = Redactor()
        pieces = [whole.slice(begin, cut) for begin in range(0, len(rows), cut)]
        clean = fast.batches(pieces) if together else [fast.batch(piece) for piece in pieces]
        found = [(row["message"], row["fields"]) for piece in clean for row in piece.to_pylist()]
        assert found == expected
        assert fast.counts == slow.counts


SECRETS = st.lists(
    st.sampled_from([f"{kind}={n}" for kind in ("PASSWORD", "?q") for n in range(6)]), max_size=8
)


@settings(deadline=None, max_examples=100)
@given(st.lists(SECRETS, max_size=5), st.sampled_from([2, 100]))
def test_parts_redacted_at_once_are_as_one(parts: list[list[str]], limit: int) -> None:
    texts = [[f"x/{text}" if text.startswith("?") else text for text in part] for part in parts]
    serial = Redactor(salt=b"s", limit=limit)
    expected = [[serial.text(text) for text in part] for part in texts]
    parent = Redactor(salt=b"s", limit=limit)
    workers = [Redactor(salt=b"s", limit=None) for _ in range(2)]
    found = []
    for number, part in enumerate(texts):
        worker = workers[number % 2]
        worker.counts.clear()
        clean = [worker.text(text) for text in part]
        news = worker.news()
        if worker.renumber(news, parent.learn(news)):
            worker.counts.clear()
            clean = [worker.text(text) for text in part]
            assert worker.news() == []
        parent.absorb(worker.counts)
        found.append(clean)
    assert found == expected
    assert parent.counts == serial.counts


def test_too_many_secrets_share_a_mark() -> None:
    redactor = Redactor(limit=2)
    marks = [redactor.text(f"PASSWORD={name}") for name in "abcda"]
    names = [mark.partition(":password:")[2] for mark in marks]
    assert names == ["1]", "2]", "more]", "more]", "1]"]
    assert Redactor().text(marks[2]) == marks[2]


def test_a_redactor_goes_to_another_process() -> None:
    redactor = Redactor(salt=b"s")
    first = redactor.text("PASSWORD=a")
    assert pickle.loads(pickle.dumps(redactor)).text("PASSWORD=a") == first


def test_captured_logs_keep_what_checks_need(captures_root: Path | None) -> None:
    if captures_root is None:
        pytest.skip("the captured logs are not here")
    for name in ("mirror-used-auth-v0.12.5", "parallel-v0.17.3"):
        text = (captures_root / name / "buildkitd.log").read_text()
        redactor = Redactor()
        for batch in batch_of_log(text):
            clean = redactor.batch(batch)
            for column in ("message", "span", "error", "trace_id"):
                assert clean.column(column).equals(batch.column(column))
            urls = [pc.map_lookup(one.column("fields"), "url", "first") for one in (clean, batch)]
            assert urls[0].equals(urls[1])
        assert set(redactor.counts) <= {"header", "address"}
