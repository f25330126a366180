"""What a real server refuses: events that can never be stored are set aside, all else waits."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import nats
import pytest
from structlog.testing import capture_logs

from schemas import subjects
from schemas.codec import encode_event
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.worker_events import new_log, say, text_in
from tests.support.worker_host import Fleet
from tests.support.worker_publishing import emptied, numbers, publishing
from worker import publisher
from worker.bus import PublishLink
from worker.outbox import Outbox

pytestmark = pytest.mark.nats

SMALL = 4_000
LARGE = "x" * 2_500  # an event of about 3 kB
USERS = """
authorization {
  users: [
    {user: recorder, password: secret}
    {user: worker, password: secret, permissions: {publish: ["runs.*.*.another.>"], subscribe: ["_INBOX.>"]}}
  ]
}
"""


def as_user(url: str, user: str) -> str:
    return url.replace("//", f"//{user}:secret@")


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher, "PAUSE_SECONDS", 0.05)


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return Outbox.open(tmp_path / "outbox")


@pytest.fixture
def link(server: NatsServer) -> PublishLink:
    return PublishLink(server.url, "set aside test")


async def change(fleet: Fleet, **changes: Any) -> None:
    """The RUNS stream, from now on."""
    config = (await fleet.jetstream.stream_info(subjects.RUNS)).config
    await fleet.jetstream.update_stream(config.evolve(**changes))


async def texts_on(fleet: Fleet) -> list[str]:
    """What the stream has, in its order."""
    return [text_in(encode_event(event)) for event in await fleet.events()]


def set_aside(logs: list[MutableMapping[str, Any]]) -> list[str]:
    return [line["code"] for line in logs if line["event"] == "publisher.set_aside"]


@pytest.mark.parametrize("at", [1, 3, 5])
async def test_an_event_that_the_stream_finds_too_large(
    fleet: Fleet, link: PublishLink, outbox: Outbox, tmp_path: Path, at: int
) -> None:
    """Wherever it stands in a batch, the others go on; and after a restart it is tried again."""
    await change(fleet, max_msg_size=2_000)
    texts = [LARGE if number == at else str(number) for number in range(1, 6)]
    entries = say(new_log(outbox), *texts)
    with capture_logs() as logs:
        async with publishing(link, outbox):
            await emptied(outbox)
            assert await outbox.acknowledged(entries[at - 1]) == 0
            say(new_log(outbox, last=5), "6")
            await emptied(outbox)
    assert set_aside(logs) == ["10054"]
    assert outbox.set_aside_count == 1
    assert await texts_on(fleet) == [*(text for text in texts if text != LARGE), "6"]
    outbox.close()

    await change(fleet, max_msg_size=100_000)
    again = Outbox.open(tmp_path / "outbox")
    async with publishing(link, again):
        await emptied(again)
    assert (await texts_on(fleet))[-1] == LARGE
    assert [e.number for e in await fleet.events()][-1] == at


async def test_an_event_that_the_server_finds_too_large(tmp_path: Path) -> None:
    """Sent all the same, it would cost the connection, and the next one too."""
    outbox = Outbox.open(tmp_path / "outbox")
    async with NatsServer(tmp_path / "nats", max_payload=str(SMALL)) as server:
        fleet = await Fleet.make(server.url)
        say(new_log(outbox), "1", LARGE, "2", LARGE + LARGE, "3")
        with capture_logs() as logs:
            async with publishing(PublishLink(server.url, "test"), outbox):
                await emptied(outbox)
                say(new_log(outbox, last=5), LARGE + LARGE, "4")
                await emptied(outbox)
        assert await texts_on(fleet) == ["1", LARGE, "2", "3", "4"]
        assert set_aside(logs) == ["max_payload", "max_payload"]
        assert "publisher.held_up" not in [line["event"] for line in logs]
        await fleet.close()
    outbox.close()
    async with NatsServer(tmp_path / "nats") as server:
        fleet = Fleet(await nats.connect(server.url))
        again = Outbox.open(tmp_path / "outbox")
        async with publishing(PublishLink(server.url, "test"), again):
            await emptied(again)
        assert [e.number for e in await fleet.events()] == [1, 2, 3, 5, 7, 4, 6]
        await fleet.close()


async def test_the_largest_that_the_server_takes_is_sent(tmp_path: Path) -> None:
    async with NatsServer(tmp_path / "nats", max_payload=str(SMALL)) as server:
        fleet = await Fleet.make(server.url)
        outbox = Outbox.open(tmp_path / "outbox")
        link = PublishLink(server.url, "test")
        run_log = new_log(outbox)
        async with publishing(link, outbox):
            (empty,) = say(run_log, "")
            await outbox.acknowledged(empty)
            (entry,) = say(run_log, "x" * (link.largest_bytes - empty.size_bytes))
            assert entry.size_bytes == link.largest_bytes
            assert await outbox.acknowledged(entry) == 2
        await fleet.close()


async def test_a_stream_that_is_full_sets_nothing_aside(
    fleet: Fleet, link: PublishLink, outbox: Outbox
) -> None:
    config = (await fleet.jetstream.stream_info(subjects.RUNS)).config
    await change(fleet, max_bytes=1)
    say(new_log(outbox), *numbers(1, 5))
    with capture_logs() as logs:
        async with publishing(link, outbox):
            await eventually(lambda: held_up(logs))
            await fleet.jetstream.update_stream(config)
            await emptied(outbox)
    assert set_aside(logs) == []
    assert await texts_on(fleet) == numbers(1, 5)


async def test_a_user_who_may_not_write_there_sets_nothing_aside(tmp_path: Path) -> None:
    """The permissions of the whole worker are wrong, and a person will correct them: all is in order then."""
    outbox = Outbox.open(tmp_path / "outbox")
    say(new_log(outbox), *numbers(1, 5))
    async with NatsServer(tmp_path / "nats", more=USERS) as server:
        fleet = await Fleet.make(as_user(server.url, "recorder"))
        with capture_logs() as logs:
            async with publishing(PublishLink(as_user(server.url, "worker"), "test"), outbox):
                told = await eventually(lambda: held_up(logs))
        assert "permissions violation" in told[-1]
        assert len(outbox) == 5
        assert set_aside(logs) == []
        await fleet.close()


def held_up(logs: list[MutableMapping[str, Any]]) -> list[str]:
    return [line["reason"] for line in logs if line["event"] == "publisher.held_up"]
