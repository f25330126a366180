"""The judge: the original system's own published client, unmodified, over a real port."""

from __future__ import annotations

import time

import pytest
from bctrl import (
    Bctrl,
    BctrlAuthenticationError,
    BctrlConflictError,
    BctrlNotFoundError,
    BctrlValidationError,
    StartedRuntime,
)
from playwright.sync_api import sync_playwright

from tests.support.stack import Stack

NO_ONE = "01890000-0000-7000-8000-000000000000"


@pytest.fixture(scope="session")
def ended_run(stack: Stack) -> str:
    """A run in which a page wrote three lines to the console, and which was stopped."""
    client = Bctrl(base_url=stack.base_url, api_key=stack.api_key)
    with client.runtimes.started_browser(name="ended") as browser, sync_playwright() as playwright:
        attached = playwright.chromium.connect_over_cdp(browser.connect_url)
        page = attached.contexts[0].new_page()
        page.evaluate("for (const word of ['one', 'two', 'three']) console.log(word)")
        attached.close()
    return str(browser.run_id)


# spaces


def test_a_space_is_made_and_found(client: Bctrl) -> None:
    made = client.spaces.create(name="a corner")
    assert client.spaces.get(made["id"]) == made
    assert made in client.spaces.list()["data"]
    assert made["id"] in [space["id"] for space in client.spaces.iter(limit=1)]


def test_there_is_a_default_space(client: Bctrl) -> None:
    default = client.spaces.get("default")
    assert default["id"] == client.auth.whoami()["defaultSpaceId"]


def test_a_space_is_renamed_and_deleted(client: Bctrl) -> None:
    space = client.spaces.create(name="before")
    assert client.spaces.update(space["id"], name="after")["name"] == "after"
    assert client.spaces.get(space["id"])["name"] == "after"
    runtime = client.spaces.runtimes.create(space["id"], type="browser")
    with pytest.raises(BctrlConflictError) as refused:
        client.spaces.delete(space["id"])
    assert refused.value.code == "space.not_empty"
    client.runtimes.delete(runtime["id"])
    assert client.spaces.delete(space["id"])["id"] == space["id"]
    with pytest.raises(BctrlNotFoundError):
        client.spaces.get(space["id"])


def test_a_runtime_is_made_in_a_space(client: Bctrl) -> None:
    space = client.spaces.create(name="with a runtime")
    runtime = client.spaces.runtimes.create(space["id"], name="inside", type="browser")
    assert runtime["spaceId"] == space["id"]
    assert client.runtimes.list(spaceId=space["id"])["data"] == [runtime]


# runtimes


def test_a_runtime_is_made_stopped(client: Bctrl) -> None:
    made = client.runtimes.create(name="fresh", metadata={"team": "blue"})
    assert (made["status"], made["activeRunId"], made["name"]) == ("stopped", None, "fresh")
    assert made["metadata"] == {"team": "blue"}
    assert client.runtimes.get(made["id"]) == made
    assert made["id"] in [runtime["id"] for runtime in client.runtimes.iter(limit=2)]


def test_a_runtime_starts_once_and_stops_once(client: Bctrl) -> None:
    runtime = client.runtimes.create(name="twice")
    first, second = client.runtimes.start(runtime["id"]), client.runtimes.start(runtime["id"])
    assert (first["started"], second["started"]) == (True, False)
    assert second["runId"] == first["runId"]
    assert second["connectUrl"] == first["connectUrl"]
    assert client.runtimes.get(runtime["id"])["activeRunId"] == first["runId"]
    stopped = client.runtimes.stop(runtime["id"])
    assert (stopped["runId"], stopped["stopped"]) == (first["runId"], True)
    assert client.runtimes.get(runtime["id"])["status"] == "stopped"
    with pytest.raises(BctrlConflictError) as refused:
        client.runtimes.stop(runtime["id"])
    assert refused.value.code == "runtime.not_active"


def test_a_runtime_can_be_made_and_started_at_once(client: Bctrl) -> None:
    runtime = client.runtimes.create(name="at once", start=True)
    assert runtime["status"] == "active"
    assert runtime["connectUrl"].startswith("ws://")
    client.runtimes.stop(runtime["id"])


def test_a_runtime_is_found_by_its_metadata(client: Bctrl) -> None:
    made = client.runtimes.create(metadata={"customerJobId": "job_123", "n": 1})
    client.runtimes.create(metadata={"customerJobId": "job_124"})
    found = client.runtimes.list(**{"metadata.customerJobId": "job_123"})
    assert found["data"] == [made]
    several = {"metadata.customerJobId": "job_123", "metadata.n": 2}
    assert list(client.runtimes.iter(**several)) == []


