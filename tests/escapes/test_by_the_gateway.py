"""Each row by the gateway alone: on one browser, by its pipe an attack works, and by the gateway it does not."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.escapes.attack import Attack, tried, tried_again
from tests.support.escapes.driver import PipeDriver
from tests.support.escapes.host import Host, host_in
from tests.support.escapes.table import ATTACKS
from tests.support.real_runtime import RealRuntime, real_runtime
from tests.support.worker_cdp import cdp_client
from worker.chromium.sandbox import Sandbox

pytestmark = pytest.mark.browser

WITHOUT_A_WALL = Sandbox(on=False)
EGRESS = (1, 10, 11)  # by address, which is not the gateway's to judge
# Ports are opened by browsers with a debugging port only, and each browser has a home of its own: what the gateway adds
# cannot be seen beside that.
PORTS, HOME = 9, 18
OF_THE_GATEWAY = [each for each in ATTACKS if each.gateway and each.row not in EGRESS]
BY_THE_PIPE = [
    each
    for each in OF_THE_GATEWAY
    if not (each.chromium or each.ends_it or each.row in (PORTS, HOME))
]


@pytest.fixture(scope="module")
async def real() -> AsyncIterator[RealRuntime]:
    with tempfile.TemporaryDirectory() as directory:
        async with real_runtime(Path(directory), sandbox=WITHOUT_A_WALL) as real:
            yield real


@pytest.fixture(scope="module")
async def host(real: RealRuntime) -> AsyncIterator[Host]:
    with tempfile.TemporaryDirectory() as directory:
        async with host_in(Path(directory), real.directory) as host:
            host.has_ended = lambda: real.runtime.browser.has_ended
            yield host


@pytest.mark.parametrize("attack", OF_THE_GATEWAY, ids=[each.name for each in OF_THE_GATEWAY])
async def test_the_gateway_holds(real: RealRuntime, host: Host, attack: Attack) -> None:
    async with cdp_client(real.connect_url) as driver:
        assert await tried(attack, driver, host) is None
    assert not real.runtime.browser.has_ended


@pytest.mark.parametrize("attack", BY_THE_PIPE, ids=[each.name for each in BY_THE_PIPE])
async def test_nothing_else_does(real: RealRuntime, host: Host, attack: Attack) -> None:
    driver = PipeDriver(real.runtime.browser.switchboard)
    await driver.attach()
    assert await tried_again(attack, driver, host) is not None
