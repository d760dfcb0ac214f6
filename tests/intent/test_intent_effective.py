from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer.errors import ConfigError
from analyzer.intent import load_config
from analyzer.intent.differences import compare
from analyzer.intent.effective import config_path, effective_config, runs_rootless
from analyzer.sources.inspection import read_docker_inspect, read_inspection
from analyzer.sources.surroundings import ConfigFile, Program, Surroundings

SYSTEM = "/etc/buildkit/buildkitd.toml"
OWN = "/home/user/.config/buildkit/buildkitd.toml"
ROOTLESS = ("rootlesskit", "buildkitd")


def around(
    text: str | None,
    *words: str,
    path: str = SYSTEM,
    environment: Mapping[str, str] | None = None,
    version: str | None = None,
    driver: str | None = None,
    program: Program = "buildkitd",
) -> Surroundings:
    return Surroundings(
        "builder:b",
        program=program,
        command_line=words or None,
        environment=environment or {},
        version=version,
        driver=driver,
        config=ConfigFile(path, exists=text is not None, text=None if text is None else text.encode()),
    )


@pytest.mark.parametrize(
    ("words", "environment", "expected"),
    [
        (None, {}, SYSTEM),
        (["buildkitd"], {}, SYSTEM),
        (["buildkitd", "--config", "/a.toml"], {}, "/a.toml"),
        (["buildkitd", "--config=/a.toml", "--config", "/b.toml"], {}, "/b.toml"),
        (["buildkitd", "--config"], {}, SYSTEM),
        (["sh", "-c", "exec buildkitd --config /c.toml"], {}, "/c.toml"),
        (["sh", "-c", "exec buildkitd '--config"], {}, SYSTEM),
        (["rootlesskit", "--config", "/kit", "buildkitd"], {}, OWN),
        (["rootlesskit", "buildkitd", "--config", "/a.toml"], {"USER": "user"}, "/a.toml"),
        (ROOTLESS, {"USER": "u", "HOME": "/home/u"}, "/home/u/.config/buildkit/buildkitd.toml"),
        (ROOTLESS, {"USER": "u", "HOME": "/h", "XDG_CONFIG_HOME": "/x"}, "/x/buildkit/buildkitd.toml"),
        (ROOTLESS, {"USER": "root", "HOME": "/root"}, SYSTEM),
        (ROOTLESS, {"USER": "", "HOME": "/root"}, SYSTEM),
        (["buildkitd"], {"USER": "user", "HOME": "/home/user"}, SYSTEM),
    ],
)
def test_where_buildkitd_looks(
    words: Sequence[str] | None, environment: Mapping[str, str], expected: str
) -> None:
    assert config_path(words, environment) == expected


def test_whether_it_is_rootless_may_be_known() -> None:
    assert config_path(["buildkitd"], {}, rootless=True) == OWN
    assert config_path(ROOTLESS, {}, rootless=False) == SYSTEM


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["dockerd"], "/etc/docker/daemon.json"),
        (["dockerd", "--config-file", "/d.json"], "/d.json"),
        (["rootlesskit", "dockerd"], "/home/rootless/.config/docker/daemon.json"),
    ],
)
def test_where_dockerd_looks(words: Sequence[str], expected: str) -> None:
    assert config_path(words, {}, program="dockerd") == expected


def test_file_and_flags_together() -> None:
    text = '[worker.oci]\nnetworkMode = "cni"\n'
    config = effective_config(around(text, "buildkitd", "--oci-worker-net=host"))
    assert config is not None
    assert config.name == SYSTEM
    assert (config.workers["oci"].network, config.workers["oci"].network_source) == ("host", "flag")
    alone = effective_config(around(text))
    assert alone is not None
    assert alone.workers["oci"].network == "cni"


def test_a_missing_file_says_nothing() -> None:
    config = effective_config(around(None, "buildkitd"))
    assert config is not None
    assert config.values == {}


def test_what_is_not_known_is_none() -> None:
    assert effective_config(Surroundings("x", command_line=("buildkitd",))) is None
    for file in (ConfigFile(SYSTEM, exists=None), ConfigFile(SYSTEM, exists=True, error="permission denied")):
        assert effective_config(Surroundings("x", config=file)) is None
    # the daemon reads another file than the one that is known
    assert effective_config(around("debug = true", "buildkitd", "--config=/other.toml")) is None
    assert effective_config(around("debug = true", *ROOTLESS, driver="docker-container")) is None


