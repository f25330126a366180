"""API keys that open nothing any more: asked when somebody comes with a URL that one was given, and while he stays."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Literal

import structlog

from schemas.ids import FIRST_KEY_ID
from worker.publisher import LinkDown

log = structlog.get_logger(__name__)

ASK_SECONDS = 2.0
AT_ONCE = 32
LOOK_SECONDS = 2.0

KeyStanding = Literal["good", "revoked", "unknown"]


class RevokedKeys:
    """`ask` says whether a key is revoked, and raises LinkDown where that cannot be had. What is revoked stays so."""

    def __init__(self, ask: Callable[[str], Awaitable[bool]]) -> None:
        self._ask = ask
        self._known: set[str] = set()

    def is_known(self, key_id: str) -> bool:
        """Whether it was found to be revoked before."""
        return key_id in self._known

    async def standing(self, key_id: str) -> KeyStanding:
        """Whether a key opens anything; unknown, where NATS does not say. The first key is nobody's to revoke."""
        try:
            async with asyncio.timeout(ASK_SECONDS):
                return await self._found(key_id)
        except (LinkDown, TimeoutError) as error:
            log.warning("gateway.key_unknown", key_id=key_id, reason=str(error) or "no answer")
            return "unknown"

    async def _found(self, key_id: str) -> KeyStanding:
        if key_id == FIRST_KEY_ID:
            return "good"
        if not self.is_known(key_id) and await self._ask(key_id):
            self._known.add(key_id)
        return "revoked" if self.is_known(key_id) else "good"

    async def among(self, key_ids: Iterable[str]) -> set[str]:
        """Those of them that are revoked by now, as far as NATS says so in ASK_SECONDS; some at a time."""
        asked, asking = set(key_ids), asyncio.Semaphore(AT_ONCE)

        async def find(key_id: str) -> None:
            async with asking:
                await self._found(key_id)

        try:
            async with asyncio.timeout(ASK_SECONDS):
                found = await asyncio.gather(*map(find, asked), return_exceptions=True)
        except TimeoutError as error:
            found = [error]
        self._tell_unknown(found)
        return {each for each in asked if self.is_known(each) and each != FIRST_KEY_ID}

    def _tell_unknown(self, found: Iterable[BaseException | None]) -> None:
        """Raises what is no lack of an answer."""
        failed = [each for each in found if each is not None]
        for error in failed:
            if not isinstance(error, LinkDown | TimeoutError):
                raise error
        if failed:
            log.warning("gateway.keys_unknown", reason=str(failed[0]) or "no answer")
