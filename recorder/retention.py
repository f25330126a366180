"""What leaves: from RUNS by bytes (by age the server does it), and from the tables what has left RUNS.

A run leaves the tables as a whole, once it has ended, has its digest, and none of its messages is on the stream any
more: then a rebuild would not bring it back either. What never ended stays, and so does what is parked, and what left
the stream neither by age nor by bytes: of that this may be the last copy.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from functools import partial

import structlog
from msgspec import Struct

from recorder.bus import Bus, Room, StreamUnreachable
from recorder.consumer import Consumer
from recorder.projections import PROJECTIONS
from recorder.queries.digests import DIGEST_SHOWN
from recorder.queries.runs import NOT_PARKED
from recorder.store import Store, Transaction
from recorder.store.writer import Job
from schemas import subjects
from schemas.nats_users import is_reader_consumer
from schemas.times import rfc3339

log = structlog.get_logger()

ROUND_SECONDS = 10.0
MARKS_SECONDS = 3600.0
FULL = 0.9
ENOUGH = 0.8
MUCH = 0.6
AT_ONCE = 100  # runs
CHUNK = 500  # events a transaction, each with its log row

# In all of these ?1 is a run, ?2 and ?3 are the epoch and first position that RUNS holds, ?4 is how many at most; of
# runs that ended before ?5 it is known why they left.
_NOTHING_ON_STREAM = """
NOT EXISTS (SELECT 1 FROM events
            WHERE events.run_id = runs.id AND (events.epoch, events.position) >= (?2, ?3))
"""
# An artifact of theirs that is not filed would be gone with them.
_ALL_FILED = """
NOT EXISTS (SELECT 1 FROM artifacts
            WHERE artifacts.run_id = runs.id
              AND NOT EXISTS (SELECT 1 FROM files WHERE files.id = artifacts.id))
"""
ENDED = f"""
SELECT id FROM runs INDEXED BY runs_by_end
WHERE finished_at IS NOT NULL AND end_epoch = ?2 AND end_position < ?3 AND finished_at < ?5
  AND EXISTS (SELECT 1 FROM digests WHERE digests.id = runs.id)
  AND {NOT_PARKED} AND {_NOTHING_ON_STREAM} AND {_ALL_FILED}
ORDER BY end_position LIMIT ?4
"""
# What came late, after all before it had left, and has left by now too.
LATE_ONLY = f"""
SELECT id FROM runs INDEXED BY runs_open
WHERE finished_at IS NULL
  AND EXISTS (SELECT 1 FROM digests
              WHERE digests.id = runs.id AND digests.finished_at < ?5 AND {DIGEST_SHOWN})
  AND {NOT_PARKED} AND {_NOTHING_ON_STREAM} AND {_ALL_FILED} LIMIT ?4
"""
# Runs whose rows were being removed when a recorder was killed. Goes from run to run, not from event to event.
HALF_GONE = """
WITH RECURSIVE ids (id) AS (
  SELECT min(run_id) FROM events
  UNION ALL SELECT (SELECT min(run_id) FROM events WHERE run_id > ids.id) FROM ids
  WHERE ids.id IS NOT NULL)
SELECT id FROM ids
WHERE id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.id = ids.id)
"""
# Messages that no run waits for: they name nobody, or were skipped and their run has left.
UNREADABLE = """
SELECT position FROM quarantine
WHERE stream = 'RUNS' AND epoch = ?2 AND position < ?3
  AND (owner = '' OR (skipped AND NOT EXISTS (SELECT 1 FROM runs WHERE runs.id = owner)))
ORDER BY position LIMIT ?4
"""
_REMOVE_UNREADABLE = tuple(
    f"DELETE FROM {table} WHERE stream = 'RUNS' AND epoch = ?2 AND position IN ({UNREADABLE})"
    for table in ("log", "quarantine")
)
_HIDE = f"DELETE FROM runs WHERE id = ?1 AND {_NOTHING_ON_STREAM} RETURNING id"
# With it goes what else says how the run stood: what comes late is then projected as if it were all there is, as a
# rebuild would, also while the rest is being removed.
FORGET = (
    "DELETE FROM holders WHERE run_id = ?1",
    "UPDATE events INDEXED BY events_that_end SET terminal = 0 WHERE run_id = ?1 AND terminal",
    "DELETE FROM usage WHERE run_id = ?1",
    "DELETE FROM activity_state WHERE run_id = ?1",
)


def _oldest(table: str) -> str:
    return f"""
