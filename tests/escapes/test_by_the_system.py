"""What the operating system holds alone: attacks work on plain Chromium, and not behind the wall, with no gateway."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.escapes.attack import Attack, tried, tried_again
from tests.support.escapes.host import Host, host_in
from tests.support.escapes.plain import Plain, plain_chromium
from tests.support.escapes.table import ATTACKS
from tests.support.escapes.walled import Walled, jailed_in, walled_chromium
from worker.chromium.sandbox import Sandbox

pytestmark = pytest.mark.browser

ONES_OF_THE_SYSTEM = [each for each in ATTACKS if each.system and not each.chromium]


@pytest.fixture(scope="module")
async def open_to_all() -> AsyncIterator[Path]:
    """A directory that every user may read: what closes it is the wall, not its mode."""
    with tempfile.TemporaryDirectory(prefix="escapes-") as directory:
        Path(directory).chmod(0o755)
        yield Path(directory)


@pytest.fixture(scope="module")
async def host(open_to_all: Path) -> AsyncIterator[Host]:
    async with host_in(open_to_all / "host", open_to_all / "plain") as host:
        yield host


@pytest.fixture(scope="module")
async def plain(open_to_all: Path, host: Host) -> AsyncIterator[Plain]:
    async with plain_chromium(host.own, host.home) as plain:
        host.debugging_port = plain.port
        yield plain


@pytest.fixture(scope="module")
def confined(open_to_all: Path) -> Sandbox:
    return jailed_in(open_to_all / "b")


@pytest.fixture(scope="module")
async def walled(open_to_all: Path, confined: Sandbox) -> AsyncIterator[Walled]:
    async with walled_chromium(open_to_all / "b", confined) as walled:
        yield walled


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda each: each.name)
async def test_without_a_wall_it_works(
    attack: Attack, plain: Plain, host: Host, tmp_path: Path
) -> None:
    """But for what Chromium has closed itself."""
    if attack.ends_it:
        async with (
            host_in(tmp_path / "host", tmp_path / "own") as doomed_host,
            plain_chromium(doomed_host.own, doomed_host.home) as doomed,
        ):
            doomed_host.has_ended = lambda: doomed.process.is_dead
            loot = await tried(attack, doomed.driver, doomed_host)
    else:
        attempt = tried if attack.chromium else tried_again
        loot = await attempt(attack, plain.driver, host)
    assert (loot is None) is attack.chromium, loot


@pytest.mark.parametrize("attack", ONES_OF_THE_SYSTEM, ids=lambda each: each.name)
async def test_the_system_holds_it_alone(
    attack: Attack, walled: Walled, plain: Plain, host: Host, open_to_all: Path
) -> None:
    async with host_in(open_to_all / attack.name, walled.browser.directory) as attacked:
        attacked.debugging_port = plain.port
        assert await tried(attack, walled.driver, attacked) is None
        assert attacked.service.heard == []
        assert attacked.written() is None
    assert not walled.browser.is_dead
