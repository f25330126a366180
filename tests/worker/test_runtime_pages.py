"""What pages do, as a real browser under a `Runtime` says it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.eventually import eventually
from tests.support.real_runtime import RealRuntime
from tests.support.worker_cdp import CdpClient, CdpPage
from tests.support.worker_pages import Pages

pytestmark = pytest.mark.browser


async def test_a_page_from_its_opening_to_its_close(
    real: RealRuntime, page: CdpPage, site: Pages
) -> None:
    await page.goto(f"{site.url}/blank.html?visit=1")
    url = f"{site.url}/blank.html?visit=1"
    here = {"_page": page.target}
    opened = await real.until("page.opened", **here)
    assert (opened["url"], opened["_status"]) == ("about:blank", "started")
    request = await real.until("network.request", url=url, **here)
    assert (request["method"], request["resourceType"]) == ("GET", "Document")
    by_id = here | {"requestId": request["requestId"]}
    assert (await real.until("network.response", **by_id))["httpStatus"] == 200
    assert (await real.until("network.finished", **by_id))["encodedBytes"] > 0
    committed = await real.until("navigation", phase="committed", url=url, **here)
    assert committed["mainFrame"]
    await real.until("page.load", milestone="load", url=url, **here)
    await real.until("page.title", title="Blank", **here)
    await page.client.call("Target.closeTarget", targetId=page.target)
    assert (await real.until("page.closed", **here))["url"] == url


async def test_the_first_line_of_a_page_is_heard(
    real: RealRuntime, client: CdpClient, site: Pages
) -> None:
    """Nobody else is attached: the tap alone must have been there before the script."""
    made = await client.call("Target.createTarget", url=f"{site.url}/surrogates.html")
    said = await real.until("console.message", _page=made["targetId"])
    assert said["text"] == "a\ufffdb\ufffdc"
    await client.call("Target.closeTarget", targetId=made["targetId"])


async def test_a_popup_names_its_opener(real: RealRuntime, page: CdpPage, site: Pages) -> None:
    await page.goto(f"{site.url}/blank.html")
    url = f"{site.url}/blank.html?popup"
    await page.evaluate(f"void (window.popup = window.open('{url}'))")
    opened = await real.until("page.opened", openerId=page.target)
    assert opened["_page"] not in (None, page.target)
    await real.until("page.load", milestone="load", url=url, _page=opened["_page"])
    await page.evaluate("window.popup.close()")
    await real.until("page.closed", _page=opened["_page"])


async def test_a_frame_of_another_origin_belongs_to_its_page(
    real: RealRuntime, page: CdpPage, site: Pages
) -> None:
    await page.goto(f"{site.url}/blank.html")
    inner = f"{site.other_url}/about.html"
    await page.evaluate(f"""
        const frame = document.createElement('iframe');
        frame.src = '{inner}';
        document.body.append(frame);
    """)
    committed = await real.until("navigation", phase="committed", url=inner)
    assert committed["_page"] == page.target
    assert not committed["mainFrame"]
    request = await real.until("network.request", url=f"{site.other_url}/about.js")
    assert (request["_page"], request["frameId"]) == (page.target, committed["frameId"])
    said = await real.until("console.message", level="error", url=f"{site.other_url}/about.js")
    assert said["_page"] == page.target


async def test_what_a_dedicated_worker_does_is_recorded(
    real: RealRuntime, page: CdpPage, site: Pages
) -> None:
    await page.goto(f"{site.url}/worker.html")
    request = await real.until("network.request", url=f"{site.url}/api/quote?by=worker")
    assert (request["worker"], request["_page"]) == (True, page.target)
    await real.until("network.finished", requestId=request["requestId"])
    said = await real.until("console.message", text="said by a worker")
    assert (said["worker"], said["_page"]) == (True, page.target)
    assert len([each for each in real.of("console.message") if each["text"] == said["text"]]) == 1


async def test_what_a_service_worker_does_is_recorded(
    real: RealRuntime, page: CdpPage, site: Pages
) -> None:
    await page.goto(f"{site.url}/service.html")
    request = await real.until("network.request", url=f"{site.url}/api/quote?by=service")
    assert (request["worker"], request["_page"]) == (True, None)
    said = await real.until("console.message", text="said by a service")
    assert said["worker"]


async def test_a_page_in_a_new_context_is_told_apart(
    real: RealRuntime, client: CdpClient, page: CdpPage
) -> None:
    context = (await client.call("Target.createBrowserContext"))["browserContextId"]
    other = await client.new_page(context=context)
    await real.until("page.opened", _page=other.target)
    contexts = {event.pageid: event.contextid for event in real.events if event.pageid}
    assert contexts[other.target] == context
    assert contexts[page.target] not in (context, None)
    await client.call("Target.disposeBrowserContext", browserContextId=context)
    await real.until("page.closed", _page=other.target)


@pytest.mark.parametrize("where", ["popup", "context"])
async def test_a_download_belongs_to_its_page(
    real: RealRuntime, client: CdpClient, page: CdpPage, site: Pages, where: str
) -> None:
    url = f"{site.url}/report.csv?{where}"
    if where == "context":
        context = (await client.call("Target.createBrowserContext"))["browserContextId"]
        params = {"behavior": "allow", "downloadPath": "/on/the/clients/machine"}
        await client.call("Browser.setDownloadBehavior", browserContextId=context, **params)
        page = await client.new_page(context=context)
        target = page.target
        await page.goto(f"{site.url}/blank.html")
        await page.evaluate(f"void (location.href = '{url}')")
    else:
        await page.goto(f"{site.url}/blank.html")
        opening = f"window.open('{site.url}/blank.html?for-download')"
        await page.evaluate(f"void (window.popup = {opening})")
        target = str((await real.until("page.opened", openerId=page.target))["_page"])
        await real.until("page.load", milestone="load", _page=target)
        await page.evaluate(f"void (window.popup.location.href = '{url}')")
    began = await real.until("download", phase="began", url=url)
    assert (began["_page"], began["suggestedFilename"]) == (target, "report.csv")
    done = await real.until("download", phase="completed", guid=began["guid"])
    assert (done["_page"], done["_status"]) == (target, "finished")
    kept = await real.until("artifact.created", guid=began["guid"])
    assert (kept["_page"], kept["name"], kept["kind"]) == (target, "report.csv", "download")
    assert len(real.stored(kept["artifactId"])) == kept["sizeBytes"] == done["receivedBytes"] > 0
    assert list((real.directory / "downloads").iterdir()) == []
    await client.call("Target.closeTarget", targetId=target)


async def test_a_download_in_a_context_whose_client_said_nothing_of_downloads(
    real: RealRuntime, client: CdpClient, site: Pages
) -> None:
    context = (await client.call("Target.createBrowserContext"))["browserContextId"]
    page = await client.new_page(context=context)
    await page.goto(f"{site.url}/blank.html")
    await page.evaluate("void (location.href = '/report.csv')")
    began = await real.until("download", phase="began", _page=page.target)
    ended = await eventually(
        lambda: (
            real.find("download", phase="completed", guid=began["guid"])
            or real.find("download", phase="canceled", guid=began["guid"])
        )
    )
    await client.call("Target.disposeBrowserContext", browserContextId=context)
    assert ended["phase"] == "completed"


async def test_a_dialog_that_nobody_is_there_to_answer_is_dismissed(
    real: RealRuntime, client: CdpClient, site: Pages
) -> None:
    made = await client.call("Target.createTarget", url=f"{site.url}/asks.html")
    here = {"_page": made["targetId"]}
    opened = await real.until("dialog", phase="opened", **here)
    assert (opened["dialogType"], opened["message"]) == ("confirm", "Sure?")
    closed = await real.until("dialog", phase="closed", **here)
    assert (closed["accepted"], closed["answeredBy"]) == (False, "worker")
    await real.until("console.message", text="answered no", **here)
    await client.call("Target.closeTarget", targetId=made["targetId"])


async def test_a_dialog_is_left_to_the_client_that_can_answer_it(
    real: RealRuntime, client: CdpClient, page: CdpPage, site: Pages
) -> None:
    await page.call("Page.enable")
    await page.call("Page.navigate", url=f"{site.url}/asks.html")
    await client.event("Page.javascriptDialogOpening", page.session)
    await page.call("Page.handleJavaScriptDialog", accept=True)
    closed = await real.until("dialog", phase="closed", _page=page.target)
    assert (closed["accepted"], closed["answeredBy"]) == (True, "client")
    await real.until("console.message", text="answered yes", _page=page.target)


async def test_a_page_that_crashes(real: RealRuntime, client: CdpClient) -> None:
    page = await client.new_page()
    await real.until("page.opened", _page=page.target)
    tap: Any = real.runtime.attachments.pages
    assert tap.post(page.target, "Page.crash")
    crashed = await real.until("page.crash", _page=page.target)
    assert crashed["_status"] == "failed"
    assert not real.runtime.log.ended
    await page.close()
