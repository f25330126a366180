"""Playwright for Node and Puppeteer, attached as their users would."""

from __future__ import annotations

import base64

import pytest

from deploy.site import Site
from tests.support.eventually import eventually
from tests.support.node_client import NodeClient, NodeError
from tests.support.run import Run

BYTES_32_MIB = 32 * 1024 * 1024


@pytest.fixture(params=["playwright", "puppeteer"])
async def client(
    request: pytest.FixtureRequest, run: Run, node_playwright: NodeClient, puppeteer: NodeClient
) -> NodeClient:
    client = node_playwright if request.param == "playwright" else puppeteer
    await client("attach", run.connect_url)
    return client


async def test_drives_a_page(client: NodeClient, site: Site) -> None:
    assert await client("goto", f"{site.url}/about.html") == "Our story · Reel & Co."
    assert await client("evaluate", "1 + 1") == 2


async def test_handles_a_popup(client: NodeClient, site: Site) -> None:
    await client("goto", f"{site.url}/popup.html")
    title = await client("popup", "#open")
    assert title
    assert "/hello.html" in [each.path for each in site.requests]


async def test_reaches_into_a_frame_of_another_origin(client: NodeClient, site: Site) -> None:
    await client("goto", f"{site.url}/frame.html")
    await client("clickInFrame", "#knock")
    state = "document.getElementById('state').textContent"
    heard = (
        f"new Promise(done => setInterval(() => {state}.includes('Knocks') && done({state}), 9))"
    )
    assert await client("evaluate", heard) == "Knocks heard: 1."


async def test_has_contexts_of_its_own(client: NodeClient, site: Site) -> None:
    await client("goto", f"{site.url}/about.html")
    assert await client("cookieInNewContext", f"{site.url}/about.html") == "whose=new"
    assert await client("evaluate", "document.cookie") == ""


async def test_downloads_into_the_runs_own_directory(
    client: NodeClient, run: Run, site: Site
) -> None:
    await client("goto", f"{site.url}/download.html")
    assert await client("download", "a.button") == "report.csv"
    assert not client.downloads.exists()
    completed = await run.event("download", phase="completed")
    await run.event("artifact.created", guid=completed["data"]["guid"], name="report.csv")


async def test_answers_a_dialog(client: NodeClient, site: Site) -> None:
    await client("goto", f"{site.url}/dialog.html")
    assert await client("acceptDialog", "#collect") == "Hand over reel RC-1962-007?"
    state = await client("evaluate", "document.getElementById('state').textContent")
    assert state == "Handed over."


async def test_takes_a_screenshot(client: NodeClient, site: Site) -> None:
    await client("goto", site.url)
    assert base64.b64decode(await client("screenshot")).startswith(b"\x89PNG")


async def test_gets_an_answer_of_32_megabytes(client: NodeClient) -> None:
    assert await client("answerSize", BYTES_32_MIB) == BYTES_32_MIB


async def test_is_let_go_when_the_run_is_stopped(client: NodeClient, run: Run) -> None:
    await run.stop()

    async def is_let_go() -> bool:
        return await client("connected") is False

    await eventually(is_let_go)
    with pytest.raises(NodeError, match="404"):
        await client("attach", run.connect_url)
