"""The command line: helps that help, one sentence instead of a stack trace, exit codes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.cli import refusal_in
from deploy.processes import SOURCES
from deploy.variables import variables
from schemas.problems import CannotStart
from schemas.settings import RecorderSettings, WorkerSettings


def runreel(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    ours = {name: value for name, value in os.environ.items() if not name.startswith("RUNREEL_")}
    return subprocess.run(
        [sys.executable, "-m", "deploy.cli", *arguments],
        cwd=SOURCES,
        env={**ours, **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("arguments", [(), ("--help",)])
def test_help_lists_the_commands_the_most_wanted_first(arguments: tuple[str, ...]) -> None:
    done = runreel(*arguments)
    assert done.returncode == 0
    assert done.stderr == ""
    places = [done.stdout.index(f"\n  {name} ") for name in ("up", "worker", "recorder")]
    assert places == sorted(places)
    assert done.stdout.startswith("Usage  runreel")
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    ("command", "kind"), [("worker", WorkerSettings), ("recorder", RecorderSettings)]
)
def test_help_of_a_process_lists_its_settings(
    command: str, kind: type[WorkerSettings] | type[RecorderSettings]
) -> None:
    text = " ".join(runreel(command, "--help", COLUMNS="120").stdout.split())
    for row in variables(kind):
        assert f"{row.name} {row.meaning}" in text


def test_version() -> None:
    done = runreel("--version")
    assert done.returncode == 0
    assert done.stdout.startswith("runreel ")


@pytest.mark.parametrize(
    "arguments",
    [("nonsense",), ("up", "--nonsense"), ("up", "--port", "70000"), ("up", "--port", "x")],
)
def test_wrong_usage_is_a_sentence_and_code_2(arguments: tuple[str, ...]) -> None:
    done = runreel(*arguments)
    assert done.returncode == 2
    sentence, hint = done.stderr.splitlines()
    assert sentence.startswith("runreel: ")
    assert "--help" in hint
    assert done.stdout == ""


def test_settings_that_are_wrong_are_told_all_at_once() -> None:
    done = runreel("worker", RUNREEL_CAPACITY="many", RUNREEL_LOG_LEVEL="loud")
    assert done.returncode == 1
    sentence = done.stderr.splitlines()[0]
    for name in ("RUNREEL_CAPACITY", "RUNREEL_LOG_LEVEL", "RUNREEL_SECRET is not set"):
        assert name in sentence
    assert "Traceback" not in done.stderr


def test_directory_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = runreel("up", "--data", str(tmp_path / "file"))
    assert done.returncode == 1
    assert done.stderr.splitlines()[0].startswith("runreel: ")
    assert "Traceback" not in done.stderr


def test_long_sentence_is_not_wrapped_on_a_pipe(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 120)
    deep.touch()
    assert len(runreel("up", "--data", str(deep)).stderr.splitlines()) == 2


def test_nats_server_that_is_too_old_is_one_sentence(tmp_path: Path) -> None:
    old = tmp_path / "nats-server"
    old.write_text("#!/bin/sh\necho nats-server: v2.10.1\n")
    old.chmod(0o755)
    data = str(tmp_path / "data")
    done = runreel("up", "--data", data, "--port", "0", RUNREEL_NATS_SERVER=str(old))
    assert done.returncode == 1
    assert "is NATS server 2.10.1, which is too old" in done.stderr


def test_what_nobody_foresaw_is_a_sentence_and_in_the_log(tmp_path: Path) -> None:
    limits = tmp_path / "data" / "nats" / "limits.json"
    limits.parent.mkdir(parents=True)
    limits.write_text("not JSON")
    done = runreel("up", "--data", str(tmp_path / "data"), "--port", "0")
    assert done.returncode == 70
    assert "Traceback" not in done.stderr
    log = tmp_path / "data" / "logs" / "up.log"
    assert str(log) in done.stderr
    assert "Traceback" in log.read_text()


def test_refusal_is_found_in_a_group_of_tasks() -> None:
    refusal = CannotStart("No.", "Hint.")
    assert (
        refusal_in(ExceptionGroup("g", [ValueError(), ExceptionGroup("h", [refusal])])) is refusal
    )
    assert refusal_in(ExceptionGroup("g", [ValueError()])) is None
    assert refusal_in(refusal) is refusal
