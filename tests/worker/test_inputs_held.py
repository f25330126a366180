"""A press and a first key wait until the page has said to what they are done; no longer than a bound, and in order."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from tests.support.acts import Told, clicked, middle_of, of_page, show, typed
from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime
from tests.support.site_pages import Pages
from tests.support.worker_cdp import CdpClient, CdpPage, cdp_client
from worker.tap import inputs

pytestmark = pytest.mark.browser

ABOVE = "position:fixed;left:0;top:0;width:200px;height:60px"
CLOSE_OVER_DELETE = (
    f"<button style='{ABOVE}'>Delete everything</button>"
    f"<button id=close style='{ABOVE}' onmousedown='this.remove()'>Close</button>"
)
BUSY = "console.log('busy'); for (const since = Date.now(); Date.now() - since < 2000;);"


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the answer matters, and not how long it took."""
    monkeypatch.setattr(inputs, "WAIT_SECONDS", 10.0)


def pressing(page: CdpPage, x: float, y: float) -> asyncio.Task[Any]:
    params = {"type": "mousePressed", "x": x, "y": y, "button": "left", "clickCount": 1}
    return going(page.call("Input.dispatchMouseEvent", **params))


async def made_busy(page: CdpPage) -> asyncio.Task[Any]:
    """A page that answers nothing for a while, from now on."""
    await page.call("Runtime.enable")
    working = going(page.call("Runtime.evaluate", expression=BUSY))
    await page.client.event("Runtime.consoleAPICalled", page.session)
    return working


