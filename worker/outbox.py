"""Events on local disk until JetStream has them.

`put` is a plain synchronous write, so an event that is numbered survives the death of this process. The files are
segments of text lines, `<subject> <event as JSON>`, that a person can read; a segment is removed when it is full and
all its events are acknowledged. One outbox serves all runs of the worker; each run's order is kept through a restart.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from msgspec import Struct, field

from schemas import subjects
from schemas.codec import EventUnreadable, decode_event
from worker.turns import Turns

SEGMENT_BYTES = 8 * 1024 * 1024
# What was just written is sent from memory; a backlog beyond this is read from the disk.
KEPT_BYTES = 4 * 1024 * 1024
SUFFIX = ".events"


class Segment(Struct, eq=False):
    """One file. `waiting` counts its events that are not acknowledged."""

    path: Path
    descriptor: int
    size_bytes: int = 0
    waiting: int = 0


class Entry(Struct, eq=False):
    """One event in the outbox, and the position it got in the stream once it is there.

    `order` grows with each event of this outbox. `kept` are subject and event while they are in memory too.
    """

    event_id: str
    order: int
    segment: Segment
    offset: int
    size_bytes: int
    position: int | None = None
    kept: tuple[str, bytes] | None = None
    waiters: list[asyncio.Future[int]] = field(default_factory=list)


class Outbox:
    """All events of this worker that wait for their acknowledgement.

    `turns` says which is to be sent next; `on_put` is called with every new one in it, `on_awaited` when somebody
    begins to wait for one.
    """

    def __init__(
        self,
        directory: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        kept_bytes: int = KEPT_BYTES,
    ) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._segment: Segment | None = None
        self._last_segment = 0
        self._last_order = 0
        self._waiting: dict[int, Entry] = {}  # by their order, which is how they come
        self._room_bytes = kept_bytes
        self.turns: Turns[Entry] = Turns()
        self.on_put: Callable[[], None] = _nobody_listens
        self.on_awaited: Callable[[], None] = _nobody_listens

    @classmethod
    def open(
        cls,
        directory: Path,
        *,
        segment_bytes: int = SEGMENT_BYTES,
        kept_bytes: int = KEPT_BYTES,
    ) -> Outbox:
        """The outbox in that directory, with all that an earlier worker left there. Raises OSError."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        outbox = cls(directory, segment_bytes=segment_bytes, kept_bytes=kept_bytes)
        for path in sorted(directory.glob(f"*{SUFFIX}")):
            outbox._recover(path)
        return outbox

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def entries(self) -> list[Entry]:
        """All that wait, oldest first; for those who look at a beginning or an end, not at each event."""
        return list(self._waiting.values())

    def put(self, subject: str, event_id: str, event: bytes) -> Entry:
        """Append one event; it is on disk (in the sense of `write`) when this returns. Raises OSError."""
        segment = self._writable()
        line = b"%s %s\n" % (subject.encode(), event)
        written = os.write(segment.descriptor, line)
        if written != len(line):
            os.ftruncate(segment.descriptor, segment.size_bytes)
            raise OSError(f"only {written} of {len(line)} bytes fitted in {segment.path}")
        entry = self._add(subject, event_id, segment, segment.size_bytes, len(line))
        segment.size_bytes += len(line)
        if entry.size_bytes <= self._room_bytes:
            self._room_bytes -= entry.size_bytes
            entry.kept = subject, event
        self.on_put()
        return entry

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
        entry.position = position
        entry.segment.waiting -= 1
        del self._waiting[entry.order]
        if entry.kept is not None:
            self._room_bytes += entry.size_bytes
            entry.kept = None
        for waiter in entry.waiters:
            if not waiter.done():
                waiter.set_result(position)
        self._drop_if_done(entry.segment)

    async def acknowledged(self, entry: Entry) -> int:
        """Wait until the stream has the event; its position."""
        if entry.position is not None:
            return entry.position
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        entry.waiters.append(waiter)
        self.on_awaited()
        return await waiter

    def close(self) -> None:
        """Close the files; those that still hold waiting events stay on disk."""
        waiting = {entry.segment.path: entry.segment for entry in self.entries}
        for segment in waiting.values():
            os.close(segment.descriptor)
        if self._segment is not None and not self._segment.waiting:
            os.close(self._segment.descriptor)
            self._segment.path.unlink()
        self._segment = None

    def _writable(self) -> Segment:
        if self._segment is None or self._segment.size_bytes >= self._segment_bytes:
            full, self._segment = self._segment, self._new_segment()
            if full is not None:
                self._drop_if_done(full)
        return self._segment

    def _new_segment(self) -> Segment:
        self._last_segment += 1
        path = self._directory / f"{self._last_segment:010d}{SUFFIX}"
        flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND
        return Segment(path, os.open(path, flags, 0o600))

    def _drop_if_done(self, segment: Segment) -> None:
        if segment.waiting == 0 and segment is not self._segment:
            os.close(segment.descriptor)
            segment.path.unlink()

    def _add(
        self, subject: str, event_id: str, segment: Segment, offset: int, size_bytes: int
    ) -> Entry:
        self._last_order += 1
        entry = Entry(event_id, self._last_order, segment, offset, size_bytes)
        segment.waiting += 1
        self._waiting[entry.order] = entry
        self.turns.add(subjects.run_of(subject), entry)
        return entry

    def _recover(self, path: Path) -> None:
        """Take up a segment of an earlier worker. A last line cut short by its death was never numbered as sent."""
        self._last_segment = int(path.stem)
        content = path.read_bytes()
        segment = Segment(path, os.open(path, os.O_RDONLY), len(content))
        for offset, line in _lines(content):
            event_id = _event_id(line)
            if event_id is not None:
                subject = line.partition(b" ")[0].decode()
                self._add(subject, event_id, segment, offset, len(line))
        self._drop_if_done(segment)


def _nobody_listens() -> None:
    """What is put waits."""


def _lines(content: bytes) -> Iterator[tuple[int, bytes]]:
    offset = 0
    for line in content.splitlines(keepends=True):
        if line.endswith(b"\n"):
            yield offset, line
        offset += len(line)


def _event_id(line: bytes) -> str | None:
    try:
        return decode_event(line.partition(b" ")[2]).id
    except EventUnreadable:
        return None
