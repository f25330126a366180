"""Python, SQLite, limits of the kernel."""

from __future__ import annotations

import platform
import resource
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from importlib import metadata
from pathlib import Path

from deploy.ops.checks.check import Check, numbers
from deploy.terminal_text import size

OLDEST_SQLITE = (3, 35)
SQLITE_WITHOUT_WAL_BUG = (3, 51, 3)
FEW_FILES = 4096
TOO_FEW_FILES = 256
SHM = Path("/dev/shm")
SMALL_SHM_BYTES = 256 * 1024**2


def checks() -> Iterator[Check]:
    """All of them."""
    yield Check("python.version", "Python", "fine", platform.python_version())
    yield sqlite(sqlite3.sqlite_version)
    yield text_search()
    yield Check("nats_py.version", "nats-py", "fine", metadata.version("nats-py"))
    yield open_files(*resource.getrlimit(resource.RLIMIT_NOFILE))
    yield shared_memory()


def sqlite(version: str) -> Check:
    """Old ones lack what we use, or have a bug that one writer a file keeps asleep."""
    name = "SQLite"
    if numbers(version) < OLDEST_SQLITE:
        advice = "The recorder needs 3.35 or newer: use a Python that is built with one."
        return Check("sqlite.version", name, "problem", version, advice)
    if numbers(version) < SQLITE_WITHOUT_WAL_BUG:
        held_off = "its WAL bug (gone in 3.51.3) needs two writers, and the lock allows one"
        return Check("sqlite.version", name, "fine", f"{version}; {held_off}")
    return Check("sqlite.version", name, "fine", version)


def text_search() -> Check:
    """A module of SQLite that nearly all are built with."""
    name = "FTS5"
    with closing(sqlite3.connect(":memory:")) as connection:
        if connection.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'").fetchall():
            return Check("sqlite.fts5", name, "fine", "there, for text search")
    advice = "Search (`q`, /v1/search) answers 503: use a Python whose SQLite has FTS5."
    return Check("sqlite.fts5", name, "notice", "missing", advice)


def open_files(soft: int, hard: int) -> Check:
    """Each browser takes some tens of them, each subscriber of the API one."""
    name, unlimited = "open files", resource.RLIM_INFINITY
    found = "no limit" if soft == unlimited else f"at most {soft:,}"
    advice = "Raise it: `ulimit -n 65536`, or LimitNOFILE=65536 in a systemd unit."
    if soft != unlimited and soft < TOO_FEW_FILES:
        return Check("limits.open_files", name, "problem", found, advice)
    if soft != unlimited and soft < FEW_FILES:
        room = "" if hard == unlimited else f" (up to {hard:,} allowed)"
        return Check("limits.open_files", name, "notice", found + room, advice)
    return Check("limits.open_files", name, "fine", found)


def shared_memory() -> Check:
    """Chromium hands pictures from process to process in it."""
    name = "/dev/shm"
    if not SHM.is_dir():
        advice = "Chromium uses its temporary directory instead, which is slower."
        return Check("machine.shm", name, "notice", "not there", advice)
    total_bytes = shutil.disk_usage(SHM).total
    if total_bytes < SMALL_SHM_BYTES:
        advice = "Pages crash when it is full: give a container `--shm-size=1g`."
        return Check("machine.shm", name, "notice", size(total_bytes), advice)
    return Check("machine.shm", name, "fine", size(total_bytes))
