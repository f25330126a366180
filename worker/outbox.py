"""Events on local disk until JetStream has them.

`put` is a plain synchronous write, so an event that is numbered survives the death of this process. The files are
segments of text lines, `<subject> <event as JSON>`, that a person can read; a segment is removed when it is full and
all its events are acknowledged. One outbox serves all runs of the worker: their order is kept through a restart.
"""

from __future__ import annotations

import asyncio
import os
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct, field

from schemas.codec import EventUnreadable, decode_event

SEGMENT_BYTES = 8 * 1024 * 1024
SUFFIX = ".events"


class Segment(Struct, eq=False):
    """One file. `waiting` counts its events that are not acknowledged."""

    path: Path
    descriptor: int
    size_bytes: int = 0
    waiting: int = 0


class Entry(Struct, eq=False):
    """One event in the outbox, and the position it got in the stream once it is there."""

    event_id: str
    segment: Segment
    offset: int
    size_bytes: int
    position: int | None = None
    waiters: list[asyncio.Future[int]] = field(default_factory=list)


class Outbox:
    """All events of this worker that wait for their acknowledgement, oldest first."""

    def __init__(self, directory: Path, *, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._directory = directory
        self._segment_bytes = segment_bytes
        self._segment: Segment | None = None
        self._last_segment = 0
        self.entries: deque[Entry] = deque()
        self.wake = asyncio.Event()  # set when a publisher should look

    @classmethod
    def open(cls, directory: Path, *, segment_bytes: int = SEGMENT_BYTES) -> Outbox:
        """The outbox in that directory, with all that an earlier worker left there. Raises OSError."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        outbox = cls(directory, segment_bytes=segment_bytes)
        for path in sorted(directory.glob(f"*{SUFFIX}")):
            outbox._recover(path)
        return outbox

    def __len__(self) -> int:
        return len(self.entries)

    def put(self, subject: str, event_id: str, event: bytes) -> Entry:
        """Append one event; it is on disk (in the sense of `write`) when this returns. Raises OSError."""
        segment = self._writable()
        line = b"%s %s\n" % (subject.encode(), event)
        entry = Entry(event_id, segment, segment.size_bytes, len(line))
        written = os.write(segment.descriptor, line)
        if written != len(line):
            os.ftruncate(segment.descriptor, segment.size_bytes)
            raise OSError(f"only {written} of {len(line)} bytes fitted in {segment.path}")
        segment.size_bytes += len(line)
        self._add(entry)
        return entry

    def read(self, entry: Entry) -> tuple[str, bytes]:
        """The subject and the event of an entry."""
        line = os.pread(entry.segment.descriptor, entry.size_bytes, entry.offset)
        subject, _, event = line[:-1].partition(b" ")
        return subject.decode(), event

    def acknowledge(self, entry: Entry, position: int) -> None:
        """The stream has this event at that position."""
        if entry.position is not None:
            return
        entry.position = position
        entry.segment.waiting -= 1
        for waiter in entry.waiters:
            if not waiter.done():
                waiter.set_result(position)
        while self.entries and self.entries[0].position is not None:
            self.entries.popleft()
        self._drop_if_done(entry.segment)

    async def acknowledged(self, entry: Entry) -> int:
        """Wait until the stream has the event; its position."""
        if entry.position is not None:
            return entry.position
        waiter: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        entry.waiters.append(waiter)
        return await waiter

    def close(self) -> None:
        """Close the files; those that still hold waiting events stay on disk."""
        waiting = (entry.segment for entry in self.entries if entry.position is None)
        for segment in {segment.path: segment for segment in waiting}.values():
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

    def _add(self, entry: Entry) -> None:
        entry.segment.waiting += 1
        self.entries.append(entry)
        self.wake.set()

    def _recover(self, path: Path) -> None:
        """Take up a segment of an earlier worker. A last line cut short by its death was never numbered as sent."""
        self._last_segment = int(path.stem)
        content = path.read_bytes()
        segment = Segment(path, os.open(path, os.O_RDONLY), len(content))
        for offset, line in _lines(content):
            event_id = _event_id(line)
            if event_id is not None:
                self._add(Entry(event_id, segment, offset, len(line)))
        self._drop_if_done(segment)


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
