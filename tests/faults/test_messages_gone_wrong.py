"""Messages on the stream that no worker of ours would write: doubled, out of order, garbage, from the future."""

from __future__ import annotations

import random
import time
from collections.abc import AsyncIterator

import msgspec
import pytest

from recorder.admin.client import ask
from recorder.admin.messages import Refused, SkipParked
from schemas import subjects
from schemas.codec import encode_event
from schemas.envelope import Event, recorder_source
from schemas.events.console import ConsoleMessage
from schemas.times import rfc3339
from tests.support.eventually import eventually
from tests.support.faults import tables
from tests.support.faults.everything import everything_is_there
from tests.support.faults.scene import PATIENCE_SECONDS, Scene
from tests.support.faults.stream import nats_client, publish, read_stream
from tests.support.recorder_worker import FakeRun, new_id
from tests.support.run import Run

COPIES = 500
GARBAGE = (b"", b"\xff\xfe", b"not json", b'{"id": ', b"[" * 100_000, b'{"id": "x"}')


@pytest.fixture(scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    async with Scene(tmp_path_factory.mktemp("messages")) as scene:
        await scene.start_runs()
        await scene.under_load()
        yield scene


async def test_messages_come_again_in_another_order(scene: Scene) -> None:
    """Without the header by which JetStream would know them, and long after their run went on."""
    async with nats_client(scene.nats.url) as client:
        stream = await read_stream(client, subjects.RUNS)
        copies = random.Random(4).sample(stream, min(COPIES, len(stream)))
        for copy in copies:
            await publish(client, copy.subject, copy.body)
    await scene.goes_on()
    found = await everything_is_there(scene)
    assert set(found.ends.values()) == {None}


async def test_events_of_a_run_come_out_of_order(scene: Scene) -> None:
    run = FakeRun("w9", new_id(), new_id())
    events = [
        run.launching(),
        *(run.event(ConsoleMessage(level="info", text=".")) for _ in range(40)),
    ]
    random.Random(4).shuffle(events)
    events.append(run.ended())
    async with nats_client(scene.nats.url) as client:
        for event in [*events, *events]:
            await publish(client, run.subject(event), encode_event(event))
    found = await everything_is_there(scene)
    assert found.ends[run.run_id] == "runtime.stop_requested"
    told = await Run(scene.http, run.run_id, run.runtime_id, "").get()
    assert (told["lastSequence"], told["missing"], told["late"]) == (42, [], 0)
    page = await scene.http.get(f"/v1/runs/{run.run_id}/events", params={"limit": 100})
    assert [each["id"] for each in page.json()["data"]] == [event.id for event in events]


async def test_garbage_holds_up_its_own_run_only(scene: Scene) -> None:
    victim, *others = scene.runs
    space_id = await _space_of(scene, victim)
    async with nats_client(scene.nats.url) as client:
        for garbage in GARBAGE:
            subject = subjects.run_event(space_id, victim.id, "w1", "console.message")
            await publish(client, subject, garbage)
            last = await publish(client, "runs.nobodys", garbage)
            await publish(client, "control.nobodys", garbage)
    await _others_go_on_without(scene, victim, others)
    await eventually(lambda: tables.position(scene.recorder.database, subjects.RUNS) >= last)
    assert await _skip_all(scene) == len(GARBAGE)
    found = await everything_is_there(scene)
    assert found.ends[victim.id] is None


async def test_event_from_the_future_holds_up_its_own_run_only(scene: Scene) -> None:
    *others, victim = scene.runs
    space_id = await _space_of(scene, victim)
    event = Event(
        id=new_id(),
        source=recorder_source("r9"),
        type="console.message",
        time=rfc3339(time.time_ns()),
        spaceid=space_id,
        runid=victim.id,
        runtimeid=victim.runtime_id,
        dataversion=99,
        data=msgspec.Raw(b'{"told": "by ninety-eight versions more"}'),
    )
    subject = subjects.run_event(space_id, victim.id, subjects.RECORDER, event.type)
    async with nats_client(scene.nats.url) as client:
        await publish(client, subject, encode_event(event))
    await _others_go_on_without(scene, victim, others)
    assert await _skip_all(scene) == 1
    found = await everything_is_there(scene)
    assert found.ends[victim.id] is None


async def _space_of(scene: Scene, run: Run) -> str:
    answer = await scene.http.get(f"/v1/runtimes/{run.runtime_id}")
    return str(answer.json()["spaceId"])


async def _others_go_on_without(scene: Scene, victim: Run, others: list[Run]) -> None:
    """The victim is in the quarantine and stands still; every other run's events go on to come."""
    file = scene.recorder.database
    await eventually(lambda: _is_held_up(scene, victim), PATIENCE_SECONDS)
    before = tables.arrived(file)

    def others_went_on() -> bool:
        now = tables.arrived(file)
        return all(now[run.id] > before[run.id] + 20 for run in others)

    await eventually(others_went_on, PATIENCE_SECONDS)
    assert tables.arrived(file)[victim.id] == before[victim.id]


def _is_held_up(scene: Scene, run: Run) -> bool:
    return any(owner == run.id for *_, owner in tables.quarantined(scene.recorder.database))


async def _skip_all(scene: Scene) -> int:
    """Skip what holds somebody up until nothing does; how many messages that were."""
    skipped = 0
    while held_up := [each for each in tables.quarantined(scene.recorder.database) if each[3]]:
        stream, epoch, position, _ = held_up[0]
        request = SkipParked(stream=stream, epoch=epoch, position=position)
        answer = await ask(scene.recorder.database, request)
        assert not isinstance(answer, Refused), answer
        skipped += 1
    return skipped
