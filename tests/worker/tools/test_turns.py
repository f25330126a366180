"""A run's invocations have their turns: one after the other, each once, and any may be cancelled."""

from __future__ import annotations

import asyncio

import pytest
from uuid_utils import uuid7

from schemas.requests import Refused
from tests.support.hosted import FOREVER, Hosted
from worker.tools import invocations
from worker.tools.queue import MOST_WAITING
from worker.tools.telling import Teller


async def test_one_after_the_other_in_their_order(form: Hosted) -> None:
    slow = "new Promise(done => setTimeout(done, 100))"
    ids = [form.ask("evaluate", expression=slow) for _ in range(3)]
    for each in ids:
        await form.ended(each)
    told = [
        (form.real.body(event)["commandId"], event.type)
        for event in form.real.events
        if event.type in ("command.started", "command.finished")
        and form.real.body(event)["commandId"] in ids
    ]
    assert told == [(each, f"command.{how}") for each in ids for how in ("started", "finished")]


async def test_asked_twice_with_one_id_it_is_done_once(form: Hosted) -> None:
    await form.do("evaluate", expression="globalThis.times = 0")
    invocation_id = str(uuid7())
    first = form.try_to_ask(invocation_id, "evaluate", expression="++times")
    assert form.try_to_ask(invocation_id, "evaluate", expression="++times") is first
    await form.ended(invocation_id)
    assert form.try_to_ask(invocation_id, "evaluate", expression="++times") is first
    assert await form.do("evaluate", expression="times") == {"value": 1}


async def test_a_waiting_and_a_running_one_are_cancelled(form: Hosted) -> None:
    running = form.ask("evaluate", **FOREVER)
    waiting = form.ask("click", locator="#go")
    await form.is_running(running)
    form.invocations.cancel(waiting)
    assert (await form.ended(waiting))["outcome"] == "cancelled"
    form.invocations.cancel(running)
    form.invocations.cancel(running)
    end = await form.ended(running)
    assert (end["outcome"], end["code"]) == ("cancelled", "invocation.cancelled")
    told = [each["_type"] for each in form.events_of(running)]
    assert told.count("command.cancelling") == 1
    assert told[-2:] == ["tool.call.failed", "command.failed"]
    assert form.invocations.cancel(running) is None
    assert isinstance(form.invocations.cancel(str(uuid7())), Refused)


async def test_what_was_cancelled_does_not_happen_later(form: Hosted) -> None:
    """The driver gives it up, too: a click that waited for its element does not come when that does."""
    await form.do("evaluate", expression="go.hidden = true")
    clicking = form.ask("click", locator="#go", timeoutMs=60_000)
    await form.is_running(clicking)
    form.invocations.cancel(clicking)
    await form.ended(clicking)
    await form.do("evaluate", expression="go.hidden = false")
    await form.do("hover", locator="#menu")
    assert await form.do("content", locator="#done", format="text") == {
        "format": "text",
        "content": "over",
    }


async def test_a_cancelled_script_without_end_is_stopped(form: Hosted) -> None:
    running = form.ask("evaluate", expression="while (true) {}", timeoutMs=60_000)
    await form.is_running(running)
    await asyncio.sleep(0)
    form.invocations.cancel(running)
    assert (await form.ended(running))["outcome"] == "cancelled"
    assert await form.do("evaluate", expression="1") == {"value": 1}


async def test_no_more_wait_than_there_is_room_for(form: Hosted) -> None:
    running = form.ask("evaluate", **FOREVER)
    await form.is_running(running)
    waiting = [form.ask("evaluate", expression="1") for _ in range(MOST_WAITING)]
    refused = form.try_to_ask(str(uuid7()), "evaluate", expression="1")
    assert isinstance(refused, Refused)
    assert refused.code == "rate_limited"
    for each in (*waiting, running):
        form.invocations.cancel(each)
    await form.ended(running)


async def test_what_waits_too_long_for_its_turn_is_given_up(
    form: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = form.ask("evaluate", **FOREVER)
    monkeypatch.setattr(invocations, "MOST_WAIT_SECONDS", 0.2)
    waiting = await form.ended(form.ask("reload"))
    assert (waiting["outcome"], waiting["code"]) == ("timed_out", "invocation.timed_out")
    form.invocations.cancel(running)
    await form.ended(running)


async def test_one_that_cannot_be_told_fails_alone(
    form: Hosted, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finished(_teller: Teller, _output: object) -> None:
        raise ValueError("nobody has thought of this")

    with monkeypatch.context() as patch:
        patch.setattr(Teller, "finished", finished)
        broken = form.ask("evaluate", expression="1")
        waiting = form.ask("click", locator="#nope", timeoutMs=100)
        assert (await form.ended(broken))["code"] == "server.error"
        assert (await form.ended(waiting))["code"] == "invocation.no_match"
    assert await form.do("evaluate", expression="2") == {"value": 2}
