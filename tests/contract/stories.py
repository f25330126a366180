"""Three stories on the demo site's shop, played for real: a person's, the same by hosted invocations, one that fails.

python -m tests.contract.record DIRECTORY shop shop-hosted failing
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from playwright.async_api import Dialog, Error, Locator, Page, async_playwright, expect

from deploy.site import Site
from deploy.site.shop import CUSTOMER
from tests.support.eventually import eventually
from tests.support.run import Run, answer, create_runtime, start
from tests.support.stack import Stack

KEY_DELAY_MS = 40  # between a person's keys
PATIENCE_MS = 1_500  # with an element that is not there

Asked = dict[str, Any]


# a person, or a script that acts like one


async def shop(stack: Stack) -> None:
    """Sign in, search, fill the cart, think again, read the terms, pay, and keep the invoice."""
    run = await stack.run()
    async with Site() as site, _attached(run) as page:
        await page.goto(f"{site.url}/sign-in.html")
        await _sign_in(page, CUSTOMER["password"])
        await page.wait_for_url("**/shop.html")
        await _find(page, "splic")
        await _take(page, "Tape splicer, 16 mm")
        await page.go_back()
        await _take(page, "Splicing tape, 20 m")
        await _look_over_the_cart(page)
        await _pay(page)
        async with page.expect_download():  # the file itself may lie on another host
            await _press(page, page.get_by_role("link", name="Download the invoice"))
        await run.event("artifact.created")
    await run.stop()


@asynccontextmanager
async def _attached(run: Run) -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.connect_over_cdp(run.connect_url)
        yield await browser.contexts[0].new_page()
        with suppress(Error):  # which may have been killed
            await browser.close()


async def _press(page: Page, element: Locator) -> None:
    """The mouse goes there, and its button goes down and up."""
    await element.scroll_into_view_if_needed()
    box = await element.bounding_box()
    assert box is not None
    await page.mouse.move(
        box["x"] + min(box["width"], 60) / 2, box["y"] + box["height"] / 2, steps=3
    )
    await page.mouse.down()
    await page.mouse.up()


async def _type(page: Page, label: str, text: str) -> None:
    await _press(page, page.get_by_label(label))
    await page.keyboard.type(text, delay=KEY_DELAY_MS)


async def _sign_in(page: Page, password: str) -> None:
    await _type(page, "Email", CUSTOMER["email"])
    await page.keyboard.press("Tab")
    await page.get_by_label("Password").fill(password)  # as a password manager does
    await page.keyboard.press("Enter")


async def _find(page: Page, words: str) -> None:
    await _type(page, "Search", words)
    await _press(page, page.get_by_role("button", name="Find"))
    await expect(page.get_by_role("status")).to_have_text(re.compile("on the shelf"))


async def _take(page: Page, name: str) -> None:
    await _press(page, page.get_by_role("link", name=name))
    await expect(page.get_by_role("heading", name=name)).to_be_visible()
    await page.mouse.wheel(0, 120)
    await page.mouse.wheel(0, 120)
    await _press(page, page.get_by_role("button", name="Add to cart"))
    await expect(page.get_by_role("status")).to_have_text(re.compile("In the cart"))


async def _look_over_the_cart(page: Page) -> None:
    """One thing is too much after all, and the page asks whether that is meant."""

    async def accept(dialog: Dialog) -> None:
        await dialog.accept()

    page.once("dialog", accept)
    await _press(page, page.get_by_role("link", name="Cart"))
    await _press(page, page.get_by_role("button", name="Remove Splicing tape, 20 m"))
    await expect(page.get_by_role("status")).to_have_text(re.compile("1 in the cart"))
    await _press(page, page.get_by_role("link", name="Check out"))


async def _pay(page: Page) -> None:
    async with page.expect_popup() as opening:
        await _press(page, page.get_by_role("button", name="Terms of sale"))
    terms = await opening.value
    async with terms.expect_event("close"):
        await terms.get_by_role("button", name="Close").click()
    await _type(page, "Name on card", "Ada L.")
    await _type(page, "Card number", "4242 4242")
    await page.get_by_label("Security code").fill("737")
    await page.get_by_label("Delivery").select_option("I collect it")
    await _press(page, page.get_by_role("button", name="Pay now"))
    await page.wait_for_url("**/thanks.html?*")


# the same, by hosted invocations


async def shop_hosted(stack: Stack) -> None:
    """The same, asked for over HTTP by an agent that says what it thinks and does."""
    run = await stack.run()
    async with Site() as site:
        await _say(run, _model(1_840, 96), _began("call_1", "sign_in", email=CUSTOMER["email"]))
        await _ask(run, *_to_sign_in(site))
        await _say(run, _done("call_1", "sign_in", signedIn=True))
        await _solve_a_captcha(run, site)
        await _say(run, _model(2_210, 140), _began("call_2", "buy", article="Tape splicer, 16 mm"))
        for asked in _to_buy():
            await _ask(run, asked)
        await _say(run, _model(3_050, 61), _done("call_2", "buy", order="RC-006940"))
        for asked in _to_keep():
            await _ask(run, asked)
        await _say(run, _custom("custom.note", message="The splicer is ordered."))
        await eventually(lambda: _kept(run, 3))
    await run.stop()


def _to_sign_in(site: Site) -> list[Asked]:
    return [
        {"action": "navigate", "url": f"{site.url}/sign-in.html"},
        {"action": "type", "locator": {"label": "Email"}, "text": CUSTOMER["email"]},
        {"action": "type", "locator": {"label": "Password"}, "text": CUSTOMER["password"]},
        {"action": "click", "locator": {"role": "button", "name": "Sign in"}},
        {"action": "wait_for", "url": "**/shop.html"},
    ]


def _to_buy() -> list[Asked]:
    search = {"role": "searchbox", "name": "Search"}
    return [
        {"action": "type", "locator": search, "text": "splic", "submit": True},
        {"action": "click", "locator": {"role": "link", "name": "Tape splicer, 16 mm"}},
        {"action": "click", "locator": {"role": "button", "name": "Add to cart"}},
        {"action": "scroll", "y": 240},
        {"action": "click", "locator": {"role": "link", "name": "Cart"}},
        {"action": "content", "format": "markdown"},
        {"action": "click", "locator": {"role": "link", "name": "Check out"}},
        {
            "action": "batch",
            "actions": [
                {"action": "type", "locator": {"label": "Name on card"}, "text": "Ada L."},
                {"action": "type", "locator": {"label": "Card number"}, "text": "4242 4242"},
                {"action": "type", "locator": {"label": "Security code"}, "text": "737"},
                {"action": "select", "locator": {"label": "Delivery"}, "values": ["I collect it"]},
                {"action": "click", "locator": {"role": "button", "name": "Pay now"}},
                {"action": "wait_for", "url": "**/thanks.html?*"},
            ],
        },
    ]


def _to_keep() -> list[Asked]:
    return [
        {"action": "click", "locator": {"role": "link", "name": "Download the invoice"}},
        {"action": "screenshot", "name": "thanks.png"},
        {"action": "pdf", "name": "thanks.pdf"},
    ]


async def _solve_a_captcha(run: Run, site: Site) -> None:
    solve = {"solveId": "solve_1", "kind": "hcaptcha", "provider": "a-solver"}
    await _say(run, _custom("captcha.solve.started", **solve, url=f"{site.url}/shop.html"))
    await _say(run, _custom("captcha.solve.succeeded", **solve))


async def _ask(run: Run, *asked: Asked) -> None:
    """One after the other, each waited for; several are one batch."""
    body = asked[0] if len(asked) == 1 else {"action": "batch", "actions": list(asked)}
    path = f"/v1/runtimes/{run.runtime_id}/invocations"
    made = await answer(run.http, "POST", path, json=body)
    await answer(run.http, "POST", f"{path}/{made['id']}/wait")


async def _say(run: Run, *events: Asked) -> None:
    """What an agent outside tells of itself."""
    await answer(run.http, "POST", f"/v1/runs/{run.id}/events", json={"events": list(events)})


def _custom(kind: str, /, **data: Any) -> Asked:
    return {"type": kind, "data": data}


def _began(call_id: str, tool: str, **given: Any) -> Asked:
    return _custom("tool.call.started", toolCallId=call_id, tool=tool, input=given)


def _done(call_id: str, tool: str, **made: Any) -> Asked:
    return _custom("tool.call.finished", toolCallId=call_id, tool=tool, output=made)


def _model(input_tokens: int, output_tokens: int) -> Asked:
    used = {"inputTokens": input_tokens, "outputTokens": output_tokens}
    return _custom("llm.usage", model="a-model", provider="a-provider", **used)


async def _kept(run: Run, count: int) -> bool:
    return len(await run.events(type="artifact.created")) >= count


# one that fails


async def failing(stack: Stack) -> None:
    """A wrong password, an article that is gone, a host that is blocked, no such button, and a browser that dies."""
    config = {"networkTraffic": {"urlBlocklist": ["http://localhost*"]}}
    run = await start(stack.http, await create_runtime(stack.http, config=config))
    async with Site() as site, _attached(run) as page:
        await page.goto(f"{site.url}/sign-in.html")
        await _sign_in(page, "a wrong one")
        await expect(page.get_by_role("status")).to_have_text(re.compile("do not know"))
        await page.goto(f"{site.url}/goods.html?id=projector")
        await page.goto(f"{site.url}/frame.html")
        await page.goto(f"{site.url}/broken.html")
        await run.event("page.error")
        with suppress(Error):
            await page.goto("http://nowhere.invalid/")
        await page.wait_for_url("chrome-error://chromewebdata/")
        await page.goto(f"{site.url}/shop.html")
        with suppress(Error):
            await page.click("text=Buy everything", timeout=PATIENCE_MS)
        buy = {"action": "click", "locator": {"role": "button", "name": "Buy everything"}}
        await _ask(run, buy | {"timeoutMs": PATIENCE_MS})
        await _fail_as_an_agent(run)
        with suppress(Error):
            await page.goto(f"{site.url}/slow?ms=20000", timeout=PATIENCE_MS)
        await _kill_the_browser(stack, run)
    await run.ended()


async def _fail_as_an_agent(run: Run) -> None:
    solve = {"solveId": "solve_1", "kind": "recaptcha"}
    failed = {"toolCallId": "call_1", "tool": "buy", "code": "no_button", "message": "No button."}
    await _say(
        run,
        _began("call_1", "buy", article="everything"),
        _custom("captcha.solve.started", **solve),
        _custom("captcha.solve.failed", **solve, message="The solver gave up after 30 seconds."),
        _custom("tool.call.failed", **failed),
    )


async def _kill_the_browser(stack: Stack, run: Run) -> None:
    process = stack.browser_of(run)
    assert process is not None
    process.kill()
