from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from tests.support.eventually import eventually
from worker.cdp.pipe import Pipe
from worker.cdp.switchboard import BrowserGone, CdpError, Switchboard

A, B, C = (letter.encode() * 32 for letter in "ABC")


class Browser(Pipe):
    """Notes what is sent to it."""

    def __init__(self) -> None:
        super().__init__(lambda _message: None, lambda _full: None)
        self.got: list[dict[str, Any]] = []

    def send(self, message: bytes) -> None:
        self.got.append(msgspec.json.decode(message))


class Owner:
    def __init__(self) -> None:
        self.got: list[tuple[bytes, bytes]] = []

    def receive(self, session: bytes, message: bytes) -> None:
        self.got.append((session, message))


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def switchboard(browser: Browser) -> Switchboard:
    switchboard = Switchboard()
    switchboard.connect(browser)
    return switchboard


async def attached(switchboard: Switchboard, browser: Browser, session: bytes) -> Owner:
    """An owner with a browser session of that id."""
    owner = Owner()
    attaching = asyncio.create_task(switchboard.attach(owner))
    before = len(browser.got)
    await eventually(lambda: len(browser.got) > before)
    assert browser.got[-1]["method"] == "Target.attachToBrowserTarget"
    answer = {"id": browser.got[-1]["id"], "result": {"sessionId": session.decode()}}
    switchboard.dispatch(msgspec.json.encode(answer))
    assert await attaching == session
    return owner


def of(session: bytes, method: str = "Page.loadEventFired", **params: Any) -> bytes:
    event = {"method": method, "params": params, "sessionId": session.decode()}
    return msgspec.json.encode(event)


def announces(parent: bytes, child: bytes) -> bytes:
    return of(parent, "Target.attachedToTarget", sessionId=child.decode())


def withdraws(parent: bytes, child: bytes) -> bytes:
    return of(parent, "Target.detachedFromTarget", sessionId=child.decode())


async def test_each_message_goes_to_the_owner_of_its_session(
    switchboard: Switchboard, browser: Browser
) -> None:
    first = await attached(switchboard, browser, A)
    second = await attached(switchboard, browser, B)
    switchboard.dispatch(of(B))
    assert first.got == []
    assert second.got == [(B, of(B))]


async def test_a_session_belongs_to_the_owner_whose_session_announced_it(
    switchboard: Switchboard, browser: Browser
) -> None:
    owner = await attached(switchboard, browser, A)
    await attached(switchboard, browser, B)
    switchboard.dispatch(announces(A, C))
    assert switchboard.owner_of(C) is owner
    switchboard.dispatch(of(C))
    assert owner.got == [(A, announces(A, C)), (C, of(C))]
    switchboard.dispatch(withdraws(A, C))
    assert switchboard.owner_of(C) is None


async def test_messages_of_a_session_nobody_holds_are_counted(
    switchboard: Switchboard, browser: Browser
) -> None:
    switchboard.dispatch(of(C))
    assert switchboard.unowned == 1


async def test_an_owner_that_leaves_takes_its_sessions_with_it(
    switchboard: Switchboard, browser: Browser
) -> None:
    leaving = await attached(switchboard, browser, A)
    await attached(switchboard, browser, B)
    switchboard.dispatch(announces(A, C))
    switchboard.detach(leaving, A)
    assert browser.got[-1]["method"] == "Target.detachFromTarget"
    assert browser.got[-1]["params"] == {"sessionId": A.decode()}
    assert [switchboard.owner_of(session) is None for session in (A, B, C)] == [True, False, True]


async def test_an_error_is_raised_where_the_call_was_made(
    switchboard: Switchboard, browser: Browser
) -> None:
    calling = asyncio.create_task(switchboard.call("Browser.getVersion"))
    await eventually(lambda: browser.got)
    error = {"code": -32000, "message": "not today"}
    switchboard.dispatch(msgspec.json.encode({"id": browser.got[0]["id"], "error": error}))
    with pytest.raises(CdpError, match="not today"):
        await calling


async def test_browser_ends_before_it_answers(switchboard: Switchboard, browser: Browser) -> None:
    calling = asyncio.create_task(switchboard.call("Browser.getVersion"))
    await eventually(lambda: browser.got)
    switchboard.hang_up()
    with pytest.raises(BrowserGone):
        await calling


async def test_browser_has_ended_before_it_is_asked(switchboard: Switchboard) -> None:
    switchboard.hang_up()
    async with asyncio.timeout(30):
        with pytest.raises(BrowserGone):
            await switchboard.call("Browser.getVersion")


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"no JSON",
        b'{"error":{"code":-32700,"message":"JSON: stack limit exceeded"}}',
        b'{"id":"one","result":{}}',
        b'{"id":77,"result":{}}',
        b'{"id":77,"error":{"message":"nobody asked"}}',
        b'{"method":"Target.targetCreated","params":{}}',
        b'{"id":1,"result":"\xff"}',
    ],
)
async def test_a_message_that_makes_no_sense_ends_nothing(
    switchboard: Switchboard, browser: Browser, message: bytes
) -> None:
    switchboard.dispatch(message)
    await attached(switchboard, browser, A)


async def test_a_target_event_that_makes_no_sense_ends_nothing(
    switchboard: Switchboard, browser: Browser
) -> None:
    owner = await attached(switchboard, browser, A)
    switchboard.dispatch(of(A, "Target.attachedToTarget", sessionId=1))
    assert switchboard.unread == 1
    switchboard.dispatch(of(A))
    assert owner.got == [(A, of(A))]
