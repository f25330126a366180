"""Reading files of the host by their addresses (rows 2, 3, 4 and 14)."""

from __future__ import annotations

import json
from pathlib import Path

from tests.support.escapes.attack import Attack, Loot, Try, html, intercepted, page_at, shows, soon
from tests.support.escapes.host import LOGIN, SECRET, Host
from tests.support.worker_cdp import CdpCalls, CdpPage, CdpRefused

# Of "file:", as browsers read them and lists of names do not.
FORMS = {
    "plain": "file://{}",
    "view_source": "view-source:file://{}",
    "capitals": "FILE://{}",
    "leading_blank": " file://{}",
    "tab_and_newline": "\tfi\nle://{}",
    "localhost": "file://localhost{}",
    "one_slash": "file:{}",
    "backslashes": "file:\\\\{}",
}


def created(form: str) -> Try:
    """A new target at a file."""

    async def attack(driver: CdpCalls, host: Host) -> Loot | None:
        return await shows(await driver.new_page(FORMS[form].format(host.secret)), SECRET)

    attack.__name__ = f"create_target_{form}"
    return attack


def navigated(form: str) -> Try:
    """A page that is sent to a file."""

    async def attack(driver: CdpCalls, host: Host) -> Loot | None:
        page = await driver.new_page()
        await page.call("Page.navigate", url=FORMS[form].format(host.secret))
        return await shows(page, SECRET)

    attack.__name__ = f"navigate_{form}"
    return attack


async def list_a_directory(driver: CdpCalls, host: Host) -> Loot | None:
    """What there is beside the secret."""
    return await shows(await driver.new_page(f"file://{host.secret.parent}/"), host.secret.name)


async def child_frame(driver: CdpCalls, host: Host) -> Loot | None:
    """By the id of a frame in a page, whose process may then be asked."""
    page = await page_at(driver, "data:text/html,<iframe></iframe>")
    await page.call(
        "Target.setAutoAttach", autoAttach=True, waitForDebuggerOnStart=False, flatten=True
    )
    tree = (await page.call("Page.getFrameTree"))["frameTree"]
    frame = tree["childFrames"][0]["frame"]["id"]
    await page.call("Page.navigate", url=f"file://{host.secret}", frameId=frame)
    attached = await soon(lambda: _frame_of_its_own(driver, page))
    return None if attached is None else await shows(CdpPage(driver, frame, attached), SECRET)


def _frame_of_its_own(driver: CdpCalls, page: CdpPage) -> str | None:
    for event in driver.events:
        if event["method"] == "Target.attachedToTarget" and event.get("sessionId") == page.session:
            return str(event["params"]["sessionId"])
    return None


async def script_in_a_file_origin(driver: CdpCalls, host: Host) -> Loot | None:
    """The client answers a request for a file itself, with a script that reads on."""
    page = await driver.new_page()
    script = f"<script>setTimeout(() => location = 'file://{host.secret}', 100)</script>"
    await intercepted(page, "file:///made-up.html", "Fetch.fulfillRequest", html(script))
    return await shows(page, SECRET)


async def redirect_to_a_file(driver: CdpCalls, host: Host) -> Loot | None:
    """The answer to a web request is a redirect to a file."""
    page = await driver.new_page()
    headers = [{"name": "Location", "value": f"file://{host.secret}"}]
    answer = {"responseCode": 302, "responseHeaders": headers}
    await intercepted(page, "http://made-up.test/", "Fetch.fulfillRequest", answer)
    return await shows(page, SECRET)


async def continue_at_a_file(driver: CdpCalls, host: Host) -> Loot | None:
    """A web request goes on as one for a file."""
    page = await driver.new_page()
    url = {"url": f"file://{host.secret}"}
    await intercepted(page, "http://made-up.test/", "Fetch.continueRequest", url)
    return await shows(page, SECRET)


def by_the_page(script: str, name: str) -> Try:
    """What a page can do by itself; `URL` in the script is the secret's."""

    async def attack(driver: CdpCalls, host: Host) -> Loot | None:
        page = await page_at(driver, "data:text/html,<p>a page</p>")
        url = json.dumps(f"file://{host.secret}")
        await page.call("Runtime.evaluate", expression=script.replace("URL", url))
        return await shows(page, SECRET)

    attack.__name__ = name
    return attack


async def network_resource(driver: CdpCalls, host: Host) -> Loot | None:
    """`Network.loadNetworkResource` of a file, as DevTools loads source maps."""
    page = await driver.new_page()
    frame = (await page.call("Page.getFrameTree"))["frameTree"]["frame"]["id"]
    options = {"disableCache": True, "includeCredentials": False}
    loaded = await page.call(
        "Network.loadNetworkResource", frameId=frame, url=f"file://{host.secret}", options=options
    )
    return str(loaded) if loaded["resource"]["success"] else None


async def read_a_stream_named_like_a_file(driver: CdpCalls, host: Host) -> Loot | None:
    """`IO.read` of a path."""
    page = await driver.new_page()
    for handle in (str(host.secret), f"file://{host.secret}"):
        try:
            read = await page.call("IO.read", handle=handle)
        except CdpRefused:
            continue
        if SECRET in str(read):
            return str(read)
    return None


async def anothers_login(driver: CdpCalls, host: Host) -> Loot | None:
    """The cookies of another runtime."""
    return await shows(await driver.new_page(f"file://{host.neighbour}"), LOGIN)


async def anothers_login_by_a_link(driver: CdpCalls, host: Host) -> Loot | None:
    """By a link that lies in the browser's own directory."""
    link: Path = host.own / "downloads" / "a-link.txt"
    link.unlink(missing_ok=True)
    link.symlink_to(host.neighbour)
    return await shows(await driver.new_page(f"file://{link}"), LOGIN)


ATTACKS = [
    *(Attack(2, created(form)) for form in FORMS),
    *(Attack(2, navigated(form)) for form in FORMS),
    Attack(2, list_a_directory),
    Attack(2, child_frame),
    Attack(3, script_in_a_file_origin),
    Attack(4, redirect_to_a_file, chromium=True),
    Attack(4, continue_at_a_file, chromium=True),
    Attack(4, by_the_page("location = URL", "page_location"), chromium=True),
    Attack(4, by_the_page("open(URL)", "page_open"), chromium=True),
    Attack(
        4,
        by_the_page("fetch(URL).then(r => r.text()).then(t => document.title = t)", "page_fetch"),
        chromium=True,
    ),
    Attack(4, network_resource, chromium=True),
    Attack(4, read_a_stream_named_like_a_file, chromium=True),
    Attack(14, anothers_login),
    Attack(14, anothers_login_by_a_link),
]
