"""A client that leads a page away before the page has answered: the next document is heard from its beginning."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from tests.support.real_runtime import RealRuntime
from tests.support.worker_cdp import CdpClient
from tests.support.worker_server import Server
from worker.gateway.policy import Call
from worker.tap.unheard import LEADS_AWAY, Unheard


@contextmanager
def renderers_stopped(real: RealRuntime) -> Iterator[None]:
    """Those that there are by now, also the one that waits for a document: they answer later."""
    stopped = [each.pid for each in real.processes() if "--type=renderer" in each.cmdline()]
    assert stopped
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in stopped:
            os.kill(pid, signal.SIGCONT)


@pytest.mark.browser
async def test_it_goes_once_the_page_has_answered(real: RealRuntime, client: CdpClient) -> None:
    async with Server({"/next": "<script>console.log('first')</script><img src=/first>"}) as server:
        for _ in range(3):  # whichever renderer the document comes to live in
            with renderers_stopped(real):
                page = await client.new_page()
                going = asyncio.create_task(page.call("Page.navigate", url=f"{server.url}/next"))
                await asyncio.sleep(0.3)  # in which one that does not wait is answered
            await going
            await real.until("network.request", url=f"{server.url}/first", _page=page.target)
            await real.until("console.message", text="first", _page=page.target)


class Scene:
    """`went` has what was led away, in order; `pass_time` is when all that was to be done later is done."""

    def __init__(self) -> None:
        self.unheard = Unheard(lambda _seconds, do: self.later.append(do))
        self.later: list[Callable[[], None]] = []
        self.went: list[str] = []

    def call(self, method: str, target_id: str = "page") -> Callable[[], None] | None:
        return self.unheard.calling(Call(1, method), target_id, lambda: self.went.append(target_id))

    def pass_time(self) -> None:
        for do in self.later:
            do()


@pytest.mark.parametrize("method", sorted(LEADS_AWAY))
def test_what_leads_away_waits_until_the_page_is_heard(method: str) -> None:
    scene = Scene()
    scene.unheard.attached("page")
    assert scene.call(method) is not None
    assert scene.call("Runtime.evaluate") is None
    assert scene.call(method, "another") is None
    assert scene.went == []
    scene.unheard.heard("page")
    assert scene.went == ["page"]
    scene.pass_time()
    assert scene.went == ["page"]
    assert scene.call(method) is None


def test_who_waits_no_longer_goes_at_once_and_once() -> None:
    scene = Scene()
    scene.unheard.attached("page")
    go = scene.call("Page.navigate")
    assert go is not None
    go()
    assert scene.went == ["page"]
    scene.unheard.heard("page")
    scene.pass_time()
    assert scene.went == ["page"]


def test_a_page_that_stays_silent_is_waited_for_once() -> None:
    scene = Scene()
    scene.unheard.attached("page")
    scene.call("Page.navigate")
    with capture_logs() as logged:
        scene.pass_time()
        scene.pass_time()
    assert scene.went == ["page"]
    assert [each["event"] for each in logged] == ["tap.page_silent"]
    assert scene.call("Page.navigate") is None
