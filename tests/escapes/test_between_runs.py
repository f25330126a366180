"""Two runs of two spaces on one worker, each against the other, with all walls as they are."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.escapes.attack import Attack, tried
from tests.support.escapes.host import LOGIN, PRECIOUS, SECRET, Host, host_in
from tests.support.escapes.table import ATTACKS
from tests.support.real_runtime import RealRuntime, real_runtime
from tests.support.worker_cdp import CdpClient, cdp_client

pytestmark = pytest.mark.browser

NETWORK = (1, 10, 11)  # a run listens on nothing; what others listen on, see `test_by_the_system`
ROWS = [each for each in ATTACKS if each.row not in NETWORK]


class Pair(NamedTuple):
    """Two runs, and each as what the other may take."""

    runs: tuple[RealRuntime, RealRuntime]
    hosts: tuple[Host, Host]


@pytest.fixture(scope="module")
async def pair() -> AsyncIterator[Pair]:
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        async with (
            real_runtime(Path(one)) as first,
            real_runtime(Path(two)) as second,
            host_in(Path(one) / "of-the-other", first.directory) as host,
        ):
            against_second = as_taken(host, attacker=first, attacked=second)
            against_first = as_taken(host, attacker=second, attacked=first)
            yield Pair((first, second), (against_second, against_first))


def as_taken(host: Host, *, attacker: RealRuntime, attacked: RealRuntime) -> Host:
    """What one run has that the other would like: files, logins, and places to write to."""
    downloads, profile = attacked.directory / "downloads", attacked.directory / "profile"
    (downloads / "secret.txt").write_text(SECRET)
    (profile / "Cookies.txt").write_text(LOGIN)
    (downloads / PRECIOUS).write_text("precious")
    return Host(
        secret=downloads / "secret.txt",
        neighbour=profile / "Cookies.txt",
        target=downloads,
        home=attacked.directory / "home",
        service=host.service,
        own=attacker.directory,
        has_ended=lambda: attacked.runtime.browser.has_ended,
    )


@pytest.mark.parametrize("attack", ROWS, ids=[each.name for each in ROWS])
async def test_neither_reaches_the_other(pair: Pair, attack: Attack) -> None:
    attacker = ROWS.index(attack) % 2  # by turns
    async with cdp_client(pair.runs[attacker].connect_url) as driver:
        assert await tried(attack, driver, pair.hosts[attacker]) is None
    for real in pair.runs:
        assert not real.runtime.browser.has_ended
        async with cdp_client(real.connect_url) as client:
            assert await client.call("Browser.getVersion")


async def test_neither_sees_the_others_targets(pair: Pair) -> None:
    first, second = pair.runs
    async with cdp_client(first.connect_url) as one, cdp_client(second.connect_url) as two:
        page = await one.new_page()
        assert page.target not in await targets(two)
        assert page.target in await targets(one)


async def targets(client: CdpClient) -> list[str]:
    listed = (await client.call("Target.getTargets", filter=[{}]))["targetInfos"]
    return [each["targetId"] for each in listed]
