"""What happens to a stack before each block of the page for operators, in the page's order."""

from __future__ import annotations

import re
import shutil
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path

import httpx
import nats
from playwright.async_api import async_playwright

from schemas import subjects
from schemas.nats_users import NatsAddress
from tests.support.eventually import eventually
from tests.support.ops.commands import runreel
from tests.support.run import Run
from tests.support.stack import Stack

DATA = ".runreel"
_PLACE = re.compile(r"(skip RUNS )\d+")


class _Stack(Stack):
    """One that counts as started when it answers, for a stream that was rolled back stays so."""

    broken = False

    async def is_ready(self) -> bool:
        if not self.broken:
            return await super().is_ready()
        with suppress(httpx.TransportError):
            return (await self.http.get("/healthz")).status_code == 200
        return False


class Story:
    """One stack in its directory; `tell(name)` makes happen what the block of that name is about."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.stack = _Stack(directory)
        self.stack.data = directory / DATA
        self._older = directory / "older"
        self._ends = ExitStack()
        self._run: Run | None = None
        self.place: int | None = None  # of the message that is parked

    def this_time(self, command: str) -> str:
        """A command of the page with this time's ids and positions in it."""
        return command if self.place is None else _PLACE.sub(rf"\g<1>{self.place}", command)

    async def tell(self, name: str) -> None:
        """Raises KeyError for a block that is about nothing known."""
        await self._scenes()[name]()

    def _scenes(self) -> dict[str, Callable[[], Awaitable[None]]]:
        return {
            "well": self._well,
            "parked": self._parked,
            "recorder-gone": self._recorder_gone,
            "nats-gone": self._nats_gone,
            "rolled-back": self._rolled_back,
        }

    async def __aenter__(self) -> Story:
        await self.stack.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._ends.close()
        await self.stack.__aexit__(None, None, None)

    async def _well(self) -> None:
        """One run has ended, another goes on."""
        if self._run is None:
            await (await self._browsed()).end()
            self._run = await self._browsed()
        await eventually(self._is_quiet)

    async def _browsed(self) -> Run:
        run = await self.stack.run()
        async with async_playwright() as playwright:
            browser = await playwright.chromium.connect_over_cdp(run.connect_url)
            page = await browser.contexts[0].new_page()
            await page.goto("data:text/html,<title>Hello</title><script>console.log(1)</script>")
            await browser.close()
        return run

    async def _is_quiet(self) -> bool:
        done = await runreel("status", "--data", self.stack.data, "--json")
        return done.code in (0, 1) and all(each["lag"] == 0 for each in done.answer["streams"])

    async def _has_digest(self, run_id: str) -> bool:
        """Whether the recorder has read from CONTROL that the run is over."""
        live = sqlite3.connect(f"file:{self.stack.data}/recorder/runreel.db?mode=ro", uri=True)
        with closing(live):
            return bool(live.execute("SELECT 1 FROM digests WHERE id = ?", (run_id,)).fetchone())

    async def _parked(self) -> None:
        """Something that is no event stands in the stream, under the run that goes on."""
        assert self._run is not None
        await self._run.end()
        url = (self.stack.data / "nats" / "url").read_text().strip()
        client = await nats.connect(url, inbox_prefix=NatsAddress(url).inbox)
        subject = subjects.run_event("spc_default", self._run.id, "local", "page.opened")
        await client.jetstream().publish(subject, b"no event at all")
        await client.close()

        async def is_parked() -> bool:
            done = await runreel("quarantine", "list", "--data", self.stack.data, "--json")
            self.place = next((each["position"] for each in done.answer["parked"]), None)
            return self.place is not None

        await eventually(is_parked)

    async def _recorder_gone(self) -> None:
        self._ends.enter_context(self.stack.frozen())
        await self.stack.end("recorder")

    async def _nats_gone(self) -> None:
        await self.stack.end("nats")

    async def _all_back(self) -> None:
        self._ends.close()
        await eventually(self.stack.is_ready)
        await eventually(self._is_quiet)

    async def _rolled_back(self) -> None:
        """The files of the NATS server are replaced by those of before another run."""
        await self._all_back()
        await self.stack.stop()
        shutil.copytree(self.stack.data / "nats" / "jetstream", self._older)
        await self.stack.start()
        run = await self._browsed()
        await run.end()
        await eventually(lambda: self._has_digest(run.id))
        await eventually(self._is_quiet)
        await self.stack.stop()
        shutil.rmtree(self.stack.data / "nats" / "jetstream")
        shutil.move(self._older, self.stack.data / "nats" / "jetstream")
        self.stack.broken = True
        await self.stack.start()

        async def is_told() -> bool:
            done = await runreel("status", "--data", self.stack.data, "--json")
            return "stream.rolled_back" in {each["code"] for each in done.answer["findings"]}

        await eventually(is_told)
