"""A worker that was killed left events that the stream has: they are not sent again, unless that is not certain."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from schemas import subjects
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.worker_events import new_log, say
from tests.support.worker_host import WORKER, Fleet, serving
from worker.bus import Bus
from worker.outbox import Outbox
from worker.stored import acknowledge_stored

pytestmark = [pytest.mark.nats, pytest.mark.browser]

RUN = subjects.run_events_of("run-1")


@pytest.fixture
async def bus(server: NatsServer) -> AsyncIterator[Bus]:
    bus = await Bus.connect(server.url, "looks up")
    yield bus
    await bus.close()


@pytest.fixture
async def killed(server: NatsServer, fleet: Fleet, tmp_path: Path) -> Path:
    """The spool of a worker that was killed when the stream had three events of it, and two not yet."""
    outbox = Outbox.open(tmp_path / "outbox")
    say(new_log(outbox), "one", "two", "three")
    outbox.close()
    spool = tmp_path / "killed" / "outbox"
    shutil.copytree(tmp_path / "outbox", spool)
    async with serving(fleet, server.url, tmp_path) as worker:
        await eventually(lambda: len(worker.outbox) == 0)
    outbox = Outbox.open(spool)
    say(new_log(outbox, last=3), "four", "five")
    outbox.close()
    return spool


async def test_what_the_stream_has_is_not_sent_again(bus: Bus, killed: Path) -> None:
    outbox = Outbox.open(killed)
    assert len(outbox) == 5
    await acknowledge_stored(bus, outbox, WORKER)
    assert len(outbox) == 2
    assert [outbox.turns.next() for _ in range(3)] == [*outbox.entries, None]
    assert b"four" in outbox.read(outbox.entries[0])[1]


async def test_order_and_ids_are_kept(
    server: NatsServer, fleet: Fleet, killed: Path, bus: Bus
) -> None:
    outbox = Outbox.open(killed)
    ids = [entry.event_id for entry in outbox.entries]
    await acknowledge_stored(bus, outbox, WORKER)
    outbox.close()
    async with serving(fleet, server.url, killed.parent) as worker:
        await eventually(lambda: len(worker.outbox) == 0)
    assert [event.number for event in await fleet.events()] == [1, 2, 3, 4, 5]
    assert [event.id for event in await fleet.events()] == ids


async def test_stream_that_lost_one_gets_all_again(bus: Bus, fleet: Fleet, killed: Path) -> None:
    """As after a rollback: the newest is there, and not all before it."""
    newest = await fleet.jetstream.get_last_msg("RUNS", RUN)
    assert newest.seq is not None
    await fleet.jetstream.delete_msg("RUNS", newest.seq - 1)
    outbox = Outbox.open(killed)
    await acknowledge_stored(bus, outbox, WORKER)
    assert len(outbox) == 5


async def test_stream_that_has_nothing_gets_all(bus: Bus, fleet: Fleet, killed: Path) -> None:
    await fleet.jetstream.purge_stream("RUNS")
    outbox = Outbox.open(killed)
    await acknowledge_stored(bus, outbox, WORKER)
    assert len(outbox) == 5


async def test_nats_that_is_away_holds_nobody_up(
    bus: Bus, server: NatsServer, killed: Path
) -> None:
    outbox = Outbox.open(killed)
    await bus.close()
    await acknowledge_stored(bus, outbox, WORKER)
    assert len(outbox) == 5