def test_a_runtime_is_changed(client: Bctrl) -> None:
    made = client.runtimes.create(name="before", config={"locale": "de-DE"})
    changed = client.runtimes.update(
        made["id"], name="after", metadata={"a": 1}, config={"viewport": {"width": 900}}
    )
    assert (changed["name"], changed["metadata"]) == ("after", {"a": 1})
    assert changed["config"] == {"locale": "de-DE", "viewport": {"width": 900, "height": 800}}
    assert client.runtimes.get(made["id"]) == changed


def test_an_active_runtime_is_not_deleted(client: Bctrl, started: StartedRuntime) -> None:
    with pytest.raises(BctrlConflictError) as refused:
        client.runtimes.delete(started.id)
    assert refused.value.code == "runtime.not_stopped"
    with pytest.raises(BctrlConflictError) as refused:
        client.runtimes.update(started.id, config={"locale": "de-DE"})
    assert refused.value.code == "runtime.not_stopped"
    changed = client.runtimes.update(started.id, config={"idleTimeoutSeconds": 600})
    assert (changed["status"], changed["config"]) == ("active", {"idleTimeoutSeconds": 600})


def test_a_deleted_runtime_is_gone_and_its_runs_are_not(client: Bctrl) -> None:
    runtime = client.runtimes.create(name="short-lived", start=True)
    client.runtimes.stop(runtime["id"])
    client.runtimes.delete(runtime["id"])
    with pytest.raises(BctrlNotFoundError) as refused:
        client.runtimes.get(runtime["id"])
    assert refused.value.code == "runtime.not_found"
    runs = client.runs.list(runtimeId=runtime["id"])["data"]
    assert [run["id"] for run in runs] == [runtime["activeRunId"]]


def test_a_start_that_is_sent_again_is_answered_again(client: Bctrl) -> None:
    runtime = client.runtimes.create(name="once")
    key = f"key-of-{runtime['id']}"
    first = client.runtimes.start(runtime["id"], idempotency_key=key)
    assert client.runtimes.start(runtime["id"], idempotency_key=key) == first
    client.runtimes.stop(runtime["id"])
    assert client.runtimes.start(runtime["id"], idempotency_key=key) == first
    assert client.runtimes.get(runtime["id"])["status"] == "stopped"


def test_a_started_browser_can_be_attached_to(started: StartedRuntime) -> None:
    assert started.protocol == "cdp"
    with sync_playwright() as playwright:
        browser = playwright.chromium.connect_over_cdp(started.connect_url)
        page = browser.contexts[0].new_page()
        page.goto("data:text/html,<title>judged</title>")
        assert page.title() == "judged"
        browser.close()


def test_pages_are_listed_opened_and_closed(client: Bctrl, started: StartedRuntime) -> None:
    targets = client.runtimes.targets
    before = [page["id"] for page in targets.list(started.id)["data"]]
    made = targets.create(started.id, uri="data:text/html,<title>opened</title>")
    assert (made["runtimeId"], made["type"], made["active"]) == (started.id, "browser_page", True)
    assert [page["id"] for page in targets.list(started.id)["data"]] == [*before, made["id"]]
    assert targets.get(started.id, made["id"])["id"] == made["id"]
    if before:
        assert targets.activate(started.id, before[0])["active"] is True
        assert targets.get(started.id, made["id"])["active"] is False
    targets.delete(started.id, made["id"])
    until = time.monotonic() + 20
    while made["id"] in [page["id"] for page in targets.list(started.id)["data"]]:
        assert time.monotonic() < until  # on a busy machine Chromium takes its time to close it
    with pytest.raises(BctrlNotFoundError) as refused:
        targets.get(started.id, made["id"])
    assert refused.value.code == "target.not_found"


def test_runs_of_a_runtime_come_newest_first(client: Bctrl) -> None:
    runtime = client.runtimes.create(name="again")
    runs = []
    for _ in range(2):
        runs.append(client.runtimes.start(runtime["id"])["runId"])
        client.runtimes.stop(runtime["id"])
    assert [run["id"] for run in client.runtimes.runs.list(runtime["id"])["data"]] == runs[::-1]
    assert [run["id"] for run in client.runtimes.runs.iter(runtime["id"], limit=1)] == runs[::-1]


