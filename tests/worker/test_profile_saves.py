"""Saves that come to nothing: whatever it was, it is told, in time."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from schemas.events.profile import ProfileSaveFailed
from tests.support.nats_server import NatsServer
from tests.support.worker_host import SPACE, Fleet, serving
from worker.artifacts import Artifacts
from worker.profiles.profile import Wanted

pytestmark = [pytest.mark.nats, pytest.mark.browser]


async def test_a_save_that_breaks_or_must_hurry_is_told(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with serving(fleet, server.url, tmp_path) as worker:
        user_data = tmp_path / "user data"
        user_data.mkdir()
        wanted = Wanted(space_id=SPACE, name="work", runtime_id="rt-1", run_id="run-1")
        profile = await worker.profiles.hold(wanted)

        async def broken(*_: object) -> None:
            raise KeyError("broken by a test")

        monkeypatch.setattr(Artifacts, "put", broken)
        failed = await profile.save(user_data)
        assert isinstance(failed, ProfileSaveFailed)
        assert failed.reason == "unreachable"

        putting = asyncio.Event()

        async def endless(*_: object) -> None:
            putting.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(Artifacts, "put", endless)
        saving = asyncio.create_task(profile.save(user_data))
        await putting.wait()
        worker.host.hurry(0.1)
        for hurried in (saving, profile.save(user_data)):
            failed = await asyncio.wait_for(hurried, 60)
            assert isinstance(failed, ProfileSaveFailed)
            assert (failed.reason, failed.message) == ("unreachable", "TimeoutError")
