"""A run's activity as it is followed: each item as it is, and again whenever it changes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from pathlib import Path
from random import Random
from typing import Any

import bctrl
import pytest

from recorder import tails
from recorder.api.following import frames
from recorder.projections import PROJECTIONS
from recorder.queries import activity as queries
from recorder.queries.activity import ActivityFilter, activity_cursor
from recorder.queries.events import BEGINNING, Place
from recorder.store import open_store
from schemas import subjects
from schemas.resources import ActivityItem
from tests.recorder.test_events import Frame
from tests.recorder.test_events import frames as read_frames
from tests.support.recorder_activity import (
    NORMAL,
    RECORDINGS,
    World,
    ids,
    read,
    recorded,
)
from tests.support.recorder_running import KEY, Running
from tests.support.recorder_worker import FakeRun, FakeWorker, new_id


@pytest.fixture(params=RECORDINGS)
async def world(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[World]:
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        yield World(store, request.param)


@pytest.mark.parametrize("page", [1, 2, 5, 100])
async def test_from_the_beginning_each_is_told_once(
    world: World, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    """As it is now, in the order of the last changes; what one event changed is told together, however small a page."""
    monkeypatch.setattr(tails, "PAGE", page)
    await world.happen()
    told, ended = await read(world.follower())
    assert ended
    assert sorted(each.resource.id for each in told) == sorted(ids(await world.whole()))
    assert [each.place for each in told] == sorted(each.place for each in told)
    normal, _ = await read(world.follower(NORMAL))
    assert sorted(each.resource.id for each in normal) == sorted(ids(await world.whole(NORMAL)))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("page", [1, 3, 100])
async def test_who_follows_ends_up_with_the_list(
    world: World, monkeypatch: pytest.MonkeyPatch, page: int, seed: int
) -> None:
    """However it is cut, and also from any place at which a connection may have been lost."""
    monkeypatch.setattr(tails, "PAGE", page)
    random = Random(seed)
    follower, resumed = world.follower(), world.follower(NORMAL)
    last: dict[str, ActivityItem] = {}
    seen: dict[str, ActivityItem] = {}
    places: list[Place] = []
    ended = False
    while not ended:
        await world.happen(random.randint(1, 40))
        told, ended = await read(follower)
        for each in told:
            last.pop(each.resource.id, None)
            last[each.resource.id] = each.resource
            places.append(each.place)
        again, _ = await read(resumed)
        seen |= {each.resource.id: each.resource for each in again}
        if again:  # the id of its last frame is all that a client has
            place = await queries.find_place(
                world.store, world.run_id, activity_cursor(world.run_id, again[-1].place)
            )
            resumed = world.follower(NORMAL, place or BEGINNING)
    whole = await world.whole()
    assert sorted(last) == sorted(ids(whole))
    assert all(last[item.id] == item for item in whole)
    assert all(seen[item.id] == item for item in whole if item.view == "normal")
    assert places == sorted(places)
    assert len(places) > len(whole)  # some evolved, and were told again


@pytest.mark.parametrize("wanted", [ActivityFilter(), NORMAL])
async def test_a_connection_may_break_after_any_frame(world: World, wanted: ActivityFilter) -> None:
    """The id of the last one that came is all that a client has, also where one event changed several."""
    await world.happen()
    told, _ = await read(world.follower(wanted))
    if wanted == ActivityFilter():
        assert len({each.place for each in told}) < len(told)
    sent = [frame async for frame in frames_of(world, wanted)]
    assert len(sent) == len(told)
    for came, frame in enumerate(sent, 1):
        cursor = frame.split(b"\n")[1].removeprefix(b"id: ").decode()
        place = await queries.find_place(world.store, world.run_id, cursor)
        rest, _ = await read(world.follower(wanted, place or BEGINNING))
        missing = {each.resource.id for each in told[came:]}
        assert missing <= {each.resource.id for each in rest}
        assert len(rest) < len(told)


async def frames_of(world: World, wanted: ActivityFilter) -> AsyncIterator[bytes]:
    """Each as it is sent, but for the run's end."""
    follower = world.follower(wanted)
    async with aclosing(frames(follower, "run.activity", activity_cursor, world.run_id)) as told:
        sent = [frame async for some in told for frame in some.split(b"\n\n")]
    for frame in sent:
        if frame.startswith(b"event: run.activity\n"):
            yield frame


