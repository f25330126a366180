"""What every action works with: a page, its time, and where what it makes is kept."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from schemas.requests import StoredFile
from schemas.runtime_config import Record
from worker.files.run_files import RunFiles
from worker.targets import Targets
from worker.tools.failures import TIMED_OUT, Failed
from worker.tools.laid import Laid
from worker.tools.redacting import Redacting
from worker.tools.session import Session

if TYPE_CHECKING:
    from playwright.async_api import Page

# Playwright's own time-outs end first: they say what it waited for.
GRACE_MS = 150


class Place(Struct, frozen=True):
    """What a run lends its actions. `wanted`: what is told of what is secret. `is_over`: whether the run ends, or has
    ended.
    """

    files: RunFiles
    targets: Targets
    redacting: Redacting
    laid: Laid
    wanted: Record
    is_over: Callable[[], bool]


class Made(Struct, frozen=True):
    """An output that is an artifact."""

    content: bytes
    kind: Literal["screenshot", "pdf"]
    name: str
    content_type: str


class Doing(Struct):
    """One step of one invocation."""

    page: Page
    page_id: str
    session: Session
    place: Place
    deadline: float  # of the loop's clock, in seconds
    stored: list[StoredFile]

    @property
    def left_ms(self) -> float:
        """What of its time is left, for Playwright (milliseconds)."""
        left = (self.deadline - asyncio.get_running_loop().time()) * 1000
        return max(1.0, left - min(GRACE_MS, left / 10))

    @asynccontextmanager
    async def in_time(self) -> AsyncIterator[None]:
        """For what Playwright gives no time-out to. Raises Failed."""
        try:
            async with asyncio.timeout_at(self.deadline):
                yield
        except TimeoutError as error:
            raise Failed(TIMED_OUT, "It took longer than it may.") from error
