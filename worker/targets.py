"""The pages of one run, as those see and steer them who have no CDP: list, create, activate, close."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

import msgspec
from msgspec import Raw, Struct

from schemas.requests import TargetInfo
from schemas.types import TITLE_LIMIT_BYTES, URL_LIMIT_BYTES
from worker.cdp import frames
from worker.cdp.switchboard import CdpError, Switchboard
from worker.limits import cut_text
from worker.redact import redact_text, redact_url
from worker.tap import Tap
from worker.tap.fronts import Fronts

CLOSE_SECONDS = 5.0
AGAIN_SECONDS = 0.5
# Changes nothing, and is answered by the page's own thread.
ANSWERED = "Runtime.runIfWaitingForDebugger"


class _Info(Struct, rename="camel"):
    target_id: str
    title: str = ""
    url: str = ""


class _Infos(Struct, rename="camel"):
    target_infos: list[_Info]


class _Created(Struct, rename="camel"):
    target_id: str


_infos = msgspec.json.Decoder(_Infos)
_created = msgspec.json.Decoder(_Created)


class NoSuchTarget(Exception):
    """The run has no such page, or has it no more."""


class Targets:
    """What the tap knows of pages, and the browser's own word on their titles and URLs.

    Each raises CdpError where Chromium refuses, and BrowserGone.
    """

    def __init__(self, switchboard: Switchboard, tap: Tap) -> None:
        self._switchboard = switchboard
        self._tap = tap

    @property
    def fronts(self) -> Fronts:
        """Which pages there are, and which is in front."""
        return self._tap.fronts

    def stop_script(self, target_id: str) -> None:
        """End the script that the page runs, which may never end by itself."""
        self._tap.post(target_id, "Runtime.terminateExecution")

    def asked(self) -> set[str]:
        """The pages that have not answered since this was called; who does leaves the set."""
        silent = set(self.fronts.opened_in_order)

        def answered(target_id: str, _result: Raw) -> None:
            silent.discard(target_id)

        for each in list(silent):
            self._tap.post(each, ANSWERED, partial(answered, each))
        return silent

    def revive(self, target_id: str) -> None:
        """Load a page again that has crashed."""
        self._tap.post(target_id, "Page.reload")

    async def all(self) -> list[TargetInfo]:
        """All pages in the order in which they were opened."""
        answer = await self._switchboard.call("Target.getTargets")
        infos = {info.target_id: info for info in frames.decode(_infos, answer).target_infos}
        return [
            _shown(infos[target_id], self.fronts.active)
            for target_id in self.fronts.opened_in_order
            if target_id in infos
        ]

    async def create(self, url: str) -> TargetInfo:
        """Open a page that goes there; it need not have come there yet."""
        answer = await self._switchboard.call("Target.createTarget", {"url": "about:blank"})
        target_id = _created.decode(answer).target_id
        if url != "about:blank":
            self._tap.navigate(target_id, url)
        return _shown(_Info(target_id=target_id, url=url), target_id)

    async def activate(self, target_id: str) -> TargetInfo:
        """Bring a page to the front. Raises NoSuchTarget."""
        await self._call("Target.activateTarget", target_id)
        self.fronts.activated(target_id)
        found = [info for info in await self.all() if info.target_id == target_id]
        if not found:
            raise NoSuchTarget
        return found[0]

    async def close(self, target_id: str) -> None:
        """Close a page; one that asks whether it may be left may stay for a while. Raises NoSuchTarget."""
        gone = self.fronts.closing(target_id) if self._has(target_id) else asyncio.Event()
        await self._call("Target.closeTarget", target_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._close_until(gone, target_id)

    async def _close_until(self, gone: asyncio.Event, target_id: str) -> None:
        """Chromium forgets to close a page whose navigation commits at that moment, and may be asked again."""
        while not gone.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(gone.wait(), AGAIN_SECONDS)
                return
            with suppress(CdpError, NoSuchTarget):  # it has gone meanwhile
                await self._call("Target.closeTarget", target_id)

    def _has(self, target_id: str) -> bool:
        return target_id in self.fronts.opened_in_order

    async def _call(self, method: str, target_id: str) -> None:
        if not self._has(target_id):
            raise NoSuchTarget
        try:
            await self._switchboard.call(method, {"targetId": target_id})
        except CdpError as error:
            if self._has(target_id):
                raise
            raise NoSuchTarget from error


def _shown(info: _Info, active: str) -> TargetInfo:
    """Without secrets and within limits, as in events."""
    return TargetInfo(
        target_id=info.target_id,
        title=redact_text(cut_text(info.title, TITLE_LIMIT_BYTES)),
        url=redact_url(cut_text(info.url, URL_LIMIT_BYTES)),
        active=info.target_id == active,
    )
