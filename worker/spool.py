"""The files of the outbox: segments of text lines, the reserve for last events, and what had to be put aside.

version                  the format; a directory without it is of version 1
0000000001.events        a segment: lines `<subject> <event as JSON>`
0000000002.last.events   the reserve, once last events were written into it; its unwritten end is zeros
reserve                  room on the disk that nobody else can take
set-aside/*.events       segments of events that the stream refuses for their own sake; tried again at each start
unreadable/*.lines       lines that are no events, as they were found
"""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import structlog
from msgspec import Struct

from schemas.codec import EventUnreadable, decode_event
from schemas.envelope import Event
from schemas.problems import CannotStart

log = structlog.get_logger(__name__)

VERSION = 1
SUFFIX = ".events"
LAST_SUFFIX = ".last.events"
_SUBJECT = re.compile(rb"runs(\.[A-Za-z0-9_-]+){2,}")


class SpoolFull(OSError):
    """The spool takes no more events now."""

    def __init__(self, reason: str) -> None:
        super().__init__(errno.ENOSPC, reason)


class Segment(Struct, eq=False):
    """One file. `waiting` counts its events that are not acknowledged."""

    path: Path
    descriptor: int
    size_bytes: int = 0
    waiting: int = 0

    def append(self, line: bytes) -> int:
        """Write a line; its offset. Raises OSError, and then nothing of it is there."""
        offset = self.size_bytes
        written = os.pwrite(self.descriptor, line, offset)
        if written != len(line):
            os.ftruncate(self.descriptor, offset)
            raise OSError(errno.ENOSPC, f"only {written} of {len(line)} bytes fitted")
        self.size_bytes = offset + written
        return offset


class Line(NamedTuple):
    """An event as it stands in a segment."""

    offset: int
    size_bytes: int
    subject: str
    event: Event


class Spool:
    """The directory of one outbox. What it is asked to write may raise OSError."""

    def __init__(self, directory: Path, reserve_bytes: int) -> None:
        self.reserve_bytes = reserve_bytes
        self.unreadable = 0
        self._directory = directory
        self._aside = directory / "set-aside"
        self._unreadable = directory / "unreadable"
        self._reserve: Segment | None = None
        self._last_number = 0

    @classmethod
    def open(cls, directory: Path, reserve_bytes: int) -> Spool:
        """The spool in that directory. Raises OSError, and CannotStart for one of a later version."""
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        _check_version(directory)
        spool = cls(directory, reserve_bytes)
        for path in directory.rglob("[0-9]*"):  # a number is used once: also by what was kept of it
            spool._last_number = max(spool._last_number, _number(path))
        spool.unreadable = sum(map(_count_lines, spool._unreadable.glob("*.lines")))
        return spool

    # segments

    def left(self) -> list[Path]:
        """The segments that an earlier worker left, in the order in which their events come."""
        return [
            *sorted(self._aside.glob(f"*{SUFFIX}")),
            *sorted(self._directory.glob(f"*{SUFFIX}")),
        ]

    def is_aside(self, path: Path) -> bool:
        """Whether a segment is of events that were set aside."""
        return path.parent == self._aside

    def new_segment(self) -> Segment:
        """A segment to write to."""
        return _made(self._new_path(self._directory, SUFFIX))

    def new_aside(self) -> Segment:
        """A segment for events that are set aside."""
        self._aside.mkdir(mode=0o700, exist_ok=True)
        return _made(self._new_path(self._aside, SUFFIX))

    def recovered(self, path: Path) -> tuple[Segment, list[Line]]:
        """A segment that was left, and its events; what is none is kept in a file of its own."""
        content = path.read_bytes()
        if path.name.endswith(LAST_SUFFIX):
            content = content.rstrip(b"\0")
            os.truncate(path, len(content))
        lines, unreadable = _read(path, content)
        if unreadable:
            self._keep_unreadable(path, unreadable)
        return Segment(path, os.open(path, os.O_RDONLY), len(content)), lines

    def _new_path(self, directory: Path, suffix: str) -> Path:
        self._last_number += 1
        return directory / f"{self._last_number:010d}{suffix}"

    def _keep_unreadable(self, path: Path, lines: list[bytes]) -> None:
        """Copy them once, whole or not at all: as long as the segment waits, each start finds them there again."""
        kept = self._unreadable / f"{path.name.partition('.')[0]}.lines"
        if not kept.exists():
            self._unreadable.mkdir(mode=0o700, exist_ok=True)
            unfinished = kept.with_suffix(".unfinished")
            unfinished.write_bytes(b"".join(lines))
            unfinished.rename(kept)
            self.unreadable += len(lines)
        log.error(
            "outbox.unreadable",
            code="spool.line_unreadable",
            segment=str(path),
            lines=len(lines),
            kept_in=str(kept),
        )

    # the reserve

    def has_reserve(self) -> bool:
        """Whether there is room on the disk for last events."""
        return self._reserve is not None

    def make_reserve(self) -> None:
        """Take room on the disk, so that nobody else can. Raises OSError."""
        path = self._directory / "reserve"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(descriptor, 0, self.reserve_bytes)
        except OSError:
            os.close(descriptor)
            path.unlink()
            raise
        self._reserve = Segment(path, descriptor)

    def take_reserve(self) -> Segment:
        """The reserve as a segment. Raises SpoolFull when it is used up already, OSError."""
        reserve = self._reserve
        if reserve is None:
            raise SpoolFull("the reserve of the spool is used up too")
        path = self._new_path(self._directory, LAST_SUFFIX)
        reserve.path.rename(path)
        reserve.path, self._reserve = path, None
        return reserve

    def close(self) -> None:
        """The reserve stays on the disk: it may be full at the next start."""
        if self._reserve is not None:
            os.close(self._reserve.descriptor)
            self._reserve = None

    def disk(self) -> tuple[int, int]:
        """How many bytes the disk would still take, and how large it is. Raises OSError."""
        disk = os.statvfs(self._directory)
        return disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize


