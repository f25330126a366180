"""From a page's download to the bytes that a client reads: through Chromium, the worker, the store and the API."""

from __future__ import annotations

import asyncio
from hashlib import sha256
from typing import Any

import httpx
from bctrl import Bctrl
from playwright.async_api import Page

from deploy.site import Site
from tests.support.eventually import eventually
from tests.support.run import Run
from tests.support.stack import Stack


async def test_what_a_page_downloads_is_a_file_of_its_run(
    stack: Stack, site: Site, run: Run, page: Page
) -> None:
    client = Bctrl(base_url=stack.base_url, api_key=stack.api_key, timeout=60)
    await page.goto(f"{site.url}/download.html")
    async with page.expect_download() as downloading:
        await page.click("a.button")
    await downloading.value

    async def look() -> dict[str, Any] | None:
        files = await asyncio.to_thread(client.runs.files.list, run.id)
        return files["data"][0] if files["data"] else None

    file = await eventually(look)
    assert (file["name"], file["type"], file["source"]) == ("report.csv", "download", "runtime")
    assert await asyncio.to_thread(client.files.get, file["id"]) == file
    key = {"authorization": f"Bearer {stack.api_key}"}
    async with httpx.AsyncClient(headers=key, trust_env=False) as http:
        content = await http.get(file["downloadUrl"])
        assert content.status_code == 200
        assert content.headers["content-disposition"] == 'attachment; filename="report.csv"'
        assert content.content.startswith(b"reel,frame,fault")
        assert len(content.content) == file["sizeBytes"]
        assert sha256(content.content).hexdigest() == file["sha256"]
        part = await http.get(file["downloadUrl"], headers={"range": "bytes=5-9"})
        assert (part.status_code, part.content) == (206, b"frame")
        shown = (await http.get(f"{stack.base_url}/v1/runs/{run.id}")).json()
        assert shown["counts"]["files"] == 1
