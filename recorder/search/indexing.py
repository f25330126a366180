"""Keeps the index beside the database, and answers from it.

It follows the log, in the order of RUNS, after its commits: nothing that is recorded waits for it, and what it has done
is in the index file together with how far it is. A file that is gone, broken, or of another database is made anew.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Literal

import structlog
from msgspec import Struct

from recorder.in_order import PARKED
from recorder.news import News
from recorder.search.documents import Expression
from recorder.search.index import (
    BEGINNING,
    Found,
    Index,
    Place,
    Stored,
    Unusable,
    Within,
    last_of,
    open_index,
)
from recorder.store import Query, Store
from recorder.store.beside import remove, size_bytes
from schemas import subjects
from schemas.problems import StorageUnavailable

log = structlog.get_logger()

ROUND_SECONDS = 1.0
AGAIN_SECONDS = 5.0
TELL_SECONDS = 10.0
DROP_SECONDS = 60.0
ANSWER_SECONDS = 10.0
AT_ONCE = 500
FAR_BEHIND = 20_000  # who is, is not waited for
BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
OF_THE_FILE = (*BROKEN, sqlite3.SQLITE_ERROR, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH)

_IDENTITY: Query = ("SELECT id FROM identity", ())
_NEWEST: Query = (
    """
SELECT epoch, position FROM (
  SELECT * FROM (SELECT epoch, position FROM log WHERE stream = 'RUNS'
                 ORDER BY epoch DESC, position DESC LIMIT 1)
  UNION ALL SELECT epoch, position FROM checkpoints WHERE stream = 'RUNS')
ORDER BY epoch DESC, position DESC LIMIT 1
""",
    (),
)
_AFTER = """
SELECT epoch, position, event_id, raw FROM log
WHERE stream = 'RUNS' AND (epoch, position) > (?, ?) AND (epoch, position) <= (?, ?) AND NOT parked
ORDER BY epoch, position LIMIT ?
"""
_OF_RUN = """
SELECT log.epoch, log.position, log.event_id, log.raw FROM events
JOIN log ON log.stream = 'RUNS' AND log.epoch = events.epoch AND log.position = events.position
WHERE events.run_id = ?
  AND (events.epoch, events.position) > (?, ?) AND (events.epoch, events.position) <= (?, ?)
