"""Actions that read: scripts' values, content, extracts, cookies; and pictures of pages, which become artifacts."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import msgspec

from schemas import actions as asked
from schemas.runtime_config import Record
from worker.secret_shapes import REDACTED
from worker.tools.accessibility import snapshot
from worker.tools.doing import Doing, Made
from worker.tools.extraction import MOST_ITEMS, READ, Extraction
from worker.tools.failures import ACTION_FAILED, SCRIPT_FAILED, Failed, of
from worker.tools.markdown import markdown

if TYPE_CHECKING:
    from playwright.async_api import Locator

Output = dict[str, Any]

# Of a script's value or a page's text. More would be held several times on its way through the driver, and
# its secrets looked for longer than most actions may take.
MOST_CHARS = 2 * 1024 * 1024
_OURS = re.compile(r"\s+at (?:async )?(?:eval|UtilityScript|<anonymous>|JSON\.stringify)\b.*")

# An expression's value as JSON; its length instead where that is too long. A function is called with the arguments.
# Evaluated here, and not by Playwright, so that a value of any size stays in the page.
_EVALUATE = """
async (expression, most, values) => {
  const parses = text => { try { new Function(text); return true; } catch { return false; } };
  let value = (0, eval)(parses(`return (${expression}\\n)`) ? `(${expression}\\n)` : expression);
  if (typeof value === 'function') value = value(...values);
  const text = JSON.stringify(await value);
  return typeof text !== 'string' ? null : text.length > most ? text.length : text;
}
""".strip()
_HTML = """
(root, most) => {
  const isPage = root === document.documentElement;
  const text = (isPage && document.doctype ? '<!DOCTYPE html>' : '') + root.outerHTML;
  return text.length > most ? text.length : text;
}
"""
_TEXT = """
(root, most) => {
  const text = String(root.innerText ?? root.textContent ?? '');
  return text.length > most ? text.length : text;
}
"""


# scripts


async def evaluate(do: Doing, element: Locator | None, action: asked.Evaluate) -> Output:
    """The value of an expression, as JSON has it. Raises Failed."""
    try:
        async with do.in_time():
            text = await _evaluated(do, element, action)
    except Failed:
        raise
    except Exception as error:  # the script's own
        raise _of_script(error) from error
    if text is None:
        return {"value": None}
    try:
        return {"value": json.loads(_not_too_long(text))}
    except (ValueError, RecursionError) as error:
        raise Failed(SCRIPT_FAILED, "The value of the script is no JSON.") from error


async def _evaluated(do: Doing, element: Locator | None, action: asked.Evaluate) -> Any:
    given = [action.expression, MOST_CHARS, action.arg]
    if element is None:
        script = f"([expression, most, arg]) => ({_EVALUATE})(expression, most, [arg])"
        return await do.page.evaluate(script, given)
    script = (
        f"(element, [expression, most, arg]) => ({_EVALUATE})(expression, most, [element, arg])"
    )
    return await element.evaluate(script, given, timeout=do.left_ms)


def _of_script(error: Exception) -> Failed:
    """What the page throws is the script's failure; that there is no such element is not."""
    failed = of(error)
    if failed.code != ACTION_FAILED:
        return failed
    lines = [line for line in failed.message.splitlines() if not _OURS.match(line)]
    return Failed(SCRIPT_FAILED, "\n".join(lines))


def _not_too_long(text: str | int) -> str:
    if isinstance(text, str):
        return text
    message = f"It has {text} characters; {MOST_CHARS} can be told."
    raise Failed("invocation.too_large", message)


def _within(text: str) -> str:
    return _not_too_long(text if len(text) <= MOST_CHARS else len(text))


# content


async def content(do: Doing, element: Locator | None, action: asked.Content) -> Output:
    """The page, or an element, as text."""
    if action.format == "accessibility":
        text = _within(await snapshot(element or do.page.locator("body"), do.left_ms))
    else:
        root = element or do.page.locator("css=:root")
        script = _TEXT if action.format == "text" else _HTML
        async with do.in_time():
            text = _not_too_long(await root.evaluate(script, MOST_CHARS, timeout=do.left_ms))
    if action.format == "markdown":
        async with do.in_time():
            text = await markdown(text)
    return {"format": action.format, "content": text}


async def extract(do: Doing, element: Locator | None, action: asked.Extract) -> Output:
    """What the page has of what the schema asks for."""
    extraction = Extraction.by(action.output_schema)
    plan = msgspec.to_builtins(extraction.plan)
    root = element or do.page.locator("css=:root")
    async with do.in_time():
        script = f"(root, [plan, items, most]) => ({READ.strip()})(root, plan, items, most)"
        text = await root.evaluate(script, [plan, MOST_ITEMS, MOST_CHARS], timeout=do.left_ms)
    # What the schema describes is the output itself: clients check it against that.
    found: Output = extraction.shaped(json.loads(_not_too_long(text)))
    return found


# pictures


async def screenshot(do: Doing, element: Locator | None, action: asked.Screenshot) -> Made:
    """An image of what there is to see."""
    if element is None:
        content = await do.page.screenshot(
            type=action.format,
            quality=action.quality,
            full_page=action.full_page,
            omit_background=action.omit_background,
            timeout=do.left_ms,
        )
    else:
        content = await element.screenshot(
            type=action.format,
            quality=action.quality,
            omit_background=action.omit_background,
            timeout=do.left_ms,
        )
    suffix = "jpg" if action.format == "jpeg" else "png"
    name = action.name or f"screenshot.{suffix}"
    return Made(content, "screenshot", name, f"image/{action.format}")


async def pdf(do: Doing, action: asked.Pdf) -> Made:
    """The page as it is printed."""
    async with do.in_time():
        content = await do.page.pdf(
            format=action.format,
            landscape=action.landscape,
            print_background=action.print_background,
            scale=action.scale,
            page_ranges=action.page_ranges,
        )
    return Made(content, "pdf", action.name or "page.pdf", "application/pdf")


# cookies


async def cookies(do: Doing, action: asked.Cookies) -> Output:
    """Those of the page's context: read, set or cleared."""
    async with do.in_time():
        session = await do.session.cdp(do.page)
        try:
            match action.operation:
                case "set":
                    wanted = [_to_cdp(each) for each in action.cookies]
                    await session.send("Network.setCookies", {"cookies": wanted})
                    return {"set": len(wanted)}
                case "clear":
                    await session.send("Network.clearBrowserCookies")
                    return {"cleared": True}
            if action.urls:
                found = await session.send("Network.getCookies", {"urls": list(action.urls)})
            else:
                found = await session.send("Network.getAllCookies")
            return {"cookies": [_from_cdp(each, do.place.wanted) for each in found["cookies"]]}
        finally:
            await session.detach()


def _to_cdp(cookie: asked.Cookie) -> dict[str, Any]:
    given: dict[str, Any] = msgspec.to_builtins(cookie)
    return given


def _from_cdp(cookie: dict[str, Any], wanted: Record) -> dict[str, Any]:
    names = ("name", "value", "domain", "path", "expires", "httpOnly", "secure", "sameSite")
    found = {name: cookie[name] for name in names if name in cookie}
    return found if wanted.headers else found | {"value": REDACTED}
