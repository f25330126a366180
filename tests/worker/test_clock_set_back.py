"""Somebody sets the host's clock back an hour in the middle of a run."""

from __future__ import annotations

import time
from itertools import pairwise
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas.codec import decode_data
from schemas.events.console import ConsoleMessage
from schemas.events.runtime import RuntimeLifecycle
from schemas.requests import Heartbeat, RunStarted
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.worker_host import Fleet, serving
from worker.fact import Fact
from worker.runtime import Runtime

pytestmark = [pytest.mark.nats, pytest.mark.browser]

HOUR_MS = 3_600_000


def say_ten(runtime: Runtime) -> None:
    for number in range(10):
        runtime.record(Fact(data=ConsoleMessage(level="info", text=str(number))))


async def test_the_clock_is_set_back_an_hour(
    server: NatsServer, fleet: Fleet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Numbers, order, ids and durations are as ever; times are the host's, and heartbeats tell how far they are off."""
    right = time.time_ns

    def an_hour_ago() -> int:
        return right() - HOUR_MS * 1_000_000

    async def beat_that_knows() -> Heartbeat | None:
        beat = await fleet.heartbeat()
        ahead = beat.clock_skew_ms if beat is not None else None
        return beat if ahead is not None and ahead < -HOUR_MS / 2 else None

    with capture_logs() as logs:
        async with serving(fleet, server.url, tmp_path, now_ns=lambda: time.time_ns()) as worker:
            started = await fleet.start("rt-1")
            assert isinstance(started, RunStarted)
            runtime = worker.host.find_run(started.run_id)
            assert runtime is not None
            say_ten(runtime)
            monkeypatch.setattr(time, "time_ns", an_hour_ago)
            say_ten(runtime)
            beat = await eventually(beat_that_knows)
            ahead_ms, uncertainty_ms = beat.clock_skew_ms or 0, beat.clock_uncertainty_ms or 0
            assert abs(ahead_ms + HOUR_MS) <= uncertainty_ms + 1_000
            say_ten(runtime)
            await fleet.stop("rt-1", started.run_id)
            events = await fleet.events()
    assert [event.number for event in events] == list(range(1, len(events) + 1))
    assert len({event.id for event in events}) == len(events)
    said = [data.text for e in events if isinstance(data := decode_data(e), ConsoleMessage)]
    assert said == [str(number) for number in range(10)] * 3
    assert any(later.time < earlier.time for earlier, later in pairwise(events))
    end = decode_data(events[-1])
    assert isinstance(end, RuntimeLifecycle)
    assert end.code == "runtime.stop_requested"
    assert isinstance(events[-1].durationms, int)
    assert 0 <= events[-1].durationms < HOUR_MS / 2
    assert [line["ahead_ms"] < 0 for line in logs if line["event"] == "worker.clock_is_off"] == [
        True
    ]