def going(call: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
    """A call that is made when the loop goes on: in the order of the tasks."""
    return asyncio.create_task(call)


def all_of(found: list[Told], many: int) -> list[Told]:
    return found if len(found) == many else []


def open_questions(real: RealRuntime) -> int:
    tap: Any = real.runtime.attachments.pages
    return len(tap._inputs._open)


@pytest.mark.usefixtures("patient")
async def test_what_goes_away_by_the_click_is_what_was_clicked(
    real: RealRuntime, page: CdpPage
) -> None:
    for _ in range(10):
        await show(page, CLOSE_OVER_DELETE)
        told = await clicked(real, page, 50, 30)
        assert told["element"]["name"] == "Close"


@pytest.mark.usefixtures("patient")
async def test_a_link_that_navigates_at_once_has_its_element(
    real: RealRuntime, page: CdpPage
) -> None:
    pages: dict[str, Any] = {
        "/": f"<a href='/next' style='display:block;{ABOVE}' onmousedown='location = this.href'>Next</a>",
        "/next": "<p>Here",
    }
    async with Pages(pages) as site:
        for _ in range(5):
            await page.goto(site.url + "/")
            told = await clicked(real, page, 50, 30)
            assert told["element"] == {"role": "link", "name": "Next", "tag": "a"}


@pytest.mark.usefixtures("patient")
async def test_a_code_field_that_moves_the_focus_on_is_told_by_its_own_name(
    real: RealRuntime, page: CdpPage
) -> None:
    field = "<input aria-label=Digit{n} id=f{n} maxlength=1 oninput='document.querySelector(\"#f{m}\").focus()'>"
    await show(page, *(field.format(n=n, m=n + 1) for n in range(1, 4)), "<input id=f4>")
    await page.evaluate("document.querySelector('#f1').focus()")
    await typed(page, "1")
    (told,) = await eventually(lambda: of_page(real, page, "input.typing"))
    assert told["element"]["name"] == "Digit1"


async def test_a_page_that_hangs_is_clicked_all_the_same_and_waited_for_once(
    real: RealRuntime, page: CdpPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    await show(page, "<button>Buy</button>")
    x, y = await middle_of(page, "button")
    working = await made_busy(page)
    tap: Any = real.runtime.attachments.pages
    waits: list[float] = []
    later = tap._inputs._later

    def counted(seconds: float, give_up: Any) -> Any:
        waits.append(seconds)
        return later(seconds, give_up)

    monkeypatch.setattr(tap._inputs, "_later", counted)
    clicking = [pressing(page, x, y) for _ in range(5)]
    await going(page.client.call("Browser.getVersion"))  # behind them, and not for the page
    told = await eventually(lambda: all_of(of_page(real, page, "input.click"), 5))
    assert not working.done()
    assert waits == [inputs.WAIT_SECONDS]
    assert not any("element" in each for each in told)
    await asyncio.gather(working, *clicking)

    async def named() -> bool:
        told = await clicked(real, page, x, y)
        return bool(told.get("element", {}).get("name") == "Buy")

    await eventually(named)  # once it has answered what it was asked first


@pytest.mark.usefixtures("patient")
async def test_a_page_that_goes_away_meanwhile_holds_nothing_up(
    real: RealRuntime, page: CdpPage, client: CdpClient
) -> None:
    """Patient: only that its session is gone ends the wait."""
    await show(page, "<button>Buy</button>")
    working = await made_busy(page)
    clicking = pressing(page, 20, 20)
    await eventually(lambda: open_questions(real))
    async with cdp_client(real.connect_url) as other:
        await other.call("Target.closeTarget", targetId=page.target)
    assert await client.call("Browser.getVersion")
    assert open_questions(real) == 0
    for task in (working, clicking):
        task.cancel()
    tap: Any = real.runtime.attachments.pages
    assert not [each for each in tap._awaited._asked.values() if each.session not in tap._tapped]


async def test_a_page_that_crashes_meanwhile_holds_nothing_up(
    real: RealRuntime, page: CdpPage, client: CdpClient
) -> None:
    await show(page, "<button>Buy</button>")
    tap: Any = real.runtime.attachments.pages
    tap.post(page.target, "Page.crash")
    clicking = pressing(page, 20, 20)
    assert await going(client.call("Browser.getVersion"))
    await eventually(lambda: of_page(real, page, "input.click"))
    assert open_questions(real) == 0
    clicking.cancel()


@pytest.mark.usefixtures("patient")
async def test_a_client_that_leaves_has_clicked(real: RealRuntime, page: CdpPage) -> None:
    await show(page, "<button>Buy</button>")
    async with cdp_client(real.connect_url) as leaving:
        attached = await leaving.call("Target.attachToTarget", targetId=page.target, flatten=True)
        theirs = CdpPage(leaving, page.target, attached["sessionId"])
        working = await made_busy(page)
        clicking = pressing(theirs, 20, 20)
        await eventually(lambda: open_questions(real))
        await leaving.break_off()
        clicking.cancel()
    types = await eventually(lambda: ends_with_close(real))
    assert types.index("input.click") < types.index("connection.closed")
    await working


def ends_with_close(real: RealRuntime) -> list[str]:
    types = [event.type for event in real.events]
    last = types[max(at for at, each in enumerate(types) if each == "connection.opened") :]
    return last if "connection.closed" in last else []


@pytest.mark.usefixtures("patient")
async def test_calls_stay_in_their_order_and_two_clients_do_not_wait_for_each_other(
    real: RealRuntime, page: CdpPage
) -> None:
    await show(page, "<button>Buy</button>")
    x, y = await middle_of(page, "button")
    async with cdp_client(real.connect_url) as other:
        theirs = await other.new_page()
        await show(theirs, "<button>Sell</button>")
        working = await made_busy(page)
        clicking = pressing(page, x, y)
        answered: list[str] = []
        after = [
            asyncio.create_task(noted(page, answered, name)) for name in ("one", "two", "three")
        ]
        told = await clicked(real, theirs, *await middle_of(theirs, "button"))
        assert told["element"]["name"] == "Sell"
        assert not clicking.done()
        await asyncio.gather(working, clicking, *after)
    assert answered == ["one", "two", "three"]
    (told,) = of_page(real, page, "input.click")
    assert told["element"]["name"] == "Buy"


async def noted(page: CdpPage, answered: list[str], name: str) -> None:
    answered.append(await page.evaluate(repr(name)))


@pytest.mark.usefixtures("patient")
async def test_of_a_flood_some_are_told_without_their_element(
    real: RealRuntime, page: CdpPage
) -> None:
    await show(page, "<button>Buy</button>")
    x, y = await middle_of(page, "button")
    many = 150
    await asyncio.gather(*(pressing(page, x, y + n / 1000) for n in range(many)))
    told = await eventually(lambda: all_of(of_page(real, page, "input.click"), many))
    named = [each for each in told if each.get("element", {}).get("name") == "Buy"]
    assert 0 < len(named) < many
    assert [each["y"] for each in told] == [y + n / 1000 for n in range(many)]


async def test_many_movements_over_a_page_that_hangs_are_one_question(
    real: RealRuntime, page: CdpPage
) -> None:
    await show(page, "<button>Buy</button>")
    tap: Any = real.runtime.attachments.pages
    await eventually(lambda: not tap._awaited)
    working = await made_busy(page)
    moves = [
        going(page.call("Input.dispatchMouseEvent", type="mouseMoved", x=n, y=1))
        for n in range(100)
    ]
    await going(page.client.call("Browser.getVersion"))
    assert len(tap._awaited) == 1
    await asyncio.gather(working, *moves)
    await eventually(lambda: not tap._awaited)
