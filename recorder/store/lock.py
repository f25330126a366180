"""One recorder a file: two that write or checkpoint at once can corrupt it (SQLite < 3.51.3)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.problems import CannotStart

LOCKS = Path("/proc/locks")


def is_held(database: Path) -> bool:
    """Whether a recorder has the file, as far as the kernel shows us its process.

    Only looks: to try the lock would turn away a recorder that starts at this moment.
    """
    try:
        inode = _lock_file(database).stat().st_ino
        locks = LOCKS.read_text(encoding="ascii")
    except OSError:
        return False
    # 1: FLOCK  ADVISORY  WRITE 4711 fd:01:1573 0 EOF
    lines = [line.split() for line in locks.splitlines()]
    return any(
        line[1] == "FLOCK" and line[5].rpartition(":")[2] == str(inode)
        for line in lines
        if len(line) == 8
    )


@contextmanager
def only_recorder_of(database: Path) -> Iterator[None]:
    """Hold the file's lock; the kernel lets go of it when the process ends, however it ends."""
    lock = _lock_file(database)
    try:
        database.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise CannotStart(
            f"The directory {database.parent} cannot be written to ({error.strerror}).",
            "Set RUNREEL_DATABASE to a file in a directory of yours.",
        ) from error
    try:
        _take(descriptor, database)
        yield
    finally:
        os.close(descriptor)


def _lock_file(database: Path) -> Path:
    return database.with_name(database.name + ".lock")


def _take(descriptor: int, database: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CannotStart(
            f"Another recorder is using {database}.",
            "Stop it first, or give this one a file of its own with RUNREEL_DATABASE.",
        ) from error
