"""The judge asks for actions: the original system's own published client, unmodified, on a real browser."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from bctrl import (
    Bctrl,
    BctrlConflictError,
    BctrlNotFoundError,
    BctrlValidationError,
    StartedRuntime,
)
from pydantic import BaseModel, Field

NO_ONE = "01890000-0000-7000-8000-000000000000"
PAGE = (
    "<title>Shop</title><h1>Shoes</h1><ul><li data-price=12><b>Left</b><li data-price=13><b>Right</b></ul>"
    "<button onclick=\"this.textContent='Bought'\">Buy</button>"
)
URL = f"data:text/html,{quote(PAGE)}"
NEVER = {"action": "wait_for", "locator": {"css": "#never"}, "timeoutMs": 60_000}


class Shoe(BaseModel):
    name: str = Field(json_schema_extra={"x-selector": "b"})


class Shop(BaseModel):
    heading: str = Field(json_schema_extra={"x-selector": "h1"})
    shoes: list[Shoe] = Field(json_schema_extra={"x-selector": "li"})


@pytest.fixture
def shop(client: Bctrl, started: StartedRuntime) -> StartedRuntime:
    """A runtime that shows a page."""
    gone = client.runtimes.invocations.create_and_wait(
        started.id, {"action": "navigate", "url": URL}, timeout=30
    )
    assert (gone["status"], gone["output"]["title"]) == ("succeeded", "Shop")
    return started


def test_asked_for_and_waited_for(client: Bctrl, shop: StartedRuntime) -> None:
    invocations = client.runtimes.invocations
    made = invocations.create(shop.id, action="click", locator={"role": "button", "name": "Buy"})
    assert (made["runId"], made["runtimeId"], made["action"]) == (shop.run_id, shop.id, "click")
    waited = invocations.wait(shop.id, made["id"], timeout_ms=30_000)
    assert (waited["waitStatus"], waited["status"], waited["error"]) == (
        "completed",
        "succeeded",
        None,
    )
    text = invocations.create_and_wait(
        shop.id, action="evaluate", expression="document.querySelector('button').textContent"
    )
    assert text["output"]["value"] == "Bought"


def test_values_come_in_the_shape_of_a_model(client: Bctrl, shop: StartedRuntime) -> None:
    found = client.runtimes.invocations.create_and_wait(
        shop.id, action="extract", output_model=Shop, timeout=300
    )
    assert found["status"] == "succeeded", found["error"]
    assert found["parsed_output"] == Shop(
        heading="Shoes", shoes=[Shoe(name="Left"), Shoe(name="Right")]
    )


def test_cancelled_in_the_middle(client: Bctrl, shop: StartedRuntime) -> None:
    invocations = client.runtimes.invocations
    running, waiting = (invocations.create(shop.id, NEVER) for _ in range(2))
    assert invocations.wait(shop.id, waiting["id"], timeout_ms=100)["waitStatus"] == "timeout"
    for each in (waiting, running):
        invocations.cancel(shop.id, each["id"])
        ended = invocations.wait(shop.id, each["id"], timeoutMs=20_000)
        assert (ended["status"], ended["waitStatus"]) == ("cancelled", "completed")


def test_nothing_matches(client: Bctrl, shop: StartedRuntime) -> None:
    found = client.runtimes.invocations.create_and_wait(
        shop.id, action="click", locator={"text": "Sell"}, timeoutMs=500
    )
    assert found["status"] in ("failed", "timed_out")
    assert found["error"]["code"] == "invocation.no_match"


def test_the_same_key_asks_once(client: Bctrl, shop: StartedRuntime) -> None:
    create = client.runtimes.invocations.create
    first = create(shop.id, {"action": "reload"}, idempotency_key=f"reload {shop.run_id}")
    assert create(shop.id, {"action": "reload"}, idempotency_key=f"reload {shop.run_id}") == first
    reloads = client.runs.invocations.list(shop.run_id, action=["reload"])["data"]
    assert [each["id"] for each in reloads] == [first["id"]]


def test_invocations_of_a_run(client: Bctrl, shop: StartedRuntime) -> None:
    failed = client.runtimes.invocations.create_and_wait(
        shop.id, action="evaluate", expression="missing()"
    )
    assert failed["error"]["code"] == "invocation.script_failed"
    of_run = client.runs.invocations
    actions = [each["action"] for each in of_run.list(shop.run_id)["data"]]
    assert actions == ["navigate", "evaluate"]
    assert [each["action"] for each in of_run.iter(shop.run_id, limit=1)] == actions
    listed = of_run.list(shop.run_id, status="failed")["data"]
    assert listed == [of_run.get(shop.run_id, failed["id"])]
    assert client.runs.get(shop.run_id)["counts"]["invocations"] == 2


def test_a_screenshot_is_a_file_of_the_run(client: Bctrl, shop: StartedRuntime) -> None:
    made = client.runtimes.invocations.create_and_wait(shop.id, action="screenshot")
    assert made["status"] == "succeeded", made["error"]
    [file] = client.runs.files.list(shop.run_id, type=["screenshot"])["data"]
    assert [file["id"]] == made["artifactIds"]


def test_a_stop_ends_what_is_asked_for(client: Bctrl) -> None:
    invocations = client.runtimes.invocations
    runtime = client.runtimes.create(name="stopped", start=True)["id"]
    made = invocations.create(runtime, NEVER)
    while invocations.wait(runtime, made["id"], timeoutMs=50)["status"] == "queued":
        pass
    client.runtimes.stop(runtime)
    ended = invocations.wait(runtime, made["id"], timeoutMs=30_000)
    assert (ended["status"], ended["error"]["code"]) == ("failed", "runtime.stop_requested")
    with pytest.raises(BctrlConflictError) as refused:
        invocations.create(runtime, NEVER)
    assert refused.value.code == "runtime.not_active"


def test_what_is_not_there(client: Bctrl, started: StartedRuntime) -> None:
    with pytest.raises(BctrlNotFoundError) as refused:
        client.runtimes.invocations.wait(started.id, NO_ONE)
    assert refused.value.code == "invocation.not_found"
    with pytest.raises(BctrlNotFoundError) as refused:
        client.runs.invocations.get(started.run_id, NO_ONE)
    assert refused.value.code == "invocation.not_found"
    with pytest.raises(BctrlNotFoundError) as refused:
        client.runtimes.invocations.create(NO_ONE, action="reload")
    assert refused.value.code == "runtime.not_found"


def test_what_needs_a_model_says_so(client: Bctrl, started: StartedRuntime) -> None:
    invocations = client.runtimes.invocations
    for ask in (
        invocations.stagehand.act,
        invocations.stagehand.observe,
        invocations.stagehand.extract,
        invocations.stagehand.agent,
        invocations.browser_use.agent,
    ):
        with pytest.raises(BctrlValidationError) as refused:
            ask(started.id, "buy shoes")
        assert refused.value.code == "request.invalid"
        assert "No model" in refused.value.body["hint"]
