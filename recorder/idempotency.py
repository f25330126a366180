"""Requests that are sent again, to any recorder: what was asked with an Idempotency-Key is done once.

An entry of the bucket `idempotency` says what was asked, with which ids it is done, and what it came to. The ids are
fixed before anything is done, so that doing it again, after whoever did it has died, makes nothing twice. Nothing that
opens a door is kept: an outcome is what an answer is made of, and the answer's tokens are signed anew.
"""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Literal, TypeVar

import msgspec
import structlog
import uuid_utils
from msgspec import UNSET, Raw, Struct, UnsetType, structs

from recorder import cancelling
from recorder.bus import Cells, StreamUnreachable
from schemas import codec
from schemas.problems import IdempotencyConflict, StorageUnavailable

log = structlog.get_logger()

T = TypeVar("T")
Ids = Mapping[str, str]

# Who does it says so three times within the time after which it counts as dead.
TOUCH_SECONDS = 20.0
TAKE_OVER_SECONDS = 60.0
RETRY_AFTER_SECONDS = 2
MOST_TRIES = 5

_PURPOSE = b"runreel/idempotency/1\x00"


class Asked(Struct, frozen=True):
    """Which request this is: `key` tells it from all others, `request` is what it asks for."""

    key: tuple[str, ...]
    request: bytes


class Entry(Struct, frozen=True, kw_only=True, rename="camel"):
    """The value of a key. `running`: `owner` does it; `open`: it has failed and may be tried again."""

    request: str
    state: Literal["running", "open", "done"]
    owner: str
    ids: dict[str, str]
    outcome: Raw | UnsetType = UNSET


class _Taken(Struct):
    """An entry of ours, and its revision as far as we know."""

    key: str
    entry: Entry
    revision: int


class Idempotency:
    """Does things once. `secret` keeps what is asked from being guessed by who can read the bucket."""

    def __init__(self, cells: Cells, secret: str) -> None:
        self._cells = cells
        self._secret = secret.encode()

    async def once(
        self,
        asked: Asked | None,
        kind: type[T],
        new_ids: Callable[[], dict[str, str]],
        work: Callable[[Ids], Awaitable[T]],
    ) -> T:
        """What `work` came to the first time, a `kind`; None asks for nothing but that it is done.

        `work` may run again where its outcome is not known, with the same ids. What it raises is raised, and not
        kept. Raises IdempotencyConflict, StorageUnavailable.
        """
        if asked is None:
            return await work(new_ids())
        taken = await self._take(asked, new_ids)
        if isinstance(taken, Raw):
            return msgspec.json.decode(taken, type=kind)
        try:
            async with self._touched(taken):
                outcome = await work(taken.entry.ids)
        except Exception:  # whatever it was, it is raised again, and may be tried again at once
            await self._leave(taken, structs.replace(taken.entry, state="open"))
            raise
        done = structs.replace(taken.entry, state="done", outcome=Raw(codec.encode(outcome)))
        await self._leave(taken, done)
        return outcome

    async def _take(self, asked: Asked, new_ids: Callable[[], dict[str, str]]) -> _Taken | Raw:
        """An entry that is ours to do, or what it came to."""
        key, request = (
            self._digest(*(part.encode() for part in asked.key)),
            self._digest(asked.request),
        )
        owner = str(uuid_utils.uuid7())
        mine = Entry(request=request, state="running", owner=owner, ids=new_ids())
        revision = 0
        not_written: StorageUnavailable | None = None
        for _ in range(MOST_TRIES):
            try:
                if written := await self._put(key, mine, after=revision):
                    return _Taken(key, mine, written)
            except StorageUnavailable as error:  # it may be there all the same: `_find` tells
                not_written = error
            found, revision, age_seconds = await self._find(key)
            if found is None:
                continue
            if found.owner == owner:  # an earlier try, whose answer was lost
                return _Taken(key, mine, revision)
            if found.request != request:
                raise IdempotencyConflict("This Idempotency-Key was used for another request.")
            if found.state == "done" and found.outcome:
                return found.outcome
            if found.state == "running" and age_seconds < TAKE_OVER_SECONDS:
                break
            mine = structs.replace(mine, ids=found.ids)
        else:
            if not_written:  # as with a bucket that is full
                raise not_written
        raise IdempotencyConflict(
            "The first request with this Idempotency-Key is still being answered.",
            retry_after_seconds=RETRY_AFTER_SECONDS,
        )

    @asynccontextmanager
    async def _touched(self, taken: _Taken) -> AsyncIterator[None]:
        """Within the block the entry does not look left behind."""
        touching = asyncio.create_task(self._touch(taken), name="idempotency-touch")
        try:
            yield
        finally:
            await cancelling.end([touching])

    async def _touch(self, taken: _Taken) -> None:
        is_ours = True
        while is_ours:
            await asyncio.sleep(TOUCH_SECONDS)
            with suppress(StorageUnavailable):
                is_ours = await self._write_again(taken)

    async def _write_again(self, taken: _Taken) -> bool:
        """Whether it is still ours, so that its age begins anew."""
        if written := await self._put(taken.key, taken.entry, after=taken.revision):
            taken.revision = written
            return True
        # Another one does it now, or our last one was stored though its answer was lost.
        found, taken.revision, _ = await self._find(taken.key)
        return found is not None and found.owner == taken.entry.owner

    async def _leave(self, taken: _Taken, entry: Entry) -> None:
        """Say what it came to, unless another has taken it over. If it cannot be said, it is done again."""
        try:
            for _ in range(MOST_TRIES):
                if await self._put(taken.key, entry, after=taken.revision):
                    return
                found, taken.revision, _ = await self._find(taken.key)
                if found is None or found.owner != entry.owner:
                    break
        except StorageUnavailable:
            log.warning("idempotency.outcome_not_kept", state=entry.state)

    async def _put(self, key: str, entry: Entry, *, after: int) -> int | None:
        try:
            return await self._cells.put(key, codec.encode(entry), after=after)
        except StreamUnreachable as error:
            raise StorageUnavailable from error

    async def _find(self, key: str) -> tuple[Entry | None, int, float]:
        """The entry, its revision and its age in seconds; `(None, 0, 0.0)` where there is none."""
        try:
            found = await self._cells.find(key)
            if found is None:
                return None, 0, 0.0
            return msgspec.json.decode(found.body, type=Entry), found.revision, found.age_seconds
        except StreamUnreachable as error:
            raise StorageUnavailable from error
        except msgspec.DecodeError as error:
            raise IdempotencyConflict(
                "What is known of this Idempotency-Key cannot be read.",
                hint="A newer recorder may have written it: use another key.",
            ) from error

    def _digest(self, *parts: bytes) -> str:
        sized = b"".join(b"%d:%s" % (len(part), part) for part in parts)
        return hmac.new(self._secret, _PURPOSE + sized, "sha256").hexdigest()
