from __future__ import annotations

import asyncio
import os
import signal
import socket
from pathlib import Path

import psutil
import pytest

from tests.support.eventually import eventually
from worker.chromium.directory import LOG
from worker.chromium.process import READS_FROM, WRITES_TO, Process, spawn

SHELL = "/bin/sh"


def shell(script: str, directory: Path, **environment: str) -> Process:
    return spawn([SHELL, "-c", script], {"PATH": os.defpath} | environment, directory)


def close(process: Process) -> None:
    process.channel.close()


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_the_pipe_is_where_chromium_wants_it(tmp_path: Path) -> None:
    process = shell(f"cat <&{READS_FROM} >&{WRITES_TO}", tmp_path)
    process.channel.setblocking(True)
    process.channel.send(b"hello")
    assert await asyncio.to_thread(process.channel.recv, 10) == b"hello"
    process.channel.shutdown(socket.SHUT_WR)
    assert await process.ended == 0  # it read to the end: nobody else holds our end open
    process.channel.close()


@pytest.mark.parametrize(
    ("script", "code"), [("exit 0", 0), ("exit 7", 7), ("kill -TERM $$", -signal.SIGTERM)]
)
async def test_how_it_ended(tmp_path: Path, script: str, code: int) -> None:
    process = shell(script, tmp_path)
    assert await process.ended == code
    process.kill()
    close(process)


async def test_killed_with_all_its_children(tmp_path: Path) -> None:
    process = shell("sleep 1000 & sleep 1000", tmp_path)
    main = psutil.Process(process.pid)
    children = await eventually(main.children)
    process.kill()
    assert await process.ended == -signal.SIGKILL
    await eventually(lambda: not any(_lives(child) for child in children))
    close(process)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def test_it_is_the_first_of_a_session_of_its_own(tmp_path: Path) -> None:
    process = shell("exec sleep 1000", tmp_path)
    assert os.getsid(process.pid) == os.getpgid(process.pid) == process.pid
    process.kill()
    await process.ended
    close(process)


async def test_what_it_says_goes_to_the_runs_directory(tmp_path: Path) -> None:
    process = shell("echo out; echo err >&2; cat", tmp_path)
    assert await process.ended == 0  # its standard input is empty
    assert (tmp_path / LOG).read_text() == "out\nerr\n"
    assert (tmp_path / LOG).stat().st_mode & 0o777 == 0o600
    close(process)


@pytest.mark.parametrize("put", ["ln -s {secret} {log}", "mkfifo {log}"])
async def test_its_last_words_are_its_own_whatever_it_puts_in_their_place(
    tmp_path: Path, put: str
) -> None:
    (tmp_path / "secret").write_text("hunter2")
    put = put.format(secret=tmp_path / "secret", log=tmp_path / LOG)
    process = shell(f"echo mine; rm {tmp_path / LOG}; {put}; read x <&{READS_FROM}", tmp_path)
    await eventually(lambda: (tmp_path / LOG).is_symlink() or (tmp_path / LOG).is_fifo())
    assert process.last_words == "mine"
    close(process)
    await process.ended
    assert process.last_words == "mine"


async def test_it_sees_the_environment_it_is_given_and_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNREEL_SECRET", "hunter2")
    process = shell("env", tmp_path, TOLD="yes")
    await process.ended
    said = (tmp_path / LOG).read_text()
    assert "TOLD=yes" in said
    assert "hunter2" not in said
    close(process)


async def test_it_inherits_its_pipe_and_no_other_descriptor(tmp_path: Path) -> None:
    ours = {int(each.name) for each in Path("/proc/self/fd").iterdir()}
    process = spawn(["/bin/ls", "/proc/self/fd"], {}, tmp_path)
    assert await process.ended == 0
    got = set(map(int, (tmp_path / LOG).read_text().split()))
    meant_for_children = {each for each in ours if each > 4 and _is_inheritable(each)}
    # One more: ls reads the directory.
    assert len(got - meant_for_children - {0, 1, 2, READS_FROM, WRITES_TO}) == 1
    close(process)


def _is_inheritable(descriptor: int) -> bool:
    try:
        return os.get_inheritable(descriptor)
    except OSError:  # the one that the list was read with
        return False


@pytest.mark.parametrize("command", [["/no/such/program"], ["/etc/passwd"]])
async def test_a_start_that_fails_leaves_nothing_open(tmp_path: Path, command: list[str]) -> None:
    before = open_descriptors()
    with pytest.raises(OSError):
        spawn(command, {}, tmp_path)
    with pytest.raises(ValueError, match="null byte"):
        spawn([SHELL, "a\0b"], {}, tmp_path)
    assert open_descriptors() == before


async def test_it_leaves_nothing_open_behind_it(tmp_path: Path) -> None:
    before = open_descriptors()
    process = shell("exit 0", tmp_path)
    await process.ended
    close(process)
    assert open_descriptors() == before
