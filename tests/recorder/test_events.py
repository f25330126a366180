"""Runs and their events: listed, filtered, streamed with resume, waited for."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from recorder import cancelling, follow
from schemas import codec
from schemas.ends import BROWSER_CRASHED
from schemas.events.console import ConsoleMessage
from schemas.events.network import NetworkFailed, NetworkFinished, NetworkRequest
from schemas.events.page import PageOpened
from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeRun, FakeWorker

Frame = tuple[str, str | None, Any]


async def frames(lines: AsyncIterator[str]) -> AsyncIterator[Frame]:
    """Server-sent events, read strictly: event, id (or none), data, blank line."""
    fields: dict[str, str] = {}
    async for line in lines:
        if line:
            name, _, value = line.partition(": ")
            assert name in ("event", "id", "data")
            fields[name] = value
        else:
            yield fields["event"], fields.get("id"), json.loads(fields["data"])
            fields = {}


@asynccontextmanager
async def stream(
    recorder: Running, run: FakeRun, headers: dict[str, str] | None = None, **params: Any
) -> AsyncIterator[AsyncIterator[Frame]]:
    path = f"/v1/runs/{run.run_id}/events/stream"
    async with recorder.http.stream("GET", path, params=params, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield frames(answer.aiter_lines())


async def whole_stream(recorder: Running, run: FakeRun, **given: Any) -> list[Frame]:
    async with stream(recorder, run, **given) as told:
        return [frame async for frame in told]


def some_events(run: FakeRun) -> list[Any]:
    request = NetworkRequest(request_id="1", method="GET", url="http://x/")
    return [
        run.event(PageOpened(url="about:blank"), pageid="p1", contextid="c1"),
        run.event(request, pageid="p1", status="started", time="2026-01-01T00:00:01.000Z"),
        run.event(
            NetworkFinished(request_id="1", encoded_bytes=5),
            pageid="p1",
            status="finished",
            durationms=1500,
            time="2026-01-01T00:00:02.000Z",
        ),
        run.event(NetworkFailed(request_id="2", error_text="net::ERR"), status="failed"),
        run.event(ConsoleMessage(level="info", text="ü\u2028\n"), connectionid="k1"),
    ]


@pytest.fixture
async def busy(recorder: Running, worker: FakeWorker, run: FakeRun) -> FakeRun:
    """An active run with seven events, all shown."""
    await recorder.shown(RUNS=await worker.publish(run, *some_events(run)))
    return run


async def types(recorder: Running, run: FakeRun, **params: Any) -> list[str]:
    page = await recorder.get(f"/v1/runs/{run.run_id}/events", **params)
    return [event["type"].removeprefix("network.") for event in page["data"]]


async def test_events_in_order(recorder: Running, busy: FakeRun) -> None:
    page = await recorder.get(f"/v1/runs/{busy.run_id}/events")
    assert page["nextCursor"] is None
    assert [event["sequence"] for event in page["data"]] == [1, 2, 3, 4, 5, 6, 7]
    finished = page["data"][4]
    assert finished["type"] == "network.finished"
    assert finished["category"] == "network"
    assert finished["durationSeconds"] == 1.5
    assert finished["data"] == {"requestId": "1", "encodedBytes": 5}
    assert (finished["source"], finished["late"], finished["pageId"]) == ("worker", False, "p1")
    assert page["data"][6]["data"]["text"] == "ü\u2028\n"
    backwards = await recorder.get(f"/v1/runs/{busy.run_id}/events", order="desc")
    assert backwards["data"] == page["data"][::-1]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"type": "network.*"}, ["request", "finished", "failed"]),
        ({"type": ["network.request", "network.failed"]}, ["request", "failed"]),
        ({"type": "network.request,network.failed"}, ["request", "failed"]),
        ({"type": "network"}, []),
        ({"type": "network.%"}, []),
        ({"type": "*", "status": "failed"}, ["failed"]),
        ({"category": ["network"], "status": ["finished", "failed"]}, ["finished", "failed"]),
        ({"category": "lifecycle,console"}, ["runtime.lifecycle"] * 2 + ["console.message"]),
        ({"pageId": "p1"}, ["page.opened", "request", "finished"]),
        ({"contextId": "c1"}, ["page.opened"]),
        ({"connectionId": "k1"}, ["console.message"]),
        (
            {"since": "2026-01-01T00:00:01Z", "until": "2026-01-01T01:00:02+01:00"},
            ["request", "finished"],
        ),
        ({"until": "2026-01-01T00:00:01Z"}, ["request"]),
    ],
)
async def test_filters(
    recorder: Running, busy: FakeRun, query: dict[str, Any], found: list[str]
) -> None:
    assert await types(recorder, busy, **query) == found


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7])
async def test_pages(recorder: Running, busy: FakeRun, order: str, limit: int) -> None:
    path = f"/v1/runs/{busy.run_id}/events"
    seen: list[int] = []
    page = await recorder.get(path, limit=limit, order=order)
    while True:
        assert len(page["data"]) <= limit
        seen += [event["sequence"] for event in page["data"]]
        if page["nextCursor"] is None:
            break
        page = await recorder.get(path, limit=limit, order=order, cursor=page["nextCursor"])
    assert seen == sorted(range(1, 8), reverse=order == "desc")


async def test_stream_of_an_ended_run(recorder: Running, worker: FakeWorker, busy: FakeRun) -> None:
    await recorder.shown(RUNS=await worker.end(busy, BROWSER_CRASHED))
    told = await whole_stream(recorder, busy)
    listed = await recorder.get(f"/v1/runs/{busy.run_id}/events")
    assert [data for event, _, data in told if event == "run.event"] == listed["data"]
    event, event_id, data = told[-1]
    assert (event, event_id) == ("run.ended", None)
    assert data["runId"] == busy.run_id
    assert data["failure"]["code"] == "browser.crashed"


async def test_stream_is_live_and_can_be_resumed_anywhere(
    recorder: Running, worker: FakeWorker, busy: FakeRun
) -> None:
    async with stream(recorder, busy) as told:
        before = [await anext(told) for _ in range(7)]
        await worker.publish(busy, busy.event(PageOpened(url="one")))
        live = await anext(told)
        assert live[2]["data"] == {"url": "one"}
    await worker.publish(busy, busy.event(PageOpened(url="two")))
    await recorder.shown(RUNS=await worker.end(busy))
    whole = await whole_stream(recorder, busy)
    assert [*before, live] == whole[:8]
    for at, (_, event_id, _) in enumerate(whole[:-1], 1):
        assert event_id
        by_header = await whole_stream(recorder, busy, headers={"last-event-id": event_id})
        by_cursor = await whole_stream(recorder, busy, cursor=event_id)
        assert by_header == by_cursor == whole[at:]


async def test_last_event_id_wins_over_cursor(
    recorder: Running, worker: FakeWorker, busy: FakeRun
) -> None:
    await recorder.shown(RUNS=await worker.end(busy))
    whole = await whole_stream(recorder, busy)
    first, third = str(whole[0][1]), str(whole[2][1])
    told = await whole_stream(recorder, busy, headers={"last-event-id": third}, cursor=first)
    assert told == whole[3:]


async def test_ids_of_a_stream_serve_under_any_filter(
    recorder: Running, worker: FakeWorker, busy: FakeRun
) -> None:
    await recorder.shown(RUNS=await worker.end(busy))
    whole = await whole_stream(recorder, busy)
    after = str(whole[3][1])
    told = await whole_stream(recorder, busy, cursor=after, type="network.*")
    assert [data["type"] for event, _, data in told if event == "run.event"] == [
        "network.finished",
        "network.failed",
    ]
    page = await recorder.get(f"/v1/runs/{busy.run_id}/events", cursor=after, limit=1)
    assert page["data"][0] == whole[4][2]


async def test_filtered_stream_goes_on_past_what_it_does_not_show(
    recorder: Running, worker: FakeWorker, busy: FakeRun
) -> None:
    async with stream(recorder, busy, type="page.opened") as told:
        assert (await anext(told))[2]["data"] == {"url": "about:blank"}
        noise = [busy.event(ConsoleMessage(level="info", text="x")) for _ in range(20)]
        await worker.publish(busy, *noise, busy.event(PageOpened(url="next")))
        assert (await anext(told))[2]["data"] == {"url": "next"}


async def test_stream_of_garbage_cursor(recorder: Running, run: FakeRun) -> None:
    path = f"/v1/runs/{run.run_id}/events/stream"
    answers = [
        await recorder.http.get(path, params={"cursor": "x"}),
        await recorder.http.get(path, headers={"last-event-id": "x"}),
    ]
    for answer in answers:
        assert (answer.status_code, answer.json()["code"]) == (400, "request.invalid")


async def test_heartbeat_when_nothing_happens(
    recorder: Running, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "SILENCE_SECONDS", 0.05)
    async with stream(recorder, run) as told:
        async for event, event_id, data in told:
            if event == "heartbeat":
                assert event_id is None
                assert set(data) == {"time"}
                return


async def test_heartbeat_while_only_others_happen(
    recorder: Running, worker: FakeWorker, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(follow, "SILENCE_SECONDS", 0.3)

    async def chatter() -> None:
        while True:
            await worker.publish(run, run.event(ConsoleMessage(level="info", text="x")))
            await asyncio.sleep(0.02)

    chattering = asyncio.create_task(chatter())
    try:
        async with stream(recorder, run, type="page.crash") as told, asyncio.timeout(60):
            assert [(await anext(told))[0] for _ in range(2)] == ["heartbeat"] * 2
    finally:
        await cancelling.end([chattering])


async def test_bytes_of_a_frame(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    await recorder.shown(RUNS=await worker.end(run))
    answer = await recorder.http.get(f"/v1/runs/{run.run_id}/events/stream")
    assert "\r" not in answer.text
    first, *_, last, rest = answer.text.split("\n\n")
    assert [line.split(": ")[0] for line in first.split("\n")] == ["event", "id", "data"]
    assert [line.split(": ")[0] for line in last.split("\n")] == ["event", "data"]
    assert rest == ""


async def test_wait_for_what_comes(recorder: Running, worker: FakeWorker, busy: FakeRun) -> None:
    path = f"/v1/runs/{busy.run_id}/events/wait"
    body = {"type": ["page.*"], "timeoutMs": 20_000}
    waiting = asyncio.create_task(recorder.post(path, body))
    while not waiting.done():
        await worker.publish(busy, busy.event(PageOpened(url="later")))
        await asyncio.wait([waiting], timeout=0.05)
    waited = await waiting
    assert waited["timedOut"] is False
    assert waited["event"]["data"] == {"url": "later"}
    assert "runEnded" not in waited


async def test_wait_after_a_cursor_finds_what_was(recorder: Running, busy: FakeRun) -> None:
    events = f"/v1/runs/{busy.run_id}/events"
    cursor = (await recorder.get(events, limit=1))["nextCursor"]
    wanted = {"type": "network.*", "timeoutMs": 0}
    waited = await recorder.post(f"{events}/wait", {**wanted, "cursor": cursor})
    assert waited["event"]["type"] == "network.request"
    again = await recorder.post(f"{events}/wait", {**wanted, "cursor": waited["cursor"]})
    assert again["event"]["type"] == "network.finished"


async def test_wait_in_vain(recorder: Running, busy: FakeRun) -> None:
    path = f"/v1/runs/{busy.run_id}/events/wait"
    waited = await recorder.post(path, {"timeoutSeconds": 0.2})
    assert (waited["event"], waited["timedOut"]) == (None, True)
    assert waited["cursor"]


async def test_wait_on_a_run_that_ends(
    recorder: Running, worker: FakeWorker, busy: FakeRun
) -> None:
    path = f"/v1/runs/{busy.run_id}/events/wait"
    body = {"type": "page.crash", "timeoutMs": 20_000}
    waiting = asyncio.create_task(recorder.post(path, body))
    await worker.end(busy)
    waited = await waiting
    assert (waited["event"], waited["timedOut"], waited["runEnded"]) == (None, False, True)


async def test_run(recorder: Running, worker: FakeWorker, busy: FakeRun) -> None:
    run = await recorder.get(f"/v1/runs/{busy.run_id}")
    assert (run["status"], run["finishedAt"], run["durationSeconds"]) == ("active", None, None)
    assert run["counts"] == {"events": 7, "files": 0, "invocations": 0, "toolCalls": 0}
    assert (run["lastSequence"], run["missing"], run["late"]) == (7, [], 0)
    await recorder.shown(RUNS=await worker.end(busy))
    ended = await recorder.get(f"/v1/runs/{busy.run_id}")
    assert (ended["status"], ended["failure"]) == ("stopped", None)
    assert ended["durationSeconds"] >= 0


async def test_missing_numbers_are_told_until_they_come(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    late = [run.event(PageOpened(url=""), number=number) for number in (3, 4, 6)]
    await recorder.shown(RUNS=await worker.publish(run, run.event(PageOpened(url=""), number=7)))
    path = f"/v1/runs/{run.run_id}"
    assert (await recorder.get(path))["missing"] == [[3, 6]]
    await recorder.shown(RUNS=await worker.publish(run, late[1]))
    assert (await recorder.get(path))["missing"] == [[3, 3], [5, 6]]
    await recorder.shown(RUNS=await worker.publish(run, late[0], late[2]))
    assert (await recorder.get(path))["missing"] == [[5, 5]]


async def test_second_copy_of_a_message_changes_nothing(
    recorder: Running, worker: FakeWorker, busy: FakeRun
) -> None:
    event = busy.event(PageOpened(url="twice"))
    await worker.publish(busy, event)
    body, again = codec.encode_event(event), f"{event.id}-again"
    await recorder.shown(RUNS=await worker.publish_raw(busy.subject(event), body, again))
    run = await recorder.get(f"/v1/runs/{busy.run_id}")
    assert run["counts"]["events"] == 8


async def test_runs_lists_and_filters(recorder: Running, worker: FakeWorker, run: FakeRun) -> None:
    of_runtime = {"runtimeId": run.runtime_id}
    [listed] = (await recorder.get("/v1/runs", **of_runtime))["data"]
    assert listed["id"] == run.run_id
    assert "counts" not in listed
    assert (await recorder.get("/v1/runs", status="stopped", **of_runtime))["data"] == []
    await worker.end(run)
    ended = await recorder.post(f"/v1/runs/{run.run_id}/wait", {"timeoutMs": 10_000})
    assert ended["waitStatus"] == "completed"
    for status in ("stopped", "completed", "failed,completed"):
        found = await recorder.get("/v1/runs", status=status, **of_runtime)
        assert [each["id"] for each in found["data"]] == [run.run_id]
    assert (await recorder.get("/v1/runs", spaceId="default", limit=1))["data"]


async def test_wait_for_a_run_in_vain(recorder: Running, run: FakeRun) -> None:
    waited = await recorder.post(f"/v1/runs/{run.run_id}/wait", {"timeoutMs": 100})
    assert (waited["waitStatus"], waited["status"]) == ("timeout", "active")


async def test_v2_runs_are_exactly_seed_004(
    recorder: Running, worker: FakeWorker, run: FakeRun
) -> None:
    await worker.end(run)
    await recorder.post(f"/v1/runs/{run.run_id}/wait")
    await recorder.post(f"/v1/runtimes/{run.runtime_id}/start")
    path = f"/v2/runtimes/{run.runtime_id}/runs"
    first = await recorder.get(path, limit=1)
    second = await recorder.get(path, limit=1, cursor=first["nextCursor"])
    assert second["nextCursor"] is None
    assert [each["status"] for each in (*first["data"], *second["data"])] == ["active", "stopped"]
    assert set(first["data"][0]) == {"id", "createdAt", "startedAt", "finishedAt", "status"}
    assert first["data"][0]["finishedAt"] is None
    both = await recorder.http.get(f"{path}?status=active&status=stopped")
    assert len(both.json()["data"]) == 2
    one = await recorder.get(path, status="stopped")
    assert one["data"] == second["data"]
    v1 = await recorder.get(f"/v1/runtimes/{run.runtime_id}/runs")
    assert [each["id"] for each in v1["data"]] == [each["id"] for each in both.json()["data"]]


async def test_reader_that_goes_away_leaves_no_bell(recorder: Running, run: FakeRun) -> None:
    for _ in range(3):
        async with stream(recorder, run) as told:
            await anext(told)
    answer = await recorder.http.get("/healthz")
    assert answer.status_code == httpx.codes.OK
