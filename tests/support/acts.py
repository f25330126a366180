"""Clicks and keys of a client, on a page of a test's own, and what is told of them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime
from tests.support.worker_cdp import CdpPage

Told = dict[str, Any]


def page_of(*parts: str) -> str:
    """A document of these parts, as a URL."""
    return "data:text/html;charset=utf-8," + quote(
        "<!doctype html><title>T</title>" + "".join(parts)
    )


async def show(page: CdpPage, *parts: str) -> None:
    """Lead a page to such a document."""
    await page.call("Page.enable")
    await page.goto(page_of(*parts))


async def middle_of(page: CdpPage, css: str) -> tuple[float, float]:
    """The middle of an element, brought into view."""
    x, y = await page.evaluate(
        f"(() => {{ const e = document.querySelector({css!r}); e.scrollIntoView({{block: 'center'}});"
        " const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2] })()"
    )
    return x, y


async def click(page: CdpPage, x: float, y: float) -> None:
    """Press and release the left button there."""
    for kind in ("mousePressed", "mouseReleased"):
        await page.call(
            "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
        )


async def clicked(real: RealRuntime, page: CdpPage, x: float, y: float) -> Told:
    """What is told of a click there."""
    before = len(of_page(real, page, "input.click"))
    await click(page, x, y)
    (told, *more) = await eventually(lambda: of_page(real, page, "input.click")[before:])
    assert not more
    return told


def of_page(real: RealRuntime, page: CdpPage, kind: str) -> list[Told]:
    """What is told of a page, of one type."""
    return [each for each in real.of(kind) if each["_page"] == page.target]


async def typed(page: CdpPage, text: str) -> None:
    """Each key down and up."""
    for char in text:
        await page.call("Input.dispatchKeyEvent", type="keyDown", text=char, key=char)
        await page.call("Input.dispatchKeyEvent", type="keyUp", key=char)