def _check_version(directory: Path) -> None:
    path = directory / "version"
    try:
        found = path.read_text(encoding="ascii", errors="replace").strip()
    except FileNotFoundError:
        found = ""
    if not found:  # of the first version, or of a worker that died while it wrote this
        path.write_text(f"{VERSION}\n")
    elif found != str(VERSION):
        raise CannotStart(
            f"The spool in {directory} was written by a later version of Runreel"
            f" (its format is {found}; this one reads {VERSION}).",
            "Let that version publish what waits there, or set another RUNREEL_STATE_DIR.",
        )


def _made(path: Path) -> Segment:
    return Segment(path, os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def _number(path: Path) -> int:
    digits = path.name.partition(".")[0]
    return int(digits) if digits.isdecimal() else 0


def _count_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n")


def _read(path: Path, content: bytes) -> tuple[list[Line], list[bytes]]:
    """The events of a segment, and the lines that are none."""
    lines: list[Line] = []
    unreadable: list[bytes] = []
    for offset, text in _whole_lines(path, content):
        line = _find_event(offset, text)
        if line is None:
            unreadable.append(text)
        else:
            lines.append(line)
    return lines, unreadable


def _whole_lines(path: Path, content: bytes) -> Iterator[tuple[int, bytes]]:
    """Lines with their offsets. A last one cut short never had a number: whoever wrote it died in the middle."""
    offset = 0
    for text in content.split(b"\n")[:-1]:
        yield offset, text + b"\n"
        offset += len(text) + 1
    if offset < len(content):
        log.warning(
            "outbox.last_line_cut_short",
            segment=str(path),
            bytes=len(content) - offset,
            reason="a worker died while it wrote it; that event never had a number",
        )


def _find_event(offset: int, text: bytes) -> Line | None:
    subject, _, message = text.partition(b" ")
    if _SUBJECT.fullmatch(subject) is None:
        return None
    try:
        return Line(offset, len(text), subject.decode(), decode_event(message))
    except EventUnreadable:
        return None
