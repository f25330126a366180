from __future__ import annotations

from pathlib import Path

import pytest

from schemas.runtime_config import RuntimeConfig
from worker.chromium.flags import command_line, environment

BINARY, DIRECTORY = Path("/usr/lib/chromium/chromium"), Path("/runs/1")


def line(
    config: RuntimeConfig | None = None, *, sandbox: bool = True, dev_shm: bool = True
) -> list[str]:
    return command_line(
        BINARY, DIRECTORY, config or RuntimeConfig(), sandbox=sandbox, dev_shm=dev_shm
    )


def test_it_is_spoken_to_over_a_pipe_and_nothing_else() -> None:
    assert line()[:2] == [str(BINARY), "--remote-debugging-pipe"]
    assert not any("debugging-port" in argument for argument in line())


def test_its_files_lie_in_the_runs_directory() -> None:
    assert "--user-data-dir=/runs/1/profile" in line()
    variables = environment(DIRECTORY, RuntimeConfig(), path="/bin")
    assert {name for name, value in variables.items() if value.startswith("/runs/1/")} == {
        "HOME",
        "TMPDIR",
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "XDG_DATA_HOME",
    }


def test_nothing_of_our_environment_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNREEL_SECRET", "hunter2")
    variables = environment(DIRECTORY, RuntimeConfig(), path="/bin")
    assert "hunter2" not in variables.values()
    assert variables["PATH"] == "/bin"


@pytest.mark.parametrize("sandbox", [True, False])
def test_no_sandbox_only_when_there_is_none(sandbox: bool) -> None:
    assert ("--no-sandbox" in line(sandbox=sandbox)) is not sandbox


@pytest.mark.parametrize("dev_shm", [True, False])
def test_shared_memory_lies_elsewhere_only_when_it_must(dev_shm: bool) -> None:
    assert ("--disable-dev-shm-usage" in line(dev_shm=dev_shm)) is not dev_shm


def test_a_configuration_becomes_arguments_and_variables() -> None:
    config = RuntimeConfig(locale="de-CH", timezone="Asia/Tokyo", user_agent="Reel 1.0; --x")
    arguments = line(config)
    assert {"--lang=de-CH", "--accept-lang=de-CH", "--user-agent=Reel 1.0; --x"} <= set(arguments)
    variables = environment(DIRECTORY, config, path="/bin")
    assert (variables["LANGUAGE"], variables["TZ"]) == ("de-CH", "Asia/Tokyo")
    assert arguments[-1] == "about:blank"


def test_what_is_not_configured_is_chromiums_own() -> None:
    plain = " ".join(line())
    assert not any(each in plain for each in ("--lang", "--accept-lang", "--user-agent"))
    assert not {"TZ", "LANGUAGE"} & set(environment(DIRECTORY, RuntimeConfig(), path="/bin"))


def test_no_flag_is_given_twice() -> None:
    names = [argument.partition("=")[0] for argument in line()]
    assert len(set(names)) == len(names)
