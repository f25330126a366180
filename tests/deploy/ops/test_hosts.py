"""`runreel hosts give-up`: hosts that a recorder leaves to a person, and hosts that are alive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from recorder import liveness, reaper
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.ops.commands import Done, runreel
from tests.support.recorder_running import running, settings_for
from tests.support.recorder_worker import fake_worker


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(liveness, "LOST_SECONDS", 2.0)
    monkeypatch.setattr(reaper, "PROBE_SECONDS", 0.1)
    monkeypatch.setattr(reaper, "ROUND_SECONDS", 0.1)
    monkeypatch.setattr(reaper, "LOOK_SECONDS", 0.3)


async def test_hosts_that_were_lost_at_once_are_given_up(
    own_nats: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, own_nats.url)

    async def give_up(*arguments: str) -> Done:
        return await runreel("hosts", "give-up", *arguments, RUNREEL_DATABASE=settings.database)

    async with (
        running(settings) as recorder,
        fake_worker(own_nats.url, "a", beat_seconds=0.1) as first,
        fake_worker(own_nats.url, "b", beat_seconds=0.1) as second,
    ):
        runs = [await first.open(), await second.open()]
        first.silent = second.silent = True

        async def is_alarmed() -> bool:
            checks: dict[str, Any] = (await recorder.get("/readyz"))["checks"]
            return "alarms" in checks

        await eventually(is_alarmed)
        dry = await give_up("a", "--dry-run", "--json")
        assert dry.answer == {"workerId": "a", "dryRun": True, "runs": [runs[0].run_id]}
        assert (await recorder.get(f"/v1/runs/{runs[0].run_id}"))["status"] == "active"

        given_up = await give_up("a")
        assert (given_up.code, given_up.out) == (
            0,
            f"✓ 1 run of a ended as lost.\n  {runs[0].run_id}\n",
        )
        ended = await recorder.post(f"/v1/runs/{runs[0].run_id}/wait", {"timeoutMs": 10_000})
        assert ended["failure"]["code"] == "runtime.host_lost"
        assert (await give_up("a")).out == "✓ a holds no run.\n"

        second.silent = False

        async def is_calm() -> bool:
            return not await is_alarmed()

        await eventually(is_calm)
        refused = await give_up("b")
        assert refused.code == 1
        assert "b is alive" in refused.err
        assert (await recorder.get(f"/v1/runs/{runs[1].run_id}"))["status"] == "active"


async def test_without_a_recorder_nobody_can_tell(own_nats: NatsServer, tmp_path: Path) -> None:
    settings = settings_for(tmp_path, own_nats.url)
    async with running(settings):
        pass
    done = await runreel("hosts", "give-up", "a", RUNREEL_DATABASE=settings.database)
    assert done.code == 69
    assert "No recorder runs here" in done.err
