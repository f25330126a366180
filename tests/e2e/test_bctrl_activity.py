"""The judge reads what was done and what it took: the original system's own published client, on a real browser."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from bctrl import Bctrl, BctrlNotFoundError, BctrlValidationError, StartedRuntime
from playwright.sync_api import sync_playwright

NO_ONE = "01890000-0000-7000-8000-000000000000"
PAGE = "<title>Shop</title><button>Buy</button><input aria-label=Search>"
URL = f"data:text/html,{quote(PAGE)}"


def work(client: Bctrl, runtime: StartedRuntime) -> None:
    """A person at a page, and an action that is asked for."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.connect_over_cdp(runtime.connect_url)
        page = browser.contexts[0].new_page()
        page.goto(URL)
        page.get_by_role("button", name="Buy").click()
        page.get_by_label("Search").press_sequentially("film")
        browser.close()
    client.runtimes.invocations.create_and_wait(runtime.id, {"action": "screenshot"}, timeout=30)


@pytest.fixture(scope="module")
def seen(request: pytest.FixtureRequest) -> dict[str, Any]:
    """A run that was followed while somebody worked, and what that follower was told."""
    stack = request.getfixturevalue("stack")
    client = Bctrl(base_url=stack.base_url, api_key=stack.api_key, timeout=60)
    told: list[Any] = []
    with client.runtimes.started_browser(name="told", metadata={"customer": "acme"}) as runtime:
        activity = client.runs.activity
        follower = threading.Thread(target=lambda: told.extend(activity.stream(runtime.run_id)))
        follower.start()
        work(client, runtime)
        pending = client.runs.usage(runtime.run_id)
    ended = client.runs.wait(runtime.run_id, timeout_ms=30_000)
    follower.join(timeout=60)
    assert not follower.is_alive()
    return {"client": client, "runtime": runtime, "told": told, "pending": pending, "ended": ended}


def test_what_was_done_is_listed(seen: dict[str, Any]) -> None:
    client, run_id = seen["client"], seen["runtime"].run_id
    items = client.runs.activity.list(run_id, limit=1000)["data"]
    assert list(client.runs.activity.iter(run_id, limit=2)) == items
    types = [item["type"] for item in items]
    assert types[0] == "runtime.started"
    assert types[-1] == "runtime.ended"
    assert {"browser.navigate", "browser.click", "browser.type", "invocation.screenshot"} <= {
        *types
    }
    [typed] = client.runs.activity.list(run_id, type="browser.type")["data"]
    assert typed["message"].startswith("Typed 4 characters")
    debug = client.runs.activity.list(run_id, view="debug", limit=1000)["data"]
    assert len(debug) > len(items)
    nested = client.runs.activity.list(run_id, nested="true")["data"]
    assert all(isinstance(item["children"], list) for item in nested)


def test_what_was_done_is_followed(seen: dict[str, Any]) -> None:
    """While it happens it evolves: the last that was told of each is what the list says."""
    client, run_id, told = seen["client"], seen["runtime"].run_id, seen["told"]
    assert told[-1]["event"] == "run.ended"
    frames = [frame for frame in told if frame["event"] == "run.activity"]
    last = {frame["data"]["id"]: frame["data"] for frame in frames}
    items = client.runs.activity.list(run_id, limit=1000)["data"]
    assert last == {item["id"]: item for item in items}
    assert len(frames) > len(items)
    again = list(client.runs.activity.stream(run_id))
    assert {frame["data"]["id"] for frame in again[:-1]} == set(last)
    rest = list(client.runs.activity.stream(run_id, cursor=again[-2]["id"]))
    assert [frame["event"] for frame in rest] == ["run.ended"]


def test_its_stream_has_an_address(seen: dict[str, Any]) -> None:
    client, run_id = seen["client"], seen["runtime"].run_id
    url = client.runs.activity.stream_url(run_id, view="debug")
    headers = {"authorization": f"Bearer {client._http.api_key}"}
    with urlopen(Request(url, headers=headers), timeout=30) as answer:
        assert answer.read().count(b"event: run.activity") > 5


def test_a_run_is_waited_for(seen: dict[str, Any]) -> None:
    ended = seen["ended"]
    assert (ended["waitStatus"], ended["status"]) == ("completed", "stopped")
    with seen["client"].runtimes.started_browser(name="goes on") as goes_on:
        waited = seen["client"].runs.wait(goes_on.run_id, timeout_ms=1)
        assert (waited["waitStatus"], waited["status"]) == ("timeout", "active")


def test_what_it_took_is_settled_by_its_end(seen: dict[str, Any]) -> None:
    client, run_id, pending = seen["client"], seen["runtime"].run_id, seen["pending"]
    assert pending["billingStatus"] == "pending"
    used = client.runs.usage(run_id)
    assert used["billingStatus"] == "settled"
    assert used == seen["ended"]["usage"] == client.runs.get(run_id)["usage"]
    assert used["runtimeSeconds"] >= pending["runtimeSeconds"] > 0
    assert used["toolCalls"] == 1
    assert used["filesBytes"] > 0
    assert (used["creditsUsed"], used["breakdown"]["credits"]) == (None, None)
    assert used["computedAt"] == seen["ended"]["finishedAt"]


def test_what_all_runs_took(seen: dict[str, Any]) -> None:
    client = seen["client"]
    whole = client.usage.get()
    used = client.runs.usage(seen["runtime"].run_id)
    assert whole["runtimeSeconds"] + whole["pending"]["runtimeSeconds"] >= used["runtimeSeconds"]
    assert set(used) - {"billingStatus"} <= set(whole)


@pytest.mark.parametrize("query", [{"view": "everything"}, {"cursor": "made-up"}])
def test_a_bad_query_of_activity_is_refused(client: Bctrl, query: dict[str, Any]) -> None:
    run_id = client.runs.list(limit=1)["data"][0]["id"]
    with pytest.raises(BctrlValidationError):
        client.runs.activity.list(run_id, **query)


def test_of_a_run_that_nobody_knows(client: Bctrl) -> None:
    for ask in (client.runs.usage, client.runs.activity.list):
        with pytest.raises(BctrlNotFoundError) as refused:
            ask(NO_ONE)
        assert refused.value.code == "run.not_found"