ORDER BY events.epoch, events.position LIMIT ?
"""
_ID_AT = "SELECT event_id FROM log WHERE stream = 'RUNS' AND epoch = ? AND position = ?"
_IS_ANY_IN = """
SELECT 1 FROM log WHERE stream = 'RUNS' AND epoch = ? AND position BETWEEN ? AND ? LIMIT 1
"""
_NOT_NOW = "The search index cannot be read now."
_HINT = (
    "It is made anew by itself; `runreel status` says how far it is. Everything but search works."
)


class IndexState(Struct, frozen=True, kw_only=True, rename="camel"):
    """`behind` counts positions of RUNS that are not in the index yet. `why`: a sentence, where it stands still."""

    state: Literal["starting", "following", "catching_up", "stopped"]
    behind: int
    size_bytes: int
    why: str = ""


class _Look(Struct, frozen=True):
    """What the database was like, just before rows were read."""

    database: str
    newest: Place
    parked: dict[str, Place]


class Search:
    """The index of one recorder's database, in `<database>.search`. `run` makes and keeps it."""

    def __init__(self, store: Store, news: News) -> None:
        self._store = store
        self._news = news
        self._file = store.file.with_name(f"{store.file.name}.search")
        self._index: Index | None = None
        self._why = ""
        self._wanted = asyncio.Event()  # somebody waits for it
        self._moved = asyncio.Condition()
        self._broken: Exception | None = None
        self._newest: Place = BEGINNING
        self._anew_at = 0.0
        self._told_at = 0.0
        self._dropped_at = 0.0

    @property
    def state(self) -> IndexState:
        """How it is."""
        behind = self._behind()
        return IndexState(
            state=self._state(behind),
            behind=behind,
            size_bytes=size_bytes(self._file),
            why=self._why,
        )

    def _state(self, behind: int) -> Literal["starting", "following", "catching_up", "stopped"]:
        if self._index is None:
            return "stopped" if self._why else "starting"
        return "catching_up" if behind > FAR_BEHIND else "following"

    async def find(self, expression: Expression, within: Within) -> Found:
        """Where it may be. Raises StorageUnavailable while there is no index."""
        index = self._index
        if index is None:
            raise StorageUnavailable(_NOT_NOW, hint=_HINT)
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                with suppress(sqlite3.OperationalError):
                    return await index.find(expression, within)
                return await index.find(expression, within)  # a part was dropped just then
        except (sqlite3.Error, TimeoutError) as error:  # also if it is being made anew just now
            log.warning("search.unreadable", reason=str(error))
            if _code(error) in BROKEN:
                self._broken = error
                self._wanted.set()
            raise StorageUnavailable(_NOT_NOW, hint=_HINT) from error

    async def catch_up(self, timeout: float) -> int:
        """Wait until all that the tables show now is in the index; what is missing then, in positions."""
        now = self._now()
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout), self._moved:
                while self._reached() < now and self._is_near():
                    self._wanted.set()
                    await self._moved.wait()
        return self._behind() if self._reached() < now else 0

    def _is_near(self) -> bool:
        """Whether it is worth waiting for: it is about to be opened, or not far behind."""
        return not self._why if self._index is None else self._behind() <= FAR_BEHIND

    async def run(self) -> None:
        """Index after index, until cancelled."""
        while True:
            try:
                await self._keep()
            except Exception as error:  # what is recorded and shown does not depend on it
                await self._after(error)

    async def _keep(self) -> None:
        look = await self._look()
        async with open_index(self._file, look.database) as index:
            await self._check(index, look)
            self._index = index
            try:
                await self._tell_waiting()
                await self._follow(index)
            finally:
                self._index = None

    async def _follow(self, index: Index) -> None:
        while True:
            self._wanted.clear()
            since = time.monotonic()
            more = await self._some(index)
            self._why = ""
            if more:  # at least half of the time is for what comes in
                await asyncio.sleep(time.monotonic() - since)
                continue
            await self._drop_what_has_left(index)
            with suppress(TimeoutError):
                async with asyncio.timeout(ROUND_SECONDS):
                    await self._wanted.wait()

    async def _some(self, index: Index) -> bool:
        """Index the next events; whether there may be more."""
        if self._broken is not None:
            error, self._broken = self._broken, None
            raise Unusable(str(error))
        look = await self._look()
        self._refuse_other(index, look)
        await self._bring_what_went_on(index, look)
        newest = look.newest
        if newest == index.reached:
            return False
        rows = await self._rows(index, (_AFTER, (*index.reached, *newest, AT_ONCE)))
        more = len(rows) == AT_ONCE
        await index.add(rows, (rows[-1].epoch, rows[-1].position) if more else newest)
        await self._tell_waiting()
        self._tell()
        return more

    async def _look(self) -> _Look:
        """The newest row before who is parked: whose rows up to it are not there afterwards is among those."""
        queries: Sequence[Query] = (_IDENTITY, _NEWEST, (PARKED, ()))
        [[identity], newest, parked] = await self._store.rows_of_each(*queries)
        self._newest = (newest[0]["epoch"], newest[0]["position"]) if newest else BEGINNING
        return _Look(
            identity["id"],
            self._newest,
            {row["owner"]: (row["epoch"], row["position"]) for row in parked if row["owner"]},
        )

    async def _rows(self, index: Index, query: Query) -> list[Stored]:
        [[identity], rows] = await self._store.rows_of_each(_IDENTITY, query)
        if identity["id"] != index.database:  # exchanged since we looked
            raise Unusable("the database is another one now")
        return [Stored(*row) for row in rows]

    async def _check(self, index: Index, look: _Look) -> None:
        """That this database has what the index has: a power cut, or a copy put back, may have taken it away."""
        self._refuse_other(index, look)
        last = index.last
        for row in await self._store.rows(_ID_AT, (last.epoch, last.position)):
            if row["event_id"] != last.event_id:
                raise Unusable("it has other events than the database")

    def _refuse_other(self, index: Index, look: _Look) -> None:
        if not index.is_there:
            raise Unusable("its file was removed")
        if look.database != index.database:
            raise Unusable("the database is another one now")
        if index.reached > look.newest:
            raise Unusable("it is ahead of the database")

    async def _bring_what_went_on(self, index: Index, look: _Look) -> None:
        """Who was parked and is not any more, or further on, has events before what is there already."""
        for owner, (epoch, position) in index.parked.items():
            after: Place | None = (epoch, position - 1)
            while after is not None and look.parked.get(owner) != (epoch, position):
                rows = await self._rows(index, (_OF_RUN, (owner, *after, *index.reached, AT_ONCE)))
                await index.add_late(rows)
                after = (rows[-1].epoch, rows[-1].position) if len(rows) == AT_ONCE else None
        if look.parked != index.parked:
            await index.note_parked(look.parked)

    async def _drop_what_has_left(self, index: Index) -> None:
        if time.monotonic() - self._dropped_at < DROP_SECONDS:
            return
        self._dropped_at = time.monotonic()
        for part in index.parts:
            if not await self._store.rows(_IS_ANY_IN, (*part, last_of(part))):
                await index.drop(part)
                log.info("search.dropped", epoch=part[0], first=part[1], last=last_of(part))

    async def _after(self, error: Exception) -> None:
        """Begin anew where the file is to blame. If not, it is a full disk, mostly: only searches wait for it."""
        try:
            if isinstance(error, Unusable) or _code(error) in OF_THE_FILE:
                log.warning("search.made_anew", code="search.made_anew", reason=str(error))
                remove(self._file)
                again = time.monotonic() - self._anew_at < AGAIN_SECONDS
                self._anew_at = time.monotonic()
                await asyncio.sleep(ROUND_SECONDS if again else 0)
                return
        except OSError as problem:
            error = problem
        if not self._why:
            log.error("search.stopped", code="search.stopped", exc_info=error)
        self._why = f"The search index cannot be written: {error}."
        await asyncio.sleep(AGAIN_SECONDS)

    async def _tell_waiting(self) -> None:
        async with self._moved:
            self._moved.notify_all()

    def _tell(self) -> None:
        behind, now = self._behind(), time.monotonic()
        if behind > FAR_BEHIND and now - self._told_at > TELL_SECONDS:
            self._told_at = now
            log.info("search.catching_up", behind=behind)

    def _now(self) -> Place:
        """The newest place that anybody was shown."""
        told = self._news.epoch(subjects.RUNS), self._news.position(subjects.RUNS)
        return max(told, self._newest)

    def _reached(self) -> Place:
        return self._index.reached if self._index else BEGINNING

    def _behind(self) -> int:
        (epoch, now), (reached_epoch, reached) = self._now(), self._reached()
        return max(0, now - reached) if epoch == reached_epoch else now


def _code(error: Exception) -> int | None:
    """SQLite's own, without what it adds; None for any other error."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else None
