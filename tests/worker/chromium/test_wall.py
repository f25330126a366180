"""What is left of a browser behind the wall, whichever of its processes is killed: nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime, real_runtime
from tests.support.worker_cdp import cdp_client
from worker.chromium.process import Process

pytestmark = pytest.mark.browser


def _first_of_the_jail(process: Process) -> int:
    return psutil.Process(process.leader).children()[0].pid


@pytest.mark.parametrize(
    "killed",
    [lambda it: it.leader, _first_of_the_jail, lambda it: it.pid],
    ids=["outer", "first", "browser"],
)
async def test_nothing_is_left(tmp_path: Path, killed: Callable[[Process], int]) -> None:
    async with real_runtime(tmp_path) as real, cdp_client(real.connect_url) as client:
        _needs_a_jail(real)
        await client.new_page()
        process = real.runtime.browser.process
        assert process is not None
        family = real.processes()
        assert len(family) > 4
        os.kill(killed(process), signal.SIGKILL)
        assert await process.ended == -signal.SIGKILL
        assert not any(each.is_running() and each.status() != "zombie" for each in family)
        ended = await real.until("runtime.lifecycle", phase="ended")
        assert (ended["code"], ended["_status"]) == ("browser.crashed", "failed")
        await eventually(lambda: not real.directory.exists())


def _needs_a_jail(real: RealRuntime) -> None:
    sandbox = real.runtime.browser.setup.sandbox
    if sandbox.level != "namespace":
        pytest.skip(sandbox.level_note)