# runs


def test_an_active_run_is_shown_as_such(client: Bctrl, started: StartedRuntime) -> None:
    run = client.runs.get(started.run_id)
    assert (run["status"], run["finishedAt"], run["failure"]) == ("active", None, None)
    assert run["runtimeId"] == started.id
    active = client.runs.list(runtimeId=started.id, status=["active"])["data"]
    assert [each["id"] for each in active] == [started.run_id]


def test_an_ended_run_is_found_by_either_name_of_its_status(client: Bctrl, ended_run: str) -> None:
    for status in ("stopped", "completed"):
        assert ended_run in [run["id"] for run in client.runs.iter(status=status, limit=1)]
    assert ended_run not in [run["id"] for run in client.runs.iter(status="failed")]


def test_waiting_for_a_run_that_has_ended(client: Bctrl, ended_run: str) -> None:
    run = client.runs.wait(ended_run, timeoutMs=5_000)
    assert (run["waitStatus"], run["status"]) == ("completed", "stopped")


def test_waiting_for_a_run_in_vain(client: Bctrl, started: StartedRuntime) -> None:
    assert client.runs.wait(started.run_id, timeout_ms=100)["waitStatus"] == "timeout"


# events


def test_events_are_listed_in_order(client: Bctrl, ended_run: str) -> None:
    events = client.runs.events.list(ended_run, limit=1000)["data"]
    assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
    assert list(client.runs.events.iter(ended_run, limit=3)) == events


def test_events_are_filtered(client: Bctrl, ended_run: str) -> None:
    lines = client.runs.events.iter(ended_run, type=["console.message"])
    assert [event["data"]["text"] for event in lines] == ["one", "two", "three"]


def test_events_are_streamed(client: Bctrl, ended_run: str) -> None:
    *frames, last = client.runs.events.stream(ended_run)
    assert {frame["event"] for frame in frames} == {"run.event"}
    assert [frame["data"] for frame in frames] == list(client.runs.events.iter(ended_run))
    assert last["event"] == "run.ended"
    rest = list(client.runs.events.stream(ended_run, cursor=frames[2]["id"]))
    assert rest == [*frames[3:], last]


def test_the_url_of_a_stream_is_ours(client: Bctrl, stack: Stack, ended_run: str) -> None:
    url = client.runs.events.stream_url(ended_run, type=["console.message"])
    assert url == f"{stack.base_url}/v1/runs/{ended_run}/events/stream?type=console.message"


# who, and what goes wrong


def test_whoami(client: Bctrl) -> None:
    me = client.auth.whoami()
    assert set(me) == {
        *("keyId", "email", "organizationId", "scope", "subaccountId", "plan"),
        *("defaultSpaceId", "effectiveScope"),
    }


def test_an_unknown_run_is_not_found(client: Bctrl) -> None:
    with pytest.raises(BctrlNotFoundError) as refused:
        client.runs.get(NO_ONE)
    assert refused.value.code == "run.not_found"
    assert refused.value.request_id


def test_an_unknown_run_has_no_stream(client: Bctrl) -> None:
    with pytest.raises(BctrlNotFoundError) as refused:
        list(client.runs.events.stream(NO_ONE))
    assert refused.value.code == "run.not_found"


def test_an_unknown_runtime_is_not_found(client: Bctrl) -> None:
    for call in (client.runtimes.get, client.runtimes.start, client.runtimes.stop):
        with pytest.raises(BctrlNotFoundError) as refused:
            call(NO_ONE)
        assert refused.value.code == "runtime.not_found"


def test_a_wrong_key_is_refused(stack: Stack) -> None:
    with pytest.raises(BctrlAuthenticationError) as refused:
        Bctrl(base_url=stack.base_url, api_key="rr_not_this_one").runs.list()
    assert refused.value.code == "auth.required"


@pytest.mark.parametrize("query", [{"limit": 0}, {"limit": "many"}, {"cursor": "made-up"}])
def test_a_bad_query_is_refused(client: Bctrl, query: dict[str, object]) -> None:
    with pytest.raises(BctrlValidationError) as refused:
        client.runs.list(**query)
    assert refused.value.code == "request.invalid"


def test_a_bad_body_is_refused_with_the_field(client: Bctrl) -> None:
    with pytest.raises(BctrlValidationError) as refused:
        client.runtimes.create(name=7)
    assert "name" in str(refused.value.body["details"])
