"""The publisher against a real server: what the stream holds in the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import nats
import pytest
from nats.js.api import StreamConfig
from nats.js.client import JetStreamContext

from schemas import streams
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.worker_events import new_log, say, text_in
from tests.support.worker_publishing import emptied, numbers, publishing
from worker import publisher
from worker.bus import PublishLink
from worker.outbox import Outbox

SOON_S = 0.05


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "PAUSE_SECONDS", SOON_S)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.open(tmp_path / "outbox")


@pytest.fixture
def link(server: NatsServer) -> PublishLink:
    return PublishLink(server.url, "publisher test")


@asynccontextmanager
async def jetstream(server: NatsServer) -> AsyncIterator[JetStreamContext]:
    client = await nats.connect(server.url)
    try:
        yield client.jetstream()
    finally:
        await client.close()


async def make_stream(
    server: NatsServer, max_bytes: int = 32 * 1024 * 1024, *, atomic: bool = True
) -> None:
    runs = streams.runs_stream(max_age_days=1, max_bytes=max_bytes)
    async with jetstream(server) as js:
        await js.add_stream(
            StreamConfig(
                name=runs.name,
                subjects=list(runs.subjects),
                max_bytes=max_bytes,
                duplicate_window=runs.duplicate_window_seconds,
                discard="new",  # type: ignore[arg-type]
                allow_atomic=atomic,
            )
        )


async def stored(server: NatsServer) -> list[str]:
    """The texts in the stream, in its order."""
    async with jetstream(server) as js:
        count = (await js.stream_info("RUNS")).state.messages
        messages = [await js.get_msg("RUNS", number) for number in range(1, count + 1)]
    return [text_in(message.data or b"") for message in messages]


@pytest.mark.nats
async def test_positions_are_those_of_the_stream(
    server: NatsServer, link: PublishLink, outbox: Outbox
) -> None:
    await make_stream(server)
    entries = say(new_log(outbox), *numbers(1, 300))
    async with publishing(link, outbox):
        await emptied(outbox)
    assert [entry.position for entry in entries] == list(range(1, 301))
    assert await stored(server) == numbers(1, 300)


@pytest.mark.nats
async def test_a_flood_does_not_hold_up_another_run(
    server: NatsServer, link: PublishLink, outbox: Outbox
) -> None:
    await make_stream(server)
    flood = say(new_log(outbox, run_id="flood"), *["flood"] * 5000)
    async with publishing(link, outbox):
        await outbox.acknowledged(flood[500])
        sent = sum(1 for entry in flood if entry.position is not None) + publisher.LOAD_EVENTS
        (quiet,) = say(new_log(outbox, run_id="quiet"), "quiet")
        position = await outbox.acknowledged(quiet)
        assert position <= sent + 2
        await emptied(outbox)


@pytest.mark.nats
async def test_the_socket_is_gone_when_an_event_comes(
    server: NatsServer, link: PublishLink, outbox: Outbox
) -> None:
    """nats-py has not seen it yet; whoever puts the event hears nothing of it."""
    await make_stream(server)
    run_log = new_log(outbox)
    async with publishing(link, outbox):
        (first,) = say(run_log, "1")
        await outbox.acknowledged(first)
        assert link._client is not None
        transport = link._client._transport
        assert transport is not None
        transport.close()  # type: ignore[no-untyped-call]
        say(run_log, "2", "3")
        await emptied(outbox)
    assert await stored(server) == numbers(1, 3)


@pytest.mark.nats
async def test_what_the_stream_had_already_keeps_its_place(
    server: NatsServer, link: PublishLink, outbox: Outbox, tmp_path: Path
) -> None:
    """The worker died after it had sent, and before it heard; the next one sends all again."""
    await make_stream(server)
    say(new_log(outbox), *numbers(1, 5))
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in (tmp_path / "outbox").iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    async with publishing(link, outbox):
        await emptied(outbox)
    again = Outbox.open(copy)
    say(new_log(again, last=5), "6")
    entries = list(again.entries)
    async with publishing(link, again):
        await emptied(again)
    assert [entry.position for entry in entries] == [1, 2, 3, 4, 5, 6]
    assert await stored(server) == numbers(1, 6)


@pytest.mark.nats
async def test_a_stream_that_takes_no_batches(
    server: NatsServer, link: PublishLink, outbox: Outbox
) -> None:
    await make_stream(server, atomic=False)
    say(new_log(outbox), *numbers(1, 5))
    async with publishing(link, outbox):
        await emptied(outbox)
    assert await stored(server) == numbers(1, 5)


@pytest.mark.nats
async def test_stream_is_not_there_yet(
    server: NatsServer, link: PublishLink, outbox: Outbox
) -> None:
    say(new_log(outbox), *numbers(1, 5))
    async with publishing(link, outbox, deadline_seconds=0.2):
        await eventually(lambda: outbox.entries)
        await make_stream(server)
        await emptied(outbox)
    assert await stored(server) == numbers(1, 5)


@pytest.mark.nats
async def test_nats_restarted_with_events_in_flight(
    server: NatsServer, link: PublishLink, outbox: Outbox
) -> None:
    await make_stream(server)
    run_log = new_log(outbox)
    total = 2000
    async with publishing(link, outbox, deadline_seconds=1.0):
        said = 0
        for killed_at in (600, 1300):
            while said < killed_at:
                say(run_log, *numbers(said + 1, said + 50))
                said += 50
                await asyncio.sleep(0)
            await eventually(lambda: outbox.entries and outbox.entries[0].position is None)
            await server.kill()
            say(run_log, *numbers(said + 1, said + 50))
            said += 50
            await server.start()
        say(run_log, *numbers(said + 1, total))
        await emptied(outbox, 120)
    assert await stored(server) == numbers(1, total)


@pytest.mark.nats
async def test_stream_is_full_and_then_larger(
    server: NatsServer, link: PublishLink, outbox: Outbox
) -> None:
    await make_stream(server, max_bytes=20_000)
    say(new_log(outbox), *numbers(1, 60))
    async with publishing(link, outbox, deadline_seconds=1.0):
        await eventually(
            lambda: outbox.entries and int(outbox.entries[0].size_bytes) and len(outbox) < 60
        )
        async with jetstream(server) as js:
            config = (await js.stream_info("RUNS")).config
            config.max_bytes = 1_000_000
            await js.update_stream(config)
        await emptied(outbox)
    assert await stored(server) == numbers(1, 60)