async def test_a_row_that_evolves_keeps_its_id_and_its_place(world: World) -> None:
    await world.happen(len(world.messages) // 2)
    before = {item.id: item for item in await world.whole()}
    await world.happen()
    after = await world.whole()
    assert ids(after)[: len(before)] == list(before)
    assert [item for item in after if item.id in before and item != before[item.id]]


async def test_all_who_follow_share_a_read_and_its_frames(world: World) -> None:
    await world.happen()
    with world.tails.bell(world.run_id):
        one, _ = await read(world.follower())
        two, _ = await read(world.follower())
        assert all(mine is yours for mine, yours in zip(one, two, strict=True))
        # Events of the run are another thing, though they stand at the same places.
        async with aclosing(
            frames(world.follower(), "run.activity", activity_cursor, world.run_id)
        ) as told:
            first = await anext(told)
        assert first.startswith(b"event: run.activity\nid: ")
        assert one[0].frame is not None


async def publish(worker: FakeWorker, run: FakeRun) -> None:
    """The run does what the recorded one did; its own beginning was told before."""
    for message in recorded("v1/tour"):
        event: dict[str, Any] = json.loads(message.body)
        if event["type"] == "runtime.lifecycle":
            continue
        event |= {"id": new_id(), "runid": run.run_id, "runtimeid": run.runtime_id}
        event |= {"spaceid": run.space_id, "source": f"/workers/{run.worker_id}"}
        run.number += 1
        event["sequence"] = f"{run.number:010}"
        subject = subjects.run_event(run.space_id, run.run_id, run.worker_id, event["type"])
        await worker.publish_raw(subject, json.dumps(event).encode(), event["id"])


async def test_over_the_api(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    """Followed live, and then read by the original client: the same items."""
    path = f"/v1/runs/{run.run_id}/activity"
    async with recorder.http.stream("GET", f"{path}/stream") as answer:
        told = read_frames(answer.aiter_lines())
        first = await anext(told)
        await publish(worker, run)
        await recorder.post(f"/v1/runtimes/{run.runtime_id}/stop")
        live = [first, *[frame async for frame in told]]
    assert live[-1][0] == "run.ended"
    assert {name for name, _, _ in live[:-1]} == {"run.activity"}
    last = {data["id"]: data for _, _, data in live[:-1]}
    listed = (await recorder.get(path, limit=1000))["data"]
    assert len(listed) > 10
    assert last == {item["id"]: item for item in listed}
    await read_by_the_original_client(recorder, run, listed, live)


async def read_by_the_original_client(
    recorder: Running, run: FakeRun, listed: list[Any], live: list[Frame]
) -> None:
    activity = bctrl.Bctrl(api_key=KEY, base_url=recorder.url).runs.activity

    def everything() -> Any:
        cursor = live[len(live) // 2][1]
        return (
            activity.list(run.run_id, limit=5),
            list(activity.iter(run.run_id, limit=7)),
            list(activity.stream(run.run_id)),
            list(activity.stream(run.run_id, cursor=cursor)),
            activity.stream_url(run.run_id, view="debug"),
        )

    page, all_of_it, streamed, resumed, url = await asyncio.to_thread(everything)
    assert page["data"] == listed[:5]
    assert all_of_it == listed
    assert [each["event"] for each in streamed[-2:]] == ["run.activity", "run.ended"]
    items = [each["data"] for each in streamed[:-1]]
    assert {item["id"]: item for item in items} == {item["id"]: item for item in listed}
    assert len(items) == len(listed)
    assert 0 < len(resumed) <= len(streamed)
    debug = await recorder.http.get(url)
    assert debug.text.count("event: run.activity") > len(listed)
