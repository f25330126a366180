"""What leaves the stream and then the tables, and what is said of it afterwards."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import bctrl
import pytest
from msgspec import structs

from recorder import finaliser, retention
from recorder.admin.client import ask
from recorder.admin.messages import SkipParked
from recorder.ops.verify import verify
from recorder.projections import PROJECTIONS
from recorder.queries.events import Place, event_cursor
from recorder.store import Store, open_store
from schemas.actions import Reload
from schemas.ends import BROWSER_CRASHED
from schemas.events.network import NetworkFinished
from schemas.events.page import PageOpened
from tests.support import recorder_spec as spec
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.recorder_commands import done, queued
from tests.support.recorder_retention import (
    age,
    beside,
    finalised,
    has_left,
    rows_become,
    rows_of,
    started,
)
from tests.support.recorder_running import KEY, Running, running, settings_for
from tests.support.recorder_worker import FakeRun, FakeWorker, fake_worker, new_id


async def test_every_table_of_runs_is_emptied(tmp_path: Path) -> None:
    """A new one has a key by which `retention` finds what of a run is to leave."""
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        for table in retention.OF_RUNS:
            columns = await store.rows(f"SELECT name, pk FROM pragma_table_info('{table}')")
            keys = sorted((row["pk"], row["name"]) for row in columns if row["pk"])
            assert [name for _, name in keys][:3] in (["run_id"], ["run_id", "epoch", "position"])
            assert {"epoch", "position"} < {row["name"] for row in columns}


async def test_what_comes_while_its_run_is_being_removed(tmp_path: Path) -> None:
    """Is projected as if it were all there is of the run, as a rebuild would: nothing of before shows in it."""
    run = FakeRun("w1", new_id(), new_id())
    made = [run.launching(), run.ready(), *(run.event(PageOpened(url="x")) for _ in range(20))]
    made += [run.event(NetworkFinished(request_id="1", encoded_bytes=9)), run.ended()]
    late = [run.event(NetworkFinished(request_id="1", encoded_bytes=7)) for _ in range(2)]
    late += [run.event(PageOpened(url="late"))]
    before = [spec.message(at, event) for at, event in enumerate(made, 1)]
    after = [spec.message(at, event) for at, event in enumerate(late, 100)]
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        await spec.apply(store, before)
        values = (run.run_id, spec.EPOCH, 100, retention.CHUNK)
        assert await store.write(partial(retention._hide, values=values[:3]))
        await spec.apply(store, after)
        for table in retention.OF_RUNS:
            remove = partial(retention._remove_some_of, table=table, values=values)
            while await store.write(remove):
                pass
        while await store.write(partial(retention._remove_some, values=values)):
            pass
        removed = await spec.dump(store)
    async with open_store(tmp_path / "y.db", PROJECTIONS) as store:
        await spec.apply(store, after)
        assert removed == await spec.dump(store)


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "ROUND_SECONDS", 0.1)
    monkeypatch.setattr(finaliser, "ROUND_SECONDS", 0.1)
    monkeypatch.setattr(retention, "CHUNK", 7)
    monkeypatch.setattr(retention, "MUCH", 0.0)  # or it would have to be full, or a day to pass


@pytest.fixture
async def recorder(own_nats: NatsServer, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(settings_for(tmp_path, own_nats.url)) as recorder:
        yield recorder


@pytest.fixture
async def worker(recorder: Running, own_nats: NatsServer) -> AsyncIterator[FakeWorker]:
    async with fake_worker(own_nats.url) as worker:

        async def is_seen() -> bool:
            answer = await recorder.http.get("/readyz", params={"for": "start"})
            return answer.status_code == 200

        await eventually(is_seen)
        yield worker


async def is_verified(recorder: Running) -> bool:
    """Whether the tables are what the streams make, over all that those still hold."""
    settings = recorder.settings
    found = await verify(settings.nats_url, Path(settings.database))
    assert found.difference is None
    return found.equal


async def test_run_is_told_the_same_once_its_events_have_left(
    recorder: Running, worker: FakeWorker
) -> None:
    run = await started(recorder, worker, events=20)
    await worker.publish(run, run.event(PageOpened(url="hole"), number=30))
    command = new_id()
    await worker.publish(run, queued(run, command, Reload()), *done(run, command))
    await worker.end(run, BROWSER_CRASHED)
    ended = await recorder.post(f"/v1/runs/{run.run_id}/wait")
    assert ended["missing"] == [[23, 29]]
    assert (ended["counts"]["invocations"], ended["counts"]["toolCalls"]) == (1, 1)
    goes_on = await started(recorder, worker)
    paths = (
        f"/v1/runs/{run.run_id}",
        f"/v1/runs/{run.run_id}/usage",
        f"/v1/runtimes/{run.runtime_id}",
        f"/v1/runtimes/{run.runtime_id}/runs",
        f"/v2/runtimes/{run.runtime_id}/runs",
        "/v1/runs",
        "/v1/runs?spaceId=default",
        "/v1/runs?status=failed",
    )
    await finalised(recorder, worker, run)
    await recorder.post(f"/v1/runs/{run.run_id}/wait")  # until it is settled
    before = [await recorder.get(path) for path in paths]
    await age(worker)
    await eventually(lambda: has_left(recorder, run))

    await rows_become(recorder, run, [0, 0, 0])
    assert [await recorder.get(path) for path in paths] == before
    for path in (
        "activity",
        "activity/stream",
        "commands",
        f"commands/{command}",
        "invocations",
        f"invocations/{command}",
    ):
        gone = await recorder.http.get(f"/v1/runs/{run.run_id}/{path}")
        assert (gone.status_code, gone.json()["code"]) == (410, "cursor.expired")
    waited = await recorder.post(f"/v1/runs/{run.run_id}/wait")
    assert (waited["waitStatus"], waited["failure"]) == ("completed", ended["failure"])
    assert await is_verified(recorder)
    # What goes on stays, though nothing of it is on the stream.
    assert len((await recorder.get(f"/v1/runs/{goes_on.run_id}/events"))["data"]) == 2
    client = bctrl.Bctrl(api_key=KEY, base_url=recorder.url)
    listed = await asyncio.to_thread(lambda: list(client.runs.iter(limit=1)))
    assert [each["id"] for each in listed] == [goes_on.run_id, run.run_id]
    assert (await asyncio.to_thread(client.runs.get, run.run_id))["status"] == "failed"


async def test_run_with_a_message_on_the_stream_stays_whole(
    recorder: Running, worker: FakeWorker
) -> None:
    run = await started(recorder, worker, events=5)
    other = await started(recorder, worker)
    await worker.end(other)
    await worker.end(run)
    await finalised(recorder, worker, run, other)
    await age(worker, keep=1)
    await eventually(lambda: has_left(recorder, other))
    assert len((await recorder.get(f"/v1/runs/{run.run_id}/events"))["data"]) == 8


async def refused(recorder: Running, path: str, **params: Any) -> dict[str, Any]:
    answer = await recorder.http.get(path, params=params)
    assert answer.status_code == 410, answer.text
    body: dict[str, Any] = answer.json()
    assert (body["code"], body["reasonClass"]) == ("cursor.expired", "not_found")
    assert body["hint"]
    return body


async def test_events_that_have_left_are_not_an_empty_list(
    recorder: Running, worker: FakeWorker
) -> None:
    run = await started(recorder, worker, events=5)
    events = f"/v1/runs/{run.run_id}/events"
    cursor = (await recorder.get(events, limit=2))["nextCursor"]
    await worker.end(run)
    await finalised(recorder, worker, run)
    await age(worker)
    await eventually(lambda: has_left(recorder, run))
    for path in (events, f"{events}/stream"):
        for params in ({}, {"cursor": cursor}):
            body = await refused(recorder, path, **params)
            assert body["error"] == "The events of this run were removed by retention."
            assert body["details"] == {"firstCursor": None}
    answer = await recorder.http.get(f"{events}/stream", headers={"last-event-id": cursor})
    assert answer.status_code == 410
    waited = await recorder.post(f"{events}/wait", {"timeoutMs": 20_000})
    assert (waited["event"], waited["timedOut"], waited["runEnded"]) == (None, False, True)
    await recorder.post(f"{events}/wait", {"cursor": cursor}, status=410)
    assert (await recorder.http.get(events, params={"cursor": "x"})).status_code == 400


async def test_cursor_before_the_first_event_there_is(own_nats: NatsServer, tmp_path: Path) -> None:
    """A second recorder comes when the beginning of a run has left the stream."""
    one = settings_for(tmp_path / "one", own_nats.url, recorder_id="one")
    two = settings_for(tmp_path / "two", own_nats.url, recorder_id="two")
    async with running(one) as first, fake_worker(own_nats.url) as worker:
        run = await worker.open()
        await worker.publish(run, *[run.event(PageOpened(url="x")) for _ in range(8)])
        events = f"/v1/runs/{run.run_id}/events"

        async def ten() -> bool:
            answer = await first.http.get(events)
            return answer.status_code == 200 and len(answer.json()["data"]) == 10

        await eventually(ten)
        early = (await first.get(events, limit=2))["nextCursor"]
        just_before = (await first.get(events, limit=6))["nextCursor"]
        await age(worker, keep=4)
        async with running(two) as second:

            async def four() -> list[Any]:
                answer = await second.http.get(events)
                data = list(answer.json()["data"]) if answer.status_code == 200 else []
                return data if len(data) == 4 else []

            await eventually(four)
            body = await refused(second, events, cursor=early)
            assert body["error"] == "Events after this cursor were removed by retention."
            streamed = await refused(second, f"{events}/stream", cursor=early)
            assert streamed["details"] == body["details"]
            again = await second.get(events, cursor=body["details"]["firstCursor"])
            assert [event["sequence"] for event in again["data"]] == [7, 8, 9, 10]
            assert (await second.get(events, cursor=just_before)) == again
            assert (await second.get(f"/v1/runs/{run.run_id}"))["missing"] == [[1, 6]]
            strange = event_cursor(run.run_id, Place(7, 8))
            assert (await refused(second, events, cursor=strange))["details"] == body["details"]
            whole = await first.get(events, cursor=early)
            assert len(whole["data"]) == 8


async def test_cursor_of_a_wait_is_good_before_anything_follows(
    recorder: Running, worker: FakeWorker
) -> None:
    run = await started(recorder, worker)
    events = f"/v1/runs/{run.run_id}/events"
    await age(worker)
    waited = await recorder.post(f"{events}/wait", {"timeoutMs": 0})
    assert (await recorder.get(events, cursor=waited["cursor"]))["data"] == []
    await worker.publish(run, run.event(PageOpened(url="next")))
    again = await recorder.post(f"{events}/wait", {"cursor": waited["cursor"]})
    assert again["event"]["data"] == {"url": "next"}


async def test_removal_that_was_killed_is_finished(
    own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = settings_for(tmp_path, own_nats.url)
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        run = await worker.open()
        await worker.publish(run, *[run.event(PageOpened(url="x")) for _ in range(50)])
        await worker.end(run)
        await finalised(recorder, worker, run)
        with monkeypatch.context() as broken:
            broken.setattr(retention, "_remove_some", _fails)
            await age(worker)
            await eventually(lambda: has_left(recorder, run))  # nobody sees half of it
            assert rows_of(recorder, run) == [53, 53, 0]
            recorder.stop.set()
    async with running(settings) as recorder:
        await rows_become(recorder, run, [0, 0, 0])
        assert (await recorder.get(f"/v1/runs/{run.run_id}"))["counts"]["events"] == 53


def _fails(*_: object, **__: object) -> int:
    raise RuntimeError("killed here")


async def test_what_comes_late_after_its_run_has_left(
    recorder: Running, worker: FakeWorker
) -> None:
    """It is kept until it leaves too, and the run is what it was."""
    run = await started(recorder, worker, events=5)
    await worker.end(run)
    await finalised(recorder, worker, run)
    before = await recorder.post(f"/v1/runs/{run.run_id}/wait")
    await age(worker)
    await eventually(lambda: has_left(recorder, run))
    await worker.publish(run, run.event(PageOpened(url="late")))

    await rows_become(recorder, run, [1, 1, 1])
    assert await recorder.post(f"/v1/runs/{run.run_id}/wait") == before
    assert await has_left(recorder, run)
    assert (await recorder.get("/v1/runs", status="active"))["data"] == []
    [listed] = (await recorder.get("/v1/runs"))["data"]
    assert listed["status"] == "stopped"
    assert (await recorder.get(f"/v1/runtimes/{run.runtime_id}"))["status"] == "stopped"
    assert await is_verified(recorder)
    await age(worker)

    await rows_become(recorder, run, [0, 0, 0])


async def test_parked_run_stays_and_what_names_nobody_leaves(
    recorder: Running, worker: FakeWorker
) -> None:
    run, other = await started(recorder, worker), await started(recorder, worker)
    await worker.end(run)
    await worker.publish_raw(run.subject(run.event("late.x")), b"no event", "garbage-1")
    await worker.publish_raw("runs.nobody", b"no event", "garbage-2")
    await worker.end(other)
    await finalised(recorder, worker, run, other)
    await age(worker)
    await eventually(lambda: has_left(recorder, other))

    def unreadable() -> list[str]:
        return [row[0] for row in beside(recorder, "SELECT owner FROM quarantine")]

    await eventually(lambda: unreadable() == [run.run_id])
    assert beside(recorder, "SELECT * FROM log WHERE subject = 'runs.nobody'") == []
    assert rows_of(recorder, run) == [4, 3, 1]
    assert len((await recorder.get(f"/v1/runs/{run.run_id}/events"))["data"]) == 3


async def test_skipped_message_leaves_with_its_run(recorder: Running, worker: FakeWorker) -> None:
    run = await started(recorder, worker)
    await worker.publish_raw(run.subject(run.event("x")), b"no event", "garbage")
    await worker.end(run)

    def quarantined() -> list[Any]:
        return beside(recorder, "SELECT stream, epoch, position FROM quarantine")

    [(stream, epoch, position)] = await eventually(quarantined)
    skip = SkipParked(stream=stream, epoch=epoch, position=position)
    await ask(Path(recorder.settings.database), skip)
    await finalised(recorder, worker, run)
    await age(worker)
    await rows_become(recorder, run, [0, 0, 0])
    await eventually(lambda: quarantined() == [])


async def test_stream_that_was_emptied_by_hand_takes_nothing_along(
    recorder: Running, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(retention, "ROUND_SECONDS", 0.1)
    run, old = await started(recorder, worker), await started(recorder, worker)
    await worker.end(run)
    await worker.publish(old, structs.replace(old.ended(), time="2020-01-01T00:00:00.000Z"))
    await finalised(recorder, worker, run, old)
    await age(worker)
    await eventually(lambda: has_left(recorder, old))
    assert len((await recorder.get(f"/v1/runs/{run.run_id}/events"))["data"]) == 3
    assert rows_of(recorder, run) == [3, 3, 1]


async def test_chunks_are_small_and_others_write_in_between(
    recorder: Running, worker: FakeWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs: list[bool] = []
    write = Store.write

    async def noting(store: Store, job: Any) -> Any:
        jobs.append(getattr(job, "func", None) is retention._remove_some)
        return await write(store, job)

    monkeypatch.setattr(Store, "write", noting)
    run = await started(recorder, worker, events=200)
    other = await started(recorder, worker)
    await worker.end(run)
    await finalised(recorder, worker, run)

    async def chatter() -> None:
        while sum(jobs) < 203 / retention.CHUNK:
            await worker.publish(other, other.event(PageOpened(url="x")))

    await age(worker)
    async with asyncio.timeout(60):
        await chatter()
    first = jobs.index(True)
    assert not all(jobs[first:])