SELECT epoch, position FROM {table}
WHERE run_id = ?1 AND (epoch, position) < (?2, ?3) ORDER BY epoch, position LIMIT ?4
"""


_OLDEST = _oldest("events")
REMOVE_LOG = f"DELETE FROM log WHERE stream = 'RUNS' AND (epoch, position) IN ({_OLDEST})"
REMOVE_EVENTS = f"DELETE FROM events WHERE run_id = ?1 AND (epoch, position) IN ({_OLDEST})"
# Every other table that RUNS feeds: its key begins with run_id, epoch and position, those of the event that made a row.
# They go before the events, by which a run is found again whose removal was interrupted.
OF_RUNS = tuple(
    name
    for each in PROJECTIONS
    if each.stream == subjects.RUNS
    for name in each.tables
    if name not in ("runs", "events")
)


ANY_TIME = "9999"


def ended_before(room: Room, now_ns: int) -> str:
    """Until when a run must have ended so that its messages may have left the stream. Pure.

    By age: as long ago as the stream keeps them (RFC 3339). By bytes: at any time, while the stream is as full as a
    purge leaves it. Who empties it by hand has told nobody that the tables should follow.
    """
    if room.max_bytes > 0 and room.bytes >= MUCH * room.max_bytes:
        return ANY_TIME
    if room.max_age_seconds <= 0:
        return ""
    return rfc3339(now_ns - int(room.max_age_seconds * 1e9))


class Purge(Struct, frozen=True):
    """All before this position is to go. `held_back_by` has not read all of what should."""

    before: int
    held_back_by: str | None


def find_purge(room: Room, checkpoint: int) -> Purge | None:
    """What to take off a stream that is 90 % full, so that it is 80 % full. Pure.

    Nothing that a durable consumer has not acknowledged or that is not in these tables. A reader of a space does not
    count: one customer that stands still would stop the whole fleet.
    """
    if room.max_bytes <= 0 or room.bytes <= FULL * room.max_bytes:
        return None
    too_much = room.bytes - ENOUGH * room.max_bytes
    wanted = room.first + int(too_much * room.messages / room.bytes) + 1
    waited_for = {
        name: floor for name, floor in room.ack_floors.items() if not is_reader_consumer(name)
    }
    floors = {**waited_for, "this recorder": checkpoint}
    slowest = min(floors, key=lambda name: floors[name])
    allowed = floors[slowest] + 1
    if wanted <= allowed:
        return Purge(wanted, None)
    return Purge(max(room.first, allowed), slowest)


def lost_by(room: Room, purge: Purge) -> list[str]:
    """Readers of spaces that have not read all of what is to go: of that, what is theirs is lost to them. Pure."""
    return sorted(
        name
        for name, floor in room.ack_floors.items()
        if is_reader_consumer(name) and floor + 1 < purge.before
    )


class Retention:
    """`alarm` is a sentence while RUNS is nearly full and may not be purged."""

    def __init__(self, bus: Bus, store: Store, runs: Consumer) -> None:
        self._bus = bus
        self._store = store
        self._runs = runs
        self._half_gone_known = False
        self._stays = False
        self._marks_at = time.monotonic()
        self.alarm: str | None = None

    async def run(self) -> None:
        """Round after round, until cancelled."""
        while True:
            try:
                await self._purge_marks()
                await self._round()
            except StreamUnreachable as error:
                log.warning("retention.interrupted", reason=str(error))
            except Exception:  # nothing leaves, until somebody looks
                log.exception("retention.failed")
            await asyncio.sleep(ROUND_SECONDS)

    async def _round(self) -> None:
        """Only beside the stream that the tables are made of: of another one this may be the last copy."""
        if self._runs.state != "following":
            return
        checkpoint = await self._store.find_checkpoint(subjects.RUNS)
        room = await self._bus.room(subjects.RUNS)
        if checkpoint is None or room.epoch != checkpoint.epoch:
            return
        await self._purge(room, find_purge(room, checkpoint.position))
        first = min(room.first, checkpoint.position + 1)
        await self._remove_what_has_left(room.epoch, first, ended_before(room, time.time_ns()))

    async def _purge_marks(self) -> None:
        if time.monotonic() - self._marks_at < MARKS_SECONDS:
            return
        self._marks_at = time.monotonic()
        if purged := await self._bus.keys.purge_marks(MARKS_SECONDS):
            log.info("retention.marks_purged", bucket=subjects.CLAIMS_BUCKET, marks=purged)

    async def _purge(self, room: Room, purge: Purge | None) -> None:
        before, self.alarm = self.alarm, None
        if purge is None:
            return
        if purge.held_back_by is not None:
            self.alarm = (
                f"RUNS is {room.bytes / room.max_bytes:.0%} full, and may not be purged beyond"
                f" position {purge.before - 1}: {purge.held_back_by} has not read on."
            )
            if not before:
                log.error("retention.held_back", code="stream.nearly_full", message=self.alarm)
        if purge.before > room.first:
            await self._bus.purge(subjects.RUNS, purge.before)
            log.warning(
                "retention.purged",
                code="stream.purged",
                stream=subjects.RUNS,
                first=room.first,
                before=purge.before,
                bytes=room.bytes,
                max_bytes=room.max_bytes,
                lost_by=lost_by(room, purge),
            )

    async def _remove_what_has_left(self, epoch: int, first: int, before: str) -> None:
        if not self._half_gone_known:
            for row in await self._store.rows(HALF_GONE):
                await self._remove_events(row["id"], epoch, first)
            self._half_gone_known = True
        for query in (ENDED, LATE_ONLY):
            while rows := await self._store.rows(query, ("", epoch, first, AT_ONCE, before)):
                for row in rows:
                    await self._remove(row["id"], epoch, first)
        await self._tell_what_stays(epoch, first)
        values = ("", epoch, first, CHUNK)
        while await self._store.rows(UNREADABLE, values):
            await self._in_turn(partial(_remove_unreadable, values=values))

    async def _tell_what_stays(self, epoch: int, first: int) -> None:
        stays = bool(await self._store.rows(ENDED, ("", epoch, first, 1, ANY_TIME)))
        if stays and not self._stays:
            log.warning("retention.kept", code="stream.emptied", stream=subjects.RUNS, first=first)
        self._stays = stays

    async def _remove(self, run_id: str, epoch: int, first: int) -> None:
        """The run first: from then on its digest is shown, and nobody sees half of its events."""
        if await self._store.write(partial(_hide, values=(run_id, epoch, first))):
            await self._remove_events(run_id, epoch, first)

    async def _remove_events(self, run_id: str, epoch: int, first: int) -> None:
        removed, values = 0, (run_id, epoch, first, CHUNK)
        for table in OF_RUNS:
            while await self._in_turn(partial(_remove_some_of, table=table, values=values)):
                pass
        while count := await self._in_turn(partial(_remove_some, values=values)):
            removed += count
        log.info("retention.removed", code="run.removed", run_id=run_id, events=removed)

    async def _in_turn(self, job: Job[int]) -> int:
        """A transaction, and a pause as long as it took: at least half of the writing is for what comes in."""
        since = time.monotonic()
        count = await self._store.write(job)
        await asyncio.sleep(time.monotonic() - since)
        return count


def _hide(transaction: Transaction, values: Sequence[object]) -> bool:
    """Whether that was done; not if something of the run has come in the meantime."""
    hidden = bool(transaction.rows(_HIDE, values))
    if hidden:
        for statement in FORGET:
            transaction.execute(statement, values[:1])
    return hidden


def _remove_unreadable(transaction: Transaction, values: Sequence[object]) -> int:
    for statement in _REMOVE_UNREADABLE:
        transaction.execute(statement, values)
    return 0


def remove_rows(table: str) -> str:
    """The statement that removes what of a run stands in one of `OF_RUNS`, some at a time."""
    return f"DELETE FROM {table} WHERE run_id = ?1 AND (epoch, position) IN ({_oldest(table)})"


def _remove_some_of(transaction: Transaction, table: str, values: Sequence[object]) -> int:
    return len(transaction.rows(f"{remove_rows(table)} RETURNING 1", values))


def _remove_some(transaction: Transaction, values: Sequence[object]) -> int:
    count = len(transaction.rows(_OLDEST, values))
    if count:
        transaction.execute(REMOVE_LOG, values)
        transaction.execute(REMOVE_EVENTS, values)
    return count
