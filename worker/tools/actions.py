"""Every action of `schemas.actions`, done on a page. What each gives is its output: a dict of JSON values."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from schemas import actions as asked
from worker.tools import failures, reading
from worker.tools.choosing import upload
from worker.tools.doing import Doing, Made
from worker.tools.driver import attempt
from worker.tools.failures import NAVIGATION_FAILED, Failed
from worker.tools.locators import locate

if TYPE_CHECKING:
    from playwright.async_api import Locator, Response

T = TypeVar("T")
Output = dict[str, Any]
Perform = Callable[[Doing, Any], Awaitable[T]]

BUSY_SECONDS = 0.5
TITLE_SECONDS = 1.0
COUNT_SECONDS = 1.0
# While Chromium puts another document in the page's place, such as that of an error: asked again, it does it.
SWAPPED = ("Not attached to an active page", 'navigation to "chrome-error:')
# A page that comes out of Chromium's cache of pages is there at once, and tells of no load.
_READY = """wanted => wanted === 'commit' || document.readyState === 'complete' ||
  wanted === 'domcontentloaded' && document.readyState === 'interactive'"""
SWAP_TRIES = 10
SWAP_SECONDS = 0.1
# Longer texts come as one input, as from a clipboard: a key at a time would take their time, too.
MOST_KEYS = 1000


async def perform(do: Doing, action: asked.Action) -> Output | Made:
    """Do it. Raises Failed. A script that keeps the page busy when its time is up, or it is cancelled, is stopped."""
    try:
        return await _ACTIONS[type(action)](do, action)
    except asyncio.CancelledError:
        await asyncio.shield(_stop_what_hangs(do))
        raise
    except Exception as error:  # Playwright's, of any kind
        failed = failures.of(error)
        if failed.code == failures.TIMED_OUT:
            await _stop_what_hangs(do)
        raise failed from error


async def _stop_what_hangs(do: Doing) -> None:
    """A page that runs a script without end does nothing else. One that only waits for something is left alone."""
    if not await attempt(do.page.evaluate("0"), BUSY_SECONDS):
        do.place.targets.stop_script(do.page_id)


async def _on(do: Doing, where: asked.Where, act: Callable[[Locator], Awaitable[T]]) -> T:
    """Do something to the element that is meant. Raises Failed, which tells no element from one that is not ready."""
    element = locate(do.page, where)
    try:
        return await act(element)
    except Exception as error:  # Playwright's, of any kind
        failed = failures.of(error)
        if failed.code == failures.TIMED_OUT and await _is_missing(element):
            message = "No element matches."
            raise Failed(failures.NO_MATCH, message, failed.details) from error
        raise failed from error


async def _is_missing(element: Locator) -> bool:
    try:
        async with asyncio.timeout(COUNT_SECONDS):
            return await element.count() == 0
    except Exception:  # the page is gone, or busy: nobody knows
        return False


# going somewhere


async def _navigate(do: Doing, action: asked.Navigate) -> Output:
    response = await _unless_swapped(
        lambda: do.page.goto(action.url, wait_until=action.wait_until, timeout=do.left_ms)
    )
    return await _arrived(do, response)


async def _back(do: Doing, action: asked.Back) -> Output:
    return await _through_history(do, -1, action.wait_until)


async def _forward(do: Doing, action: asked.Forward) -> Output:
    return await _through_history(do, 1, action.wait_until)


async def _through_history(do: Doing, by: int, wait_until: asked.WaitUntil) -> Output:
    go = do.page.go_back if by < 0 else do.page.go_forward
    if not await _unless_swapped(lambda: _has_history(do, by)):
        way = "back" if by < 0 else "forward"
        raise Failed(NAVIGATION_FAILED, f"There is nothing to go {way} to.")
    response = await _unless_swapped(lambda: go(wait_until="commit", timeout=do.left_ms))
    await do.page.wait_for_function(_READY, arg=wait_until, timeout=do.left_ms)
    return await _arrived(do, response)


async def _has_history(do: Doing, by: int) -> bool:
    async with do.in_time():
        session = await do.session.cdp(do.page)
        try:
            history = await session.send("Page.getNavigationHistory")
        finally:
            await session.detach()
    return bool(0 <= history["currentIndex"] + by < len(history["entries"]))


async def _unless_swapped(go: Callable[[], Awaitable[T]]) -> T:
    for _ in range(SWAP_TRIES):
        try:
            return await go()
        except Exception as error:  # Playwright's, of any kind
            if not any(each in str(error) for each in SWAPPED):
                raise
        await asyncio.sleep(SWAP_SECONDS)
    return await go()


async def _reload(do: Doing, action: asked.Reload) -> Output:
    response = await do.page.reload(wait_until=action.wait_until, timeout=do.left_ms)
    return await _arrived(do, response)


async def _arrived(do: Doing, response: Response | None) -> Output:
    output: Output = {"url": do.page.url, "title": await _title(do)}
    if response is not None:
        output["status"] = response.status
    return output


async def _title(do: Doing) -> str:
    """Empty where the page has no time to say it."""
    try:
        async with asyncio.timeout(TITLE_SECONDS):
            return await do.page.title()
    except Exception:  # it may be leaving already
        return ""


# mouse and keyboard


def _here(do: Doing) -> Output:
    return {"url": do.page.url}


async def _click(do: Doing, action: asked.Click) -> Output:
    at = action.position
    await _on(
        do,
        action.locator,
        lambda element: element.click(
            button=action.button,
            click_count=action.click_count,
            modifiers=list(action.modifiers),
            position={"x": at.x, "y": at.y} if at else None,
            force=action.force,
            timeout=do.left_ms,
        ),
    )
    return _here(do)


async def _type(do: Doing, action: asked.Type) -> Output:
    if action.locator is not None:
        await _on(do, action.locator, lambda element: _type_into(do, element, action))
    else:
        async with do.in_time():
            if action.clear:
                await do.page.keyboard.press("ControlOrMeta+A")
                await do.page.keyboard.press("Delete")
            await _type_here(do, action)
    if action.submit:
        async with do.in_time():
            await do.page.keyboard.press("Enter")
    return _here(do)


async def _type_into(do: Doing, element: Locator, action: asked.Type) -> None:
    if action.clear:
        await element.fill("", timeout=do.left_ms)
    if len(action.text) <= MOST_KEYS:
        await element.press_sequentially(
            action.text, delay=action.delay_ms or None, timeout=do.left_ms
        )
        return
    await element.focus(timeout=do.left_ms)
    async with do.in_time():
        await do.page.keyboard.insert_text(action.text)


async def _type_here(do: Doing, action: asked.Type) -> None:
    keyboard = do.page.keyboard
    if len(action.text) <= MOST_KEYS:
        await keyboard.type(action.text, delay=action.delay_ms or None)
    else:
        await keyboard.insert_text(action.text)


async def _press(do: Doing, action: asked.Press) -> Output:
    try:
        if action.locator is None:
            async with do.in_time():
                await do.page.keyboard.press(action.key)
        else:
            await _on(
                do, action.locator, lambda element: element.press(action.key, timeout=do.left_ms)
            )
    except Exception as error:  # Playwright's, of any kind
        if "Unknown key" in str(error):
            message = (
                "There is no such key; Enter, Tab, ArrowDown, F5, a and Control+A are examples."
            )
            raise Failed("request.invalid", message) from error
        raise
    return _here(do)


async def _select(do: Doing, action: asked.Select) -> Output:
    chosen = await _on(
        do,
        action.locator,
        lambda element: element.select_option(list(action.values), timeout=do.left_ms),
    )
    return {"selected": chosen}


async def _hover(do: Doing, action: asked.Hover) -> Output:
    at = action.position
    position: Any = {"x": at.x, "y": at.y} if at else None
    await _on(
        do, action.locator, lambda element: element.hover(position=position, timeout=do.left_ms)
    )
    return _here(do)


async def _scroll(do: Doing, action: asked.Scroll) -> Output:
    if action.locator is not None:
        await _on(
            do,
            action.locator,
            lambda element: element.scroll_into_view_if_needed(timeout=do.left_ms),
        )
    async with do.in_time():
        if action.x or action.y:
            await do.page.mouse.wheel(action.x, action.y)
        at: Output = await do.page.evaluate("({x: scrollX, y: scrollY})")
    return at


async def _drag(do: Doing, action: asked.Drag) -> Output:
    target = locate(do.page, action.target)
    await _on(do, action.source, lambda element: element.drag_to(target, timeout=do.left_ms))
    return _here(do)


async def _upload(do: Doing, action: asked.Upload) -> Output:
    names = await _on(do, action.locator, lambda element: upload(do, element, action.files))
    return {"files": names}


# waiting


async def _wait_for(do: Doing, action: asked.WaitFor) -> Output:
    if action.url is not None:
        await do.page.wait_for_url(action.url, wait_until="commit", timeout=do.left_ms)
    if action.load_state is not None:
        await do.page.wait_for_load_state(action.load_state, timeout=do.left_ms)
    if action.locator is not None:
        await _on(
            do,
            action.locator,
            lambda element: element.wait_for(state=action.state, timeout=do.left_ms),
        )
    return _here(do)


# reading


def _reads(read: Callable[[Doing, Locator | None, Any], Awaitable[T]]) -> Perform[T]:
    """An action that is about an element, or else about the page."""

    async def perform_it(do: Doing, action: Any) -> T:
        if action.locator is None:
            return await read(do, None, action)
        return await _on(do, action.locator, lambda element: read(do, element, action))

    return perform_it


_ACTIONS: dict[type, Perform[Output] | Perform[Made]] = {
    asked.Navigate: _navigate,
    asked.Back: _back,
    asked.Forward: _forward,
    asked.Reload: _reload,
    asked.Click: _click,
    asked.Type: _type,
    asked.Press: _press,
    asked.Select: _select,
    asked.Hover: _hover,
    asked.Scroll: _scroll,
    asked.Drag: _drag,
    asked.Upload: _upload,
    asked.WaitFor: _wait_for,
    asked.Evaluate: _reads(reading.evaluate),
    asked.Content: _reads(reading.content),
    asked.Extract: _reads(reading.extract),
    asked.Screenshot: _reads(reading.screenshot),
    asked.Pdf: reading.pdf,
    asked.Cookies: reading.cookies,
}
