"""Downloads of a real browser: kept whatever started them, and cancelled when they go beyond what a run may keep."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from deploy.site.servers import serving
from schemas.ends import REQUESTED
from tests.support.eventually import eventually
from tests.support.faults.small_disk import small_disk
from tests.support.real_runtime import RealRuntime, real_runtime
from tests.support.worker_cdp import CdpClient, CdpPage, CdpRefused, cdp_client
from tests.support.worker_server import Reply, Server

pytestmark = pytest.mark.browser

KIB = 1024
LIMIT_BYTES = 300 * KIB
CONTENT = bytes(range(256)) * 200


def attached(name: str = "x.bin", *, body: bytes = CONTENT, size_bytes: int | None = None) -> Reply:
    """A file; one that says it has more bytes than come is never whole."""
    headers = {"Content-Disposition": f"attachment; filename={name}", "Content-Type": "x/y"}
    if size_bytes is not None:
        headers["Content-Length"] = str(size_bytes)
    return Reply(headers=headers, body=body)


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    async with Server() as server:
        server.routes |= {"/file": attached(), "/never-whole": attached(size_bytes=200 * KIB)}
        yield server


class Unending:
    """A server that promises more than it has sent: all that anyone takes once `chunks` is set."""

    def __init__(self) -> None:
        self.url = ""
        self.chunks = asyncio.Event()
        self.left = asyncio.Event()
        self._broken = False
        self._writers: list[asyncio.StreamWriter] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request, on a connection of its own."""
        await reader.readuntil(b"\r\n\r\n")
        self._writers.append(writer)
        if self._broken:  # Chromium asks for the rest
            writer.transport.abort()
            return
        size = b"" if self.chunks.is_set() else b"Content-Length: 1000000\r\n"
        disposition = b"Content-Disposition: attachment; filename=unending.bin\r\n"
        writer.write(b"HTTP/1.1 200 OK\r\n" + size + disposition + b"\r\n" + CONTENT)
        try:
            while self.chunks.is_set():
                writer.write(CONTENT)
                await writer.drain()
        except ConnectionError:
            self.left.set()
            return
        await asyncio.Event().wait()

    def break_off(self) -> None:
        """In the middle, and for good."""
        self._broken = True
        for writer in self._writers:
            writer.transport.abort()


@pytest.fixture
async def unending() -> AsyncIterator[Unending]:
    unending = Unending()
    async with serving(unending.answer) as port:
        unending.url = f"http://127.0.0.1:{port}/unending"
        yield unending


