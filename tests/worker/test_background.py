"""Work that nobody awaits, and whose failure is heard of all the same."""

from __future__ import annotations

import asyncio

import pytest

from worker.background import Background


async def test_what_fails_for_a_part_fails_for_the_whole() -> None:
    async def broken() -> None:
        raise KeyError("broken by a test")

    host, run, other = Background(), Background(), Background()
    host.include(run)
    host.include(other)
    run.start(broken())
    with pytest.raises(KeyError, match="broken by a test"):
        await asyncio.wait_for(host.failed(), 60)
    assert not other._failed.is_set()