@pytest.mark.parametrize(
    ("user", "rootless"),
    [(None, None), ("", None), ("root:root", None), ("0:1000", None), ("1000:1000", True)],
)
def test_a_user_other_than_root_runs_rootless(user: str | None, rootless: bool | None) -> None:
    seen = replace(around("debug = true", "buildkitd", path=OWN), user=user)
    assert runs_rootless(seen) is rootless
    assert (effective_config(seen) is not None) is bool(rootless)


def test_a_rootless_pod_does_not_read_its_file() -> None:
    config = effective_config(around("debug = true", *ROOTLESS, driver="kubernetes"))
    assert config is not None
    assert (config.name, config.values) == (OWN, {})


@pytest.mark.parametrize(
    ("text", "words"), [("debug = 1", ()), ("[", ()), ("", ("buildkitd", "--debug=maybe")), ("\udc80", ())]
)
def test_what_the_daemon_refuses_raises(text: str, words: tuple[str, ...]) -> None:
    file = ConfigFile(SYSTEM, exists=True, text=text.encode("utf-8", "surrogateescape"))
    with pytest.raises(ConfigError):
        effective_config(Surroundings("x", command_line=words or None, config=file))


def test_variables_stand_for_flags_that_are_not_given() -> None:
    level = {"BUILDKITD_LOG_LEVEL": "debug"}
    config = effective_config(around("", "buildkitd", environment=level))
    assert config is not None
    assert config.level() == "debug"
    assert str(config.place_of("log", "level")) == "BUILDKITD_LOG_LEVEL=debug"
    assert config.flags == ()
    flag = effective_config(around("", "buildkitd", "--log-level=info", environment=level))
    old = effective_config(around("", "buildkitd", environment=level, version="v0.17.3"))
    # applied after --debug, as a flag would be
    both = effective_config(around("", "buildkitd", "--debug", environment={"BUILDKITD_LOG_LEVEL": "warn"}))
    assert flag is not None
    assert old is not None
    assert both is not None
    assert (flag.level(), old.level(), both.level()) == ("info", "info", "warning")


def test_dockerd_has_a_file_of_its_own() -> None:
    text = '{"registry-mirrors": ["https://m.example.com"]}'
    path = "/etc/docker/daemon.json"
    config = effective_config(around(text, "dockerd", "-D", path=path, program="dockerd"))
    assert config is not None
    assert (config.kind, config.level()) == ("dockerd", "debug")
    assert config.registries["docker.io"].mirrors == ("m.example.com",)
    missing = effective_config(around(None, "dockerd", path=path, program="dockerd"))
    assert missing is not None
    assert (missing.kind, missing.values) == ("dockerd", {})


@given(
    st.lists(
        st.text(max_size=12) | st.sampled_from(["buildkitd", "--config", "-c", "rootlesskit"]), max_size=6
    )
)
def test_any_words_give_a_path(words: list[str]) -> None:
    assert config_path(words, {})
    try:
        config = effective_config(around("debug = true", *words))
    except ConfigError:
        return
    assert config is None or config.kind == "buildkitd"


def test_real_builders(captures_root: Path | None) -> None:
    if captures_root is None:
        pytest.skip("no captured logs beside this checkout")
    compared = 0
    for folder in captures_root.glob("docker-buildx-*"):
        (seen,) = read_inspection((folder / "buildx-inspect.txt").read_text())
        started = read_docker_inspect((folder / "docker-inspect.json").read_text())
        config = effective_config(seen)
        assert started is not None
        assert config is not None
        assert seen.command_line == started.command_line
        assert config_path(started.command_line, started.environment) == config.name
        assert config.values["registry"] == load_config(folder / "buildkitd.toml").values["registry"]
        rows = compare(load_config(folder / "local.toml"), config, driver=seen.driver, version=seen.version)
        assert all(row.agrees for row in rows)
        assert {row.evidence for row in rows} == {"proof"}
        compared += 1
    assert compared
