"""The Python client against a real recorder, with a worker that has no browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import httpx
import pytest
from msgspec import UNSET, Raw

from recorder.client import (
    ApiError,
    CannotConnect,
    Conflict,
    InvalidRequest,
    NotFound,
    RunHandle,
    Runreel,
    Unauthorized,
    Unavailable,
)
from schemas.actions import Reload
from schemas.events.network import NetworkFinished
from schemas.events.page import PageOpened
from schemas.resources import ActivityItem, EventToIngest, Run, RunEvent
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.ports import free_port
from tests.support.recorder_commands import done
from tests.support.recorder_running import KEY, Running, running, settings_for
from tests.support.recorder_worker import FakeWorker, fake_worker


@pytest.fixture
async def recorder(own_nats: NatsServer, tmp_path: Path) -> AsyncIterator[Running]:
    async with running(settings_for(tmp_path, own_nats.url)) as recorder:
        yield recorder


@pytest.fixture
async def worker(own_nats: NatsServer, recorder: Running) -> AsyncIterator[FakeWorker]:
    async with fake_worker(own_nats.url) as worker:
        await recorder.until_startable()
        yield worker


@pytest.fixture
async def runreel(recorder: Running) -> AsyncIterator[Runreel]:
    async with Runreel(recorder.url, KEY) as runreel:
        yield runreel


async def test_spaces(runreel: Runreel) -> None:
    made = [await runreel.spaces.create(f"space {number}") for number in range(3)]
    listed = [space.name async for space in runreel.spaces.list(limit=2)]
    assert listed == ["default", "space 0", "space 1", "space 2"]
    assert (await runreel.spaces.get(made[0].id)).name == "space 0"
    first = await runreel.spaces.list(limit=2).page()
    rest = await runreel.spaces.list(limit=2).page(first.next_cursor)
    assert [space.id for space in rest.data] == [made[1].id, made[2].id]
    assert rest.next_cursor is None


@pytest.mark.usefixtures("worker")
async def test_a_runtime_from_launch_to_stop(runreel: Runreel) -> None:
    space = await runreel.spaces.get("default")
    runtime = await space.runtimes.browser.launch(name="crm", metadata={"job": 7})
    assert (runtime.name, runtime.status, runtime.resource.metadata) == (
        "crm",
        "active",
        {"job": 7},
    )
    run = await runtime.current_run()
    assert run is not None
    assert run.id == runtime.active_run_id
    assert runtime.connect_url is not None
    assert runtime.connect_url.startswith("ws://")
    again = await runtime.start()
    assert (again.started, again.run_id) == (False, run.id)
    stopped = await runtime.stop()
    assert stopped.stopped
    shown = await runreel.runtimes.get(runtime.id)
    assert (shown.status, shown.active_run_id, shown.connect_url) == ("stopped", None, None)
    assert shown.resource == runtime.resource
    assert await runtime.current_run() is None
    assert [each.id async for each in runtime.runs()] == [run.id]
    assert (await run.wait(0)).wait_status == "completed"
    assert (await run.refresh()).resource.counts.events == 3
    with pytest.raises(Conflict, match="no active run") as refused:
        await runtime.stop()
    assert refused.value.code == "runtime.not_active"


@pytest.mark.usefixtures("worker")
async def test_leaving_a_runtime_stops_it(runreel: Runreel) -> None:
    async with await runreel.runtimes.create(name="short", start=True) as runtime:
        assert runtime.status == "active"
    assert runtime.status == "stopped"
    async with await runreel.runtimes.create(start=True) as ended_by_itself:
        await ended_by_itself.stop()


async def test_a_runtime_is_changed_found_and_deleted(runreel: Runreel) -> None:
    space = await runreel.spaces.create("a room")
    config = {"idleTimeoutSeconds": 60, "proxy": {"server": "http://p:1", "password": "pw"}}
    made = await space.runtimes.create(
        name="crm", config=config, metadata={"customerJobId": "job_123", "live": True}
    )
    await space.runtimes.create(name="other", metadata={"customerJobId": "job_124"})
    found = await space.runtimes.list(metadata={"customerJobId": "job_123", "live": True}).all()
    assert [each.id for each in found] == [made.id]
    assert [each.name async for each in runreel.runtimes.list(name="crm")] == ["crm"]
    await made.update(name="erp", config={"idleTimeoutSeconds": None})
    assert (made.name, made.resource.config.idle_timeout_seconds) == ("erp", UNSET)
    with pytest.raises(Conflict) as refused:
        await space.delete()
    assert refused.value.code == "space.not_empty"
    for runtime in await space.runtimes.list().all():
        await runtime.delete()
    with pytest.raises(NotFound):
        await made.refresh()
    assert (await space.rename("an empty room")).name == "an empty room"
    await space.delete()
    with pytest.raises(NotFound):
        await runreel.spaces.get(space.id)


async def test_events_are_listed_followed_and_waited_for(
    runreel: Runreel, worker: FakeWorker
) -> None:
    runtime = await runreel.runtimes.create(start=True)
    run = await runtime.current_run()
    assert run is not None
    opened = worker.runs[run.id]
    here = (await run.events.wait(timeout_seconds=0)).cursor
    waiting = asyncio.create_task(run.events.wait(type="page.*", cursor=here, timeout_seconds=20))
    following = asyncio.create_task(_types(run.events.follow()))
    await worker.publish(opened, opened.event(PageOpened(url="https://a.example/")))
    listed = [event.type async for event in run.events.list(limit=1)]
    assert listed[:2] == ["runtime.lifecycle", "runtime.lifecycle"]
    await runtime.stop()
    assert await following == ["runtime.lifecycle"] * 2 + ["page.opened", "runtime.lifecycle"]
    waited = (await waiting).event
    assert waited is not None
    assert waited.type == "page.opened"
    assert await _types(run.events.follow(type="page.opened")) == ["page.opened"]
    late = await run.events.wait(type="page.opened", timeout_seconds=0)
    assert (late.event, late.timed_out, late.run_ended) == (None, False, True)


async def test_events_are_searched(runreel: Runreel, worker: FakeWorker) -> None:
    runtime = await runreel.runtimes.create(start=True)
    run = await runtime.current_run()
    assert run is not None
    opened = worker.runs[run.id]
    urls = [f"http://needle.example/{number}" for number in range(3)]
    here = (await run.events.wait(timeout_seconds=0)).cursor
    await worker.publish(opened, *(opened.event(PageOpened(url=url)) for url in urls))
    for _ in urls:
        here = (await run.events.wait(type="page.opened", cursor=here)).cursor
    found = await runreel.search("needle", type="page.*", limit=2).all()
    assert [hit.run.id for hit in found] == [run.id] * 3
    assert [part.text for part in found[0].excerpt if part.marked] == ["needle"]
    listed = await run.events.list(q="needle").all()
    assert [event.id for event in listed] == [hit.event.id for hit in found[::-1]]


async def test_activity_is_listed_and_followed_and_usage_is_told(
    runreel: Runreel, worker: FakeWorker
) -> None:
    runtime = await runreel.runtimes.create(start=True, metadata={"customer": "acme"})
    run = await runtime.current_run()
    assert run is not None
    assert (await run.usage()).billing_status == "pending"
    following = asyncio.create_task(_items(run.activity.follow(view="debug")))
    opened = worker.runs[run.id]
    finished = NetworkFinished(request_id="1", encoded_bytes=7)
    await worker.publish(opened, opened.event(finished))
    await runtime.stop()
    told = await following
    listed = await run.activity.list(view="debug", limit=1).all()
    assert {item.id for item in told} == {item.id for item in listed}
    assert {item.id: item for item in told} == {item.id: item for item in listed}
    started = await _items(run.activity.follow(type="runtime.started"))
    assert [item.status for item in started] == ["finished"]
    nested = await run.activity.list(nested=True, order="desc").all()
    assert nested[0].type == "runtime.ended"
    assert nested[0].children == []
    await run.wait()
    used = await run.usage()
    assert (used.billing_status, used.network_bytes) == ("settled", 7)
    found = await runreel.usage.get(group_by="metadata.customer")
    assert found.runs + found.pending.runs == 1
    assert isinstance(found.groups, list)
    assert [group.key for group in found.groups] == ["acme"]


async def _items(activity: AsyncIterator[ActivityItem]) -> list[ActivityItem]:
    return [item async for item in activity]


async def _types(events: AsyncIterator[RunEvent]) -> list[str]:
    return [event.type async for event in events]


async def test_following_goes_on_after_the_recorder_was_away(
    own_nats: NatsServer, tmp_path: Path
) -> None:
    """Each event once, though the connection broke in the middle."""
    settings = settings_for(tmp_path, own_nats.url, port=free_port())
    async with (
        AsyncExitStack() as until,
        Runreel(f"http://127.0.0.1:{settings.port}", KEY) as runreel,
    ):
        await until.enter_async_context(running(settings))
        async with fake_worker(own_nats.url) as worker:
            opened = await worker.open()
            run = await _found(runreel, opened.run_id)
            away: list[float | None] = []
            followed = aiter(run.events.follow(away=away.append))
            seen = [(await anext(followed)).sequence for _ in range(2)]
            await worker.publish(opened, opened.event(PageOpened(url="one")))
            seen.append((await anext(followed)).sequence)
            await until.aclose()
            await worker.publish(opened, opened.event(PageOpened(url="two")), opened.ended())
            rest = asyncio.create_task(_types(followed))
            async with running(settings):
                assert await rest == ["page.opened", "runtime.lifecycle"]
    assert seen == [1, 2, 3]
    *tries, back = away
    assert tries[0] == 0.0
    assert back is None


async def _found(runreel: Runreel, run_id: str) -> RunHandle[Run]:
    async def look() -> RunHandle[Run] | None:
        with suppress(NotFound):
            return await runreel.runs.get(run_id)
        return None

    return await eventually(look)


async def test_errors_say_what_to_do(runreel: Runreel, recorder: Running) -> None:
    with pytest.raises(NotFound) as missing:
        await runreel.runtimes.get("01890000-0000-7000-8000-000000000000")
    assert (missing.value.status, missing.value.code) == (404, "runtime.not_found")
    assert missing.value.request_id
    with pytest.raises(InvalidRequest, match="name"):
        await runreel.spaces.create("")
    with pytest.raises(InvalidRequest):
        await runreel.runs.list(limit=0).all()
    runtime = await runreel.runtimes.create()
    with pytest.raises(Unavailable) as nobody:
        await runtime.start()
    assert "runreel worker" in (nobody.value.hint or "")
    async with Runreel(recorder.url, "a-wrong-key-entirely") as stranger:
        with pytest.raises(Unauthorized):
            await stranger.spaces.get()


async def test_nobody_answers() -> None:
    async with Runreel(f"http://127.0.0.1:{free_port()}", KEY) as runreel:
        with pytest.raises(CannotConnect, match="No answer"):
            await runreel.spaces.get()


async def test_an_answer_that_is_none_of_ours() -> None:
    """A proxy's page, say."""

    def proxy(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(418, text="<h1>I am a teapot</h1>")

    async with httpx.AsyncClient(transport=httpx.MockTransport(proxy)) as http:
        with pytest.raises(ApiError, match="status 418"):
            await Runreel("http://recorder.example", KEY, http=http).spaces.get()


async def test_what_one_answer_showed_the_next_shows(own_nats: NatsServer, tmp_path: Path) -> None:
    """Behind a balancer over two recorders."""
    async with (
        running(settings_for(tmp_path / "one", own_nats.url, recorder_id="one")) as one,
        running(settings_for(tmp_path / "two", own_nats.url, recorder_id="two")) as two,
    ):
        urls = [one.url, two.url]

        async def by_turns(request: httpx.Request) -> None:
            urls.reverse()
            request.url = request.url.copy_with(port=httpx.URL(urls[0]).port)

        async with httpx.AsyncClient(event_hooks={"request": [by_turns]}) as http:
            runreel = Runreel(one.url, KEY, http=http)
            for number in range(10):
                made = await runreel.spaces.create(f"{number}")
                assert (await runreel.spaces.get(made.id)).name == f"{number}"


async def test_invocations_and_commands(runreel: Runreel, worker: FakeWorker) -> None:
    runtime = await runreel.runtimes.browser.launch()
    run = await runtime.current_run()
    assert run is not None
    fake = worker.runs[run.id]
    go: dict[str, object] = {"action": "navigate", "url": "https://example.com/"}
    first = await runtime.invocations.create(go)
    assert (first.status, first.has_ended, first.output) == ("queued", False, None)
    assert not (await first.wait(timeout_seconds=0)).has_ended
    waiting = asyncio.create_task(first.wait())
    await worker.publish(fake, *done(fake, first.id, {"url": "u"}))
    assert ((await waiting).status, first.output) == ("succeeded", {"url": "u"})
    second = await runtime.invocations.create(Reload(), idempotency_key="k")
    assert (await runtime.invocations.create(Reload(), idempotency_key="k")).id == second.id
    assert (await second.cancel()).status == "cancelled"
    assert second.resource.error is not None
    assert second.resource.error.code == "invocation.cancelled"
    with pytest.raises(InvalidRequest):
        await runtime.invocations.create({"action": "jump"})
    ids = [first.id, second.id]
    assert [each.id async for each in run.invocations.list(limit=1)] == ids
    assert [each.id for each in await run.invocations.list(action="reload").all()] == ids[1:]
    assert (await run.invocations.get(first.id)).output == {"url": "u"}
    commands = await run.commands.list(include=["result"]).all()
    assert [each.entry_call for each in commands] == [
        *("runtimes.start", "runtimes.invocations.create", "runtimes.invocations.create")
    ]
    assert commands[1].result == Raw(b'{"url":"u"}')
    assert (await run.commands.get(first.id)).request is UNSET
    assert (await run.refresh()).resource.counts.invocations == 2


async def test_events_of_ones_own(runreel: Runreel, worker: FakeWorker) -> None:
    runtime = await runreel.runtimes.browser.launch()
    run = await runtime.current_run()
    assert run is not None
    plan = EventToIngest(type="custom.plan", data={"n": 1}, id="a")
    ids = await run.events.put(plan, {"type": "custom.plan", "id": "b"})
    assert [each.id async for each in run.events.list(type="custom.*")] == ids
    await runtime.stop()
    with pytest.raises(Conflict):
        await run.events.put(plan)


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../../healthz",
        "../runtimes",
        "a/b",
        "x?limit=1",
        "x#y",
        "%2e%2e",
        "é\udcff\n",
    ],
)
async def test_a_name_is_one_part_of_the_path_whatever_stands_in_it(
    runreel: Runreel, name: str
) -> None:
    for asked in (
        runreel.runs.get(name),
        runreel.runtimes.get(name),
        runreel.spaces.get(name),
        runreel.files.get(name),
    ):
        with pytest.raises(NotFound):
            await asked
