"""One recorder a file: two that write or checkpoint at once can corrupt it (SQLite < 3.51.3)."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from schemas.problems import CannotStart


@contextmanager
def only_recorder_of(database: Path) -> Iterator[None]:
    """Hold the file's lock; the kernel lets go of it when the process ends, however it ends."""
    lock = database.with_name(database.name + ".lock")
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


def _take(descriptor: int, database: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CannotStart(
            f"Another recorder is using {database}.",
            "Stop it first, or give this one a file of its own with RUNREEL_DATABASE.",
        ) from error
