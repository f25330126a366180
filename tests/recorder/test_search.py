"""q on events, and GET /v1/search: what is found, in which order, and what is refused. Never a 500."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.events.console import ConsoleMessage
from schemas.events.navigation import Navigation
from schemas.events.network import NetworkFailed, NetworkRequest
from schemas.events.page import PageTitle
from tests.recorder.test_events import whole_stream
from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeRun, FakeWorker, new_id

TIME = "2026-01-01T00:00:0{}.000Z"


@pytest.fixture
async def word() -> str:
    """A word that no other test uses."""
    return f"w{new_id().replace('-', '')}"


@pytest.fixture
async def shop(recorder: Running, worker: FakeWorker, run: FakeRun, word: str) -> FakeRun:
    """An active run with seven events, five of which have the word."""
    last = await worker.publish(
        run,
        run.event(NetworkRequest(request_id="1", method="GET", url=f"http://{word}.example/cart")),
        run.event(
            Navigation(
                phase="committed", url=f"http://{word}.example/", frame_id="f", main_frame=True
            ),
            time=TIME.format(1),
            pageid="p1",
        ),
        run.event(PageTitle(title=f"Café {word}"), time=TIME.format(2)),
        run.event(NetworkFailed(request_id="1", error_text=f"net::ERR_{word}"), status="failed"),
        run.event(ConsoleMessage(level="error", text=f"Uncaught {word}Error: 東京都庁")),
    )
    await recorder.shown(RUNS=last)
    return run


async def types(recorder: Running, run: FakeRun, **query: Any) -> list[str]:
    page = await recorder.get(f"/v1/runs/{run.run_id}/events", **query)
    return [event["type"] for event in page["data"]]


ALL = ["network.request", "navigation", "page.title", "network.failed", "console.message"]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({}, ALL),
        ({"order": "desc"}, ALL[::-1]),
        ({"type": "network.*"}, ["network.request", "network.failed"]),
        ({"type": "net*"}, ["network.request", "network.failed"]),
        ({"type": "network.failed,page.title"}, ["page.title", "network.failed"]),
        ({"type": "network"}, []),
        ({"status": "failed"}, ["network.failed"]),
        ({"pageId": "p1"}, ["navigation"]),
        ({"since": TIME.format(1), "until": TIME.format(2)}, ["navigation", "page.title"]),
    ],
)
async def test_q_within_a_run(
    recorder: Running, shop: FakeRun, word: str, query: dict[str, Any], found: list[str]
) -> None:
    assert await types(recorder, shop, q=word, **query) == found
    asc = {name: value for name, value in query.items() if name != "order"}
    told = [frame[2]["type"] for frame in await stream_to_end(recorder, shop, q=word, **asc)]
    assert told == (found if asc == query else found[::-1])


async def stream_to_end(recorder: Running, run: FakeRun, **query: Any) -> list[Any]:
    if (await recorder.get(f"/v1/runs/{run.run_id}"))["status"] == "active":
        await recorder.post(f"/v1/runtimes/{run.runtime_id}/stop")
    frames = await whole_stream(recorder, run, **query)
    return [frame for frame in frames if frame[0] == "run.event"]


@pytest.mark.parametrize(
    ("more", "count"),
    [("cafe", 1), ("http example", 2), ("uncaught 京都", 1), ("nowhere", 0), ('"example cart"', 1)],
)
async def test_words_beside_each_other(
    recorder: Running, shop: FakeRun, word: str, more: str, count: int
) -> None:
    assert len(await types(recorder, shop, q=f"{word} {more}")) == count


async def test_pages_of_q_go_through_all(recorder: Running, shop: FakeRun, word: str) -> None:
    for order, expected in (("asc", ALL), ("desc", ALL[::-1])):
        found, cursor = list[str](), dict[str, str]()
        while True:
            path = f"/v1/runs/{shop.run_id}/events"
            page = await recorder.get(path, q=word, limit=2, order=order, **cursor)
            found += [event["type"] for event in page["data"]]
            if page["nextCursor"] is None:
                break
            cursor = {"cursor": page["nextCursor"]}
        assert found == expected


async def test_search_tells_run_event_and_what_is_marked(
    recorder: Running, shop: FakeRun, word: str
) -> None:
    page = await recorder.get("/v1/search", q=f"{word} tokyo".replace("tokyo", "京都"))
    [hit] = page["data"]
    assert page["nextCursor"] is None
    assert hit["run"] == {
        name: value
        for name, value in (await recorder.get(f"/v1/runs/{shop.run_id}")).items()
        if name in hit["run"]
    }
    [event] = (await recorder.get(f"/v1/runs/{shop.run_id}/events", type="console.message"))["data"]
    assert hit["event"] == event
    assert [part["text"] for part in hit["excerpt"] if part["marked"]] == [f"{word}Error", "京都"]
    assert "".join(part["text"] for part in hit["excerpt"]) == f"Uncaught {word}Error: 東京都庁"


async def test_search_is_newest_first_over_runs_with_filters(
    recorder: Running, worker: FakeWorker, shop: FakeRun, word: str
) -> None:
    space = await recorder.post("/v1/spaces", {"name": word}, status=201)
    runtime = await recorder.post("/v1/runtimes", {"spaceId": space["id"]}, status=201)
    started = await recorder.post(f"/v1/runtimes/{runtime['id']}/start")
    other = worker.runs[started["runId"]]
    await recorder.shown(RUNS=await worker.publish(other, other.event(PageTitle(title=word))))

    async def found(**query: Any) -> list[str]:
        hits, cursor = list[str](), dict[str, str]()
        while True:
            page = await recorder.get("/v1/search", q=word, **query, **cursor)
            hits += [hit["event"]["type"] for hit in page["data"]]
            if page["nextCursor"] is None:
                return hits
            cursor = {"cursor": page["nextCursor"]}

    everything = ["page.title", *ALL[::-1]]
    assert await found() == await found(limit=1) == await found(limit=4) == everything
    assert await found(spaceId=space["id"]) == ["page.title"]
    assert await found(spaceId="default") == everything[1:]
    assert await found(type="page.*,navigation") == ["page.title", "page.title", "navigation"]
    assert await found(until=TIME.format(2)) == ["page.title", "navigation"]


async def test_what_was_just_written_is_found(
    recorder: Running, worker: FakeWorker, run: FakeRun, word: str
) -> None:
    for number in range(5):
        title = PageTitle(title=f"{word} n{number}n")
        await recorder.shown(RUNS=await worker.publish(run, run.event(title)))
        assert len((await recorder.get("/v1/search", q=f"{word} n{number}n"))["data"]) == 1


@pytest.mark.parametrize("path", ["/v1/search", "/v1/runs/{}/events", "/v1/runs/{}/events/stream"])
@pytest.mark.parametrize("q", ["", '"', "*", '"*"', "x" * 10_240, "\x00", "- ! ?"])
async def test_what_has_no_word_or_too_much_is_400(
    recorder: Running, run: FakeRun, path: str, q: str
) -> None:
    answer = await recorder.http.get(path.format(run.run_id), params={"q": q})
    assert (answer.status_code, answer.json()["details"]) == (400, {"path": "$.q"})


async def test_other_mistakes_are_400_or_404(recorder: Running, run: FakeRun, word: str) -> None:
    assert (await recorder.http.get("/v1/search")).status_code == 400
    wrong: list[dict[str, Any]] = [
        {"cursor": "x"},
        {"limit": 0},
        {"since": "now"},
        {"type": ["x"] * 101},
    ]
    for query in wrong:
        answer = await recorder.http.get("/v1/search", params={"q": word, **query})
        assert answer.status_code == 400, query
    page = await recorder.http.get(f"/v1/runs/{new_id()}/events", params={"q": word})
    assert page.status_code == 404
    assert (await recorder.get("/v1/search", q=word, spaceId="nowhere"))["data"] == []


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    q=st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    | st.text('ab"*():^-+{}~', max_size=20)
)
async def test_never_500(recorder: Running, run: FakeRun, q: str) -> None:
    for path in ("/v1/search", f"/v1/runs/{run.run_id}/events"):
        answer = await recorder.http.get(path, params={"q": q})
        assert answer.status_code in (200, 400), answer.text
