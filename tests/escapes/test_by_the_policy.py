"""What the managed policy holds alone: plain Chromium, no jail, no gateway, and the policy where it looks for one."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.escapes.attack import Attack, tried
from tests.support.escapes.host import Host, host_in
from tests.support.escapes.plain import Plain, plain_chromium
from tests.support.escapes.table import ATTACKS
from worker.chromium import wall
from worker.chromium.jail import POLICIES

pytestmark = pytest.mark.browser

# By the addresses of files and of Chromium's own pages, extensions, and the programs that those start.
ROWS = {2, 3, 7, 8}
BY_AN_ADDRESS = {
    "13-chrome_settings",
    "14-anothers_login",
    "14-anothers_login_by_a_link",
    "15-chrome_version",
}
OF_THE_POLICY = [
    each
    for each in ATTACKS
    if not each.chromium and (each.row in ROWS or each.name in BY_AN_ADDRESS)
]


@pytest.fixture(scope="module")
async def host() -> AsyncIterator[Host]:
    with tempfile.TemporaryDirectory(prefix="escapes-") as directory:
        async with host_in(Path(directory) / "host", Path(directory) / "own") as host:
            yield host


@pytest.fixture(scope="module")
async def governed(host: Host) -> AsyncIterator[Plain]:
    bubblewrap = shutil.which("bwrap")
    if bubblewrap is None or not Path("/etc/chromium").is_dir():
        pytest.skip("there is no bubblewrap, or no Chromium of the distribution")
    with wall.doors() as (channel, given), channel:
        seen = ["--dev-bind", "/", "/", "--tmpfs", "/etc/chromium"]
        policy = ["--ro-bind-data", str(wall.POLICY), f"{POLICIES}/runreel.json", "--"]
        before = [bubblewrap, "--die-with-parent", *seen, *policy]
        async with plain_chromium(host.own, host.home, before, given) as governed:
            yield governed


@pytest.mark.parametrize("attack", OF_THE_POLICY, ids=lambda each: each.name)
async def test_the_policy_holds(attack: Attack, governed: Plain, host: Host) -> None:
    """`test_by_the_system` shows that each works without."""
    assert await tried(attack, governed.driver, host) is None
    assert not governed.process.is_dead
