"""CDP messages as a tap heard them from a real Chromium on the bundled site, to be heard again without a browser."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

from msgspec import Struct
from uuid_utils import uuid7

from deploy.site import Site
from tests.bench.browser import Setup, spawned
from worker.cdp.pipe import Pipe
from worker.cdp.switchboard import Owner, Switchboard
from worker.fact import Fact
from worker.outbox import Entry, Outbox
from worker.run_log import RunLog
from worker.tap import Tap

PATHS = ("/", "/about.html", "/quote.html", "/frame.html", "/old", "/broken.html", "/nowhere")
PAGE_SECONDS = 0.7


class Corpus(Struct, frozen=True):
    """The tap's browser session, and what its sessions heard, in order."""

    session: bytes
    messages: tuple[tuple[bytes, bytes], ...]


class _Listening(Tap):
    """A tap that keeps what it hears."""

    def __init__(self, switchboard: Switchboard, downloads: Path) -> None:
        super().__init__(
            switchboard, _forget, downloads=downloads, answerable=lambda _target: False
        )
        self.heard: list[tuple[bytes, bytes]] = []

    def receive(self, session: bytes, message: bytes) -> None:
        self.heard.append((session, message))
        super().receive(session, message)


class _Nobody(Switchboard):
    """Stands for the browser in a replay: gives out the recorded session, and takes every call."""

    def __init__(self, session: bytes) -> None:
        super().__init__()
        self._given = session

    async def attach(self, owner: Owner) -> bytes:
        return self._given

    def send(self, message: bytes) -> None:
        """Nobody listens."""


class Replay:
    """A tap and a log of a run of its own, fed with a corpus again and again."""

    def __init__(self, corpus: Corpus, outbox: Outbox) -> None:
        self._messages: Iterator[tuple[bytes, bytes]] = cycle(corpus.messages)
        self._run_log = RunLog(
            outbox,
            worker_id="bench",
            run_id=str(uuid7()),
            runtime_id=str(uuid7()),
            space_id=str(uuid7()),
        )
        self._tap = Tap(
            _Nobody(corpus.session),
            self._record,
            downloads=Path("downloads"),
            answerable=lambda _target: False,
        )
        self.messages = 0
        self.events = 0
        self.last: Entry | None = None

    async def attach(self) -> None:
        """Make the tap ready to hear."""
        await self._tap.attach()

    def feed(self, events: int) -> None:
        """Let it hear messages until it has recorded so many more events."""
        wanted = self.events + events
        while self.events < wanted:
            self._tap.receive(*next(self._messages))
            self.messages += 1

    def _record(self, fact: Fact) -> None:
        self.last = self._run_log.record(fact)
        self.events += 1


async def record(setup: Setup) -> Corpus:
    """Let a real browser open every page of the site."""
    async with Site() as site, spawned(setup, place=9) as browser:
        switchboard = Switchboard()
        pipe = await Pipe.open(browser.process.channel, switchboard.dispatch, lambda _full: None)
        switchboard.connect(pipe)
        tap = _Listening(switchboard, browser.home / "downloads")
        await tap.attach()
        for path in PATHS:
            await _open(switchboard, site.url + path)
        pipe.close()
        return Corpus(tap._session, tuple(tap.heard))


async def _open(switchboard: Switchboard, url: str) -> None:
    params: dict[str, Any] = {"url": url}
    await switchboard.call("Target.createTarget", params)
    await asyncio.sleep(PAGE_SECONDS)


def _forget(_fact: Fact) -> None:
    """It is only listened to."""