@pytest.fixture(scope="module")
async def small(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[RealRuntime]:
    """A run that may keep little."""
    directory = tmp_path_factory.mktemp("small")
    async with real_runtime(directory, files_limit_bytes=LIMIT_BYTES) as real:
        yield real


@pytest.fixture
async def small_page(small: RealRuntime, server: Server) -> AsyncIterator[CdpPage]:
    async with cdp_client(small.connect_url) as client:
        page = await client.new_page()
        await page.goto(f"{server.url}/blank")
        yield page
        await page.close()


@pytest.fixture
async def at_blank(page: CdpPage, server: Server) -> CdpPage:
    await page.goto(f"{server.url}/blank")
    return page


async def go(page: CdpPage, url: str) -> None:
    await page.evaluate(f"void (location.href = '{url}')")


def click_on(href: str, name: str) -> str:
    """A script that clicks on a link that downloads."""
    return f"void (Object.assign(document.createElement('a'), {{href: {href}, download: '{name}'}}).click())"


STARTED_BY = {
    "a header": "void (location.href = '/file?header')",
    "a popup": "void open('/file?popup')",
    "a frame": "void document.body.append("
    "Object.assign(document.createElement('iframe'), {src: '/file?frame'}))",
    "a link": click_on("'/file?link'", "x.bin"),
    "a blob": "fetch('/file').then(r => r.blob()).then(b => "
    + click_on("URL.createObjectURL(b)", "x.bin").removeprefix("void ")
    + ")",
    "a data URL": click_on(f"'data:x/y;base64,{base64.b64encode(CONTENT).decode()}'", "x.bin"),
}


@pytest.mark.parametrize("script", STARTED_BY.values(), ids=STARTED_BY)
async def test_is_kept_whatever_started_it(
    real: RealRuntime, at_blank: CdpPage, script: str
) -> None:
    before = len(real.of("artifact.created"))
    await at_blank.call("Runtime.evaluate", expression=script, userGesture=True)
    await eventually(lambda: len(real.of("artifact.created")) > before)
    told = real.of("artifact.created")[-1]
    began = real.find("download", phase="began", guid=told["guid"])
    assert began is not None
    assert (told["kind"], told["name"], told["contentType"]) == (
        "download",
        "x.bin",
        "application/octet-stream",
    )
    assert told["path"].startswith("downloads/x")
    assert told["sha256"] == hashlib.sha256(CONTENT).hexdigest()
    assert real.stored(told["artifactId"]) == CONTENT
    assert told["_page"] == began["_page"]


@pytest.mark.parametrize(
    "given",
    [
        '"../../etc/passwd"',
        '"..%2f..%2fx.csv"',
        r'"a\"b.csv"',
        "x; filename*=UTF-8''%E2%80%AEfdp.exe",
        "x; filename*=UTF-8''a%0D%0ASet-Cookie:%20a=b%1B[31m.txt",
        '"' + "n" * 4096 + '.pdf"',
        '"CON.txt"',
        '"."',
    ],
)
async def test_has_a_name_that_is_safe(
    real: RealRuntime, at_blank: CdpPage, server: Server, given: str
) -> None:
    server.routes["/named"] = attached(given)
    before = len(real.of("artifact.created"))
    await go(at_blank, "/named")
    await eventually(lambda: len(real.of("artifact.created")) > before)
    told = real.of("artifact.created")[-1]
    name = told["name"]
    assert 0 < len(name.encode()) <= 255
    assert not set(name) & set('/\\:*?"<>|%;') | {c for c in name if not c.isprintable()}
    assert told["path"] == f"downloads/{name}"
    assert name.strip(" .") == name


async def test_what_is_cancelled_is_no_file(
    real: RealRuntime, client: CdpClient, at_blank: CdpPage
) -> None:
    before = len(real.of("artifact.created"))
    await go(at_blank, "/never-whole")
    began = await real.until("download", phase="began", _page=at_blank.target)
    with pytest.raises(CdpRefused):
        await client.call("Browser.cancelDownload", guid="no-such-guid")
    await client.call("Browser.cancelDownload", guid=began["guid"])
    await real.until("download", phase="canceled", guid=began["guid"])
    assert len(real.of("artifact.created")) == before
    assert real.of("artifact.failed") == []


async def test_what_breaks_off_is_no_file(
    real: RealRuntime, at_blank: CdpPage, unending: Unending
) -> None:
    before = len(real.of("artifact.created"))
    await go(at_blank, unending.url)
    began = await real.until("download", phase="began", url=unending.url)
    unending.break_off()
    await real.until("download", phase="canceled", guid=began["guid"])
    assert len(real.of("artifact.created")) == before
    assert real.of("artifact.failed") == []


async def test_one_that_says_it_is_too_large_is_cancelled(
    small: RealRuntime, small_page: CdpPage, server: Server
) -> None:
    server.routes["/too-large"] = attached("huge.bin", size_bytes=LIMIT_BYTES + 1)
    await go(small_page, "/too-large")
    told = await small.until("artifact.failed", name="huge.bin")
    assert told["code"] == "artifact.limit_exceeded"
    assert str(LIMIT_BYTES) in told["message"]
    assert told["sizeBytes"] == LIMIT_BYTES + 1
    await small.until("download", phase="canceled", guid=told["guid"])
    await eventually(lambda: not list((small.directory / "downloads").iterdir()))


async def test_one_that_does_not_say_how_large_it_is(
    small: RealRuntime, small_page: CdpPage, unending: Unending
) -> None:
    unending.chunks.set()
    await go(small_page, unending.url)
    told = await small.until("artifact.failed", name="unending.bin")
    assert told["code"] == "artifact.limit_exceeded"
    await eventually(unending.left.is_set)


async def test_two_that_are_too_much_together(
    small: RealRuntime, small_page: CdpPage, server: Server
) -> None:
    kept = len(small.of("artifact.created"))
    for name in ("one", "two"):
        server.routes[f"/{name}"] = attached(f"{name}.bin", size_bytes=200 * KIB)
    await go(small_page, "/one")
    await eventually(lambda: small.find("download", phase="began", suggestedFilename="one.bin"))
    await go(small_page, "/two")
    told = await small.until("artifact.failed", name="two.bin")
    assert told["code"] == "artifact.limit_exceeded"
    assert small.find("artifact.failed", name="one.bin") is None
    assert len(small.of("artifact.created")) == kept


async def test_one_that_is_whole_when_the_run_is_stopped_is_kept(
    tmp_path: Path, server: Server
) -> None:
    async with real_runtime(tmp_path) as real:
        async with cdp_client(real.connect_url) as client:
            page = await client.new_page()
            await page.goto(f"{server.url}/blank")
            await go(page, "/file")
            await real.until("download", phase="completed")
            await asyncio.shield(real.runtime.stop(REQUESTED))
        types = [event.type for event in real.events]
        assert types[-1] == "runtime.lifecycle"
        (told,) = real.of("artifact.created")
        assert real.stored(told["artifactId"]) == CONTENT


async def test_one_that_the_browsers_disk_has_no_room_for(tmp_path: Path, server: Server) -> None:
    size_bytes = 40 * KIB * KIB
    server.routes["/larger"] = attached("larger.bin", body=bytes(size_bytes))
    async with real_runtime(tmp_path) as real:
        downloads = real.directory / "downloads"
        owner = downloads.stat()
        downloads.rmdir()
        with small_disk(downloads):
            os.chown(downloads, owner.st_uid, owner.st_gid)
            async with cdp_client(real.connect_url) as client:
                page = await client.new_page()
                await page.goto(f"{server.url}/blank")
                await go(page, "/larger")
                told = await real.until("artifact.failed", name="larger.bin")
            assert (told["code"], told["sizeBytes"]) == ("artifact.disk_full", size_bytes)
            assert real.of("artifact.created") == []
