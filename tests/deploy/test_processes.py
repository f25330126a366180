"""Children are out of the terminal's reach, die with their parent, and keep their logs short."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from deploy.processes import LOG_LIMIT_BYTES, SOURCES, Child
from tests.deploy.children import WAITS, program
from tests.support.eventually import eventually

PARENT = """
import asyncio, sys
from pathlib import Path
from deploy.processes import Child
from tests.deploy.children import WAITS, program

async def main():
    children = [await Child.start(program(Path(sys.argv[1]), name, WAITS)) for name in ("a", "b")]
    print(*(child.pid for child in children), flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""


async def test_sigkilled_parent_leaves_no_child(tmp_path: Path) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        cwd=SOURCES,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pids = [int(pid) for pid in parent.stdout.readline().split()]
    assert len(pids) == 2
    await eventually(lambda: all(_sleeps(pid) for pid in pids))
    parent.kill()
    parent.communicate()
    await eventually(lambda: not any(_alive(pid) for pid in pids))


def _alive(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _sleeps(pid: int) -> bool:
    return psutil.Process(pid).status() == psutil.STATUS_SLEEPING


async def test_child_has_a_session_of_its_own(tmp_path: Path) -> None:
    child = await Child.start(program(tmp_path, "worker", WAITS))
    assert os.getsid(child.pid) == child.pid
    assert os.getpgid(child.pid) == child.pid
    await child.end(asyncio.Event())
    assert child.code == -signal.SIGTERM


async def test_last_words_are_those_of_this_life(tmp_path: Path) -> None:
    child_program = program(tmp_path, "worker", "print('hello')")
    child_program.log.write_text("before\n")
    child = await Child.start(child_program)
    await child.ended()
    assert child.last_words() == "hello\n"
    assert child_program.log.read_text() == "before\nhello\n"


async def test_long_log_is_put_aside(tmp_path: Path) -> None:
    child_program = program(tmp_path, "worker", "print('hello')")
    with child_program.log.open("wb") as log:
        log.truncate(LOG_LIMIT_BYTES + 1)
    child = await Child.start(child_program)
    await child.ended()
    assert child_program.log.read_text() == "hello\n"
    assert (tmp_path / "worker.log.1").stat().st_size == LOG_LIMIT_BYTES + 1
