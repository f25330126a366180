"""Events on local disk until JetStream has them.

`put` is a plain synchronous write, so an event that is numbered survives the death of this process. The files
(`worker.spool`) are segments of lines that a person can read; a segment is removed when it is full and all its events
are acknowledged. One outbox serves all runs of the worker; each run's order is kept through a restart.

It is bounded in bytes. At the bound, or on a disk that takes no more, it is full: only the last events of runs are
written, into a reserve that was taken on the disk before.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from msgspec import Struct

from schemas import subjects
from schemas.envelope import Event
from schemas.settings import SPOOL_MAX_BYTES
from worker.room import Room, reserve_bytes
from worker.spool import Line, Segment, Spool, SpoolFull
from worker.turns import Turns

log = structlog.get_logger(__name__)

SEGMENT_BYTES = 8 * 1024 * 1024
SEGMENTS_AT_LEAST = 8  # of a small bound: the last segment is only removed as a whole
# What was just written is sent from memory; a backlog beyond this is read from the disk.
KEPT_BYTES = 4 * 1024 * 1024


class Entry(Struct, eq=False):
    """One event in the outbox, and the position it got in the stream once it is there (0: it was set aside).

    `order` grows with each event of this outbox. `kept` are subject and event while they are in memory too.
    """

    event_id: str
    order: int
    segment: Segment
    offset: int
    size_bytes: int
    position: int | None = None
    kept: tuple[str, bytes] | None = None
    waiters: list[asyncio.Future[int]] | None = None


class Outbox:
    """All events of this worker that wait for their acknowledgement.

    `turns` says which is to be sent next; `on_put` is called with every new one in it, `on_awaited` when somebody
    begins to wait for one. `left` has the newest event of each run that an earlier worker left here, by run id,
    `left_lifecycles` the newest of its lifecycle.
    """

    def __init__(
        self, spool: Spool, *, limit_bytes: int, segment_bytes: int, kept_bytes: int
    ) -> None:
        self.limit_bytes = limit_bytes
        self.waiting_bytes = 0
        self.left: dict[str, Event] = {}
        self.left_lifecycles: dict[str, Event] = {}
        self.turns: Turns[Entry] = Turns()
        self.on_put: Callable[[], None] = _nobody_listens
        self.on_awaited: Callable[[], None] = _nobody_listens
        self._spool = spool
        self._room = Room.of(limit_bytes, spool.reserve_bytes)
        self._segment_bytes = min(segment_bytes, limit_bytes // SEGMENTS_AT_LEAST)
        self._segment: Segment | None = None
        self._reserve: Segment | None = None  # once last events are written to it
        self._aside: Segment | None = None
        self._aside_count = 0
        self._last_order = 0
        self._waiting: dict[int, Entry] = {}  # by their order, which is how they come
        self._kept_room_bytes = kept_bytes

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        limit_bytes: int = SPOOL_MAX_BYTES,
        places: int = 1,
        segment_bytes: int = SEGMENT_BYTES,
        kept_bytes: int = KEPT_BYTES,
    ) -> Outbox:
        """The outbox in that directory, with all that an earlier worker left there.

        `places` is how many runs there may be at a time. Raises OSError, and CannotStart for one of a later version.
        """
        spool = Spool.open(directory, reserve_bytes(places, limit_bytes))
        outbox = cls(
            spool, limit_bytes=limit_bytes, segment_bytes=segment_bytes, kept_bytes=kept_bytes
        )
        seen: set[str] = set()
        for path in spool.left():
            outbox._recover(path, seen)
        outbox._begin()
        return outbox

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def entries(self) -> list[Entry]:
        """All that wait, oldest first; for those who look at a beginning or an end, not at each event."""
        return list(self._waiting.values())

    @property
    def is_full(self) -> bool:
        """Whether it takes nothing but last events for now."""
        return self._room.is_full

    @property
    def set_aside_count(self) -> int:
        """How many events and lines wait in files of their own for a person to look at."""
        return self._spool.unreadable + self._aside_count

    def put(self, subject: str, event_id: str, event: bytes, *, last: bool = False) -> Entry:
        """Append one event; it is on disk (in the sense of `write`) when this returns. Raises OSError.

        `last` ones, those that a run ends with, go to the reserve where there is no other room.
        """
        line = _line(subject, event)
        try:
            segment, offset = self._append(line)
        except OSError as error:
            self._fill(str(error))
            if not last:
                raise
            segment, offset = self._append_to_reserve(line)
        entry = self._add(subject, event_id, segment, offset, len(line))
        self._keep(entry, subject, event)
        self.on_put()
        return entry

    def put_all(self, events: Sequence[tuple[str, str, bytes]]) -> list[Entry]:
        """Append several, each as `put` takes it, in one piece: all or none.

        Raises OSError; that so much has no room does not mean that one event has none.
        """
        lines = [_line(subject, event) for subject, _, event in events]
        segment, offset = self._append(b"".join(lines))
        entries = []
        for (subject, event_id, event), line in zip(events, lines, strict=True):
            entry = self._add(subject, event_id, segment, offset, len(line))
            self._keep(entry, subject, event)
            entries.append(entry)
            offset += len(line)
        self.on_put()
        return entries

    def _keep(self, entry: Entry, subject: str, event: bytes) -> None:
        if entry.size_bytes <= self._kept_room_bytes:
            self._kept_room_bytes -= entry.size_bytes
            entry.kept = subject, event

    def read(self, entry: Entry) -> tuple[str, bytes]:
        """The subject and the event of an entry. Raises OSError."""
        if entry.kept is not None:
            return entry.kept
        line = os.pread(entry.segment.descriptor, entry.size_bytes, entry.offset)
        subject, _, event = line[:-1].partition(b" ")
        return subject.decode(), event

    def acknowledge(self, entry: Entry, position: int) -> None:
        """The stream has this event at that position."""
        if entry.position is not None:
            return
        self._let_go(entry, position)
        entry.segment.waiting -= 1
        if entry.segment.waiting == 0:
            self._drop_if_done(entry.segment)

    def acknowledge_left(self, run_id: str, newest: Event, position: int) -> int:
        """The stream has all of a run up to `newest`; how many of them an earlier worker had left here.

        What was set aside is tried again all the same.
        """
        lane = [
            entry
            for entry in self.turns.waiting(run_id)
            if not self._spool.is_aside(entry.segment.path)
        ]
        stored = lane[: self._count_up_to(newest, lane)]
        self.turns.withdraw(run_id, stored)
        for entry in stored:
            self.acknowledge(entry, position)
        return len(stored)

    def _count_up_to(self, newest: Event, lane: Sequence[Entry]) -> int:
        """How many of a lane, which is in order, came before an event and with it."""
        for count, entry in enumerate(lane, 1):
            if entry.event_id == newest.id:
                return count
        left = self.left.get(newest.runid or "")
        return len(lane) if left is not None and left.number <= newest.number else 0

    def _let_go(self, entry: Entry, position: int) -> None:
        entry.position = position
        del self._waiting[entry.order]
        self.waiting_bytes -= entry.size_bytes
        if entry.kept is not None:
            self._kept_room_bytes += entry.size_bytes
            entry.kept = None
        for waiter in entry.waiters or ():
            if not waiter.done():
                waiter.set_result(position)

    async def acknowledged(self, entry: Entry) -> int:
        """Wait until the stream has the event; its position, or 0 when it was set aside."""
        if entry.position is not None:
            return entry.position
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        entry.waiters = [*(entry.waiters or ()), waiter]
        self.on_awaited()
        return await waiter

    async def emptied(self) -> None:
        """Wait until the stream has all that waits here."""
        while self._waiting:
            await self.acknowledged(next(reversed(self._waiting.values())))

    def set_aside(self, entry: Entry) -> Path:
        """Keep an event that the stream refuses for its own sake out of the others' way, until the next start.

        The file it is in: one of its own, or its whole segment where the disk takes no more. Raises OSError when it
        cannot be read, and then it waits as before.
        """
        subject, event = self.read(entry)
        line = _line(subject, event)
        self._aside_count += 1
        try:
            return self._move_aside(entry, line)
        except OSError as error:
            log.warning("outbox.set_aside_in_place", reason=str(error))
            self._let_go(entry, 0)
            return entry.segment.path

    def _move_aside(self, entry: Entry, line: bytes) -> Path:
        if self._aside is None:
            self._aside = self._spool.new_aside()
        self._aside.append(line)
        self._aside.waiting += 1
        self._room.used_bytes += len(line)
        self.acknowledge(entry, 0)
        return self._aside.path

    def look_for_room(self) -> None:
        """Take events again if there is room for them, and for the reserve. To be called now and then."""
        if not self.is_full:
            return
        try:
            if not self._room.may_reopen(*self._spool.disk()):
                return
            if not self._spool.has_reserve():
                self._spool.make_reserve()
        except OSError as error:
            log.debug("outbox.still_full", reason=str(error))
            return
        self._give_back_reserve()
        self._room.reopen()
        log.info("outbox.has_room", used_bytes=self._room.used_bytes, limit_bytes=self.limit_bytes)

    def close(self) -> None:
        """Close the files; those that still hold waiting events stay on disk."""
        segments = {entry.segment.path: entry.segment for entry in self.entries}
        for segment in (self._segment, self._reserve, self._aside):
            if segment is not None:
                segments[segment.path] = segment
        for segment in segments.values():
            os.close(segment.descriptor)
            if not segment.waiting:
                segment.path.unlink()
        self._segment = self._reserve = self._aside = None
        self._spool.close()

    # files

    def _append(self, line: bytes) -> tuple[Segment, int]:
        """Write an ordinary line. Raises SpoolFull, OSError."""
        room = self._room
        if room.used_bytes + len(line) > room.ceiling_bytes:
            raise SpoolFull(f"the spool has reached its bound of {self.limit_bytes} bytes")
        segment = self._segment
        if segment is None or segment.size_bytes >= self._segment_bytes:
            segment = self._next_segment()
        offset = segment.append(line)
        room.used_bytes += len(line)
        return segment, offset

    def _append_to_reserve(self, line: bytes) -> tuple[Segment, int]:
        """Write a last line. Raises SpoolFull, OSError."""
        if self._reserve is None:
            self._reserve = self._spool.take_reserve()
        if self._reserve.size_bytes + len(line) > self._spool.reserve_bytes:
            raise SpoolFull("the reserve of the spool is used up too")
        return self._reserve, self._reserve.append(line)

    def _give_back_reserve(self) -> None:
        """What was the reserve is a segment like any other now."""
        segment, self._reserve = self._reserve, None
        if segment is not None:
            os.ftruncate(segment.descriptor, segment.size_bytes)
            self._room.used_bytes += segment.size_bytes
            self._drop_if_done(segment)

    def _fill(self, reason: str) -> None:
        """From now on only last events are taken."""
        if self.is_full:
            return
        self._room.close()
        log.error(
            "outbox.full",
            code="runtime.spool_full",
            reason=reason,
            used_bytes=self._room.used_bytes,
            limit_bytes=self.limit_bytes,
        )

    def _next_segment(self) -> Segment:
        full, self._segment = self._segment, self._spool.new_segment()
        if full is not None:
            self._drop_if_done(full)
        return self._segment

    def _drop_if_done(self, segment: Segment) -> None:
        """Remove a segment that nobody needs. When room is short, also the one that would be written to next."""
        if segment.waiting or segment is self._reserve:
            return
        if segment is self._segment:
            if not self.is_full:
                return
            self._segment = None
        os.close(segment.descriptor)
        segment.path.unlink()
        self._room.used_bytes -= segment.size_bytes
        self.look_for_room()

    # entries

    def _add(
        self, subject: str, event_id: str, segment: Segment, offset: int, size_bytes: int
    ) -> Entry:
        self._last_order += 1
        entry = Entry(event_id, self._last_order, segment, offset, size_bytes)
        segment.waiting += 1
        self._waiting[entry.order] = entry
        self.waiting_bytes += size_bytes
        self.turns.add(subjects.run_of(subject), entry)
        return entry

    # what an earlier worker left

    def _recover(self, path: Path, seen: set[str]) -> None:
        """Take up a segment of an earlier worker. One that died while it set an event aside left that twice."""
        segment, lines = self._spool.recovered(path)
        self._room.used_bytes += segment.size_bytes
        for line in lines:
            if line.event.id not in seen:
                seen.add(line.event.id)
                self._add(line.subject, line.event.id, segment, line.offset, line.size_bytes)
                self._remember(line)
        self._drop_if_done(segment)

    def _remember(self, line: Line) -> None:
        event = line.event
        known = self.left.get(event.runid or "")
        if event.runid and (known is None or known.number < event.number):
            self.left[event.runid] = event
        if event.runid and event.type == "runtime.lifecycle":
            self.left_lifecycles[event.runid] = event  # they come in order

    def _begin(self) -> None:
        """Take room on the disk for last events, and look whether there is some for others."""
        try:
            self._spool.make_reserve()
        except OSError as error:
            self._fill(f"there is no room for the reserve: {error.strerror or error}")
        if self._room.used_bytes >= self._room.bound_bytes:
            self._fill("what an earlier worker left fills the spool")


def _line(subject: str, event: bytes) -> bytes:
    return b"%s %s\n" % (subject.encode(), event)


def _nobody_listens() -> None:
    """What is put waits."""
