"""Databases of many artifacts, written in SQL, each with the row of the file that it is."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from recorder.projections import PROJECTIONS
from recorder.store import Transaction, open_store
from tests.support.recorder_spec import apply, message
from tests.support.recorder_worker import FakeRun

RUN = "00000000-0000-7000-8000-0000000000aa"
RUNTIME = "00000000-0000-7000-8000-0000000000bb"
SPACE = "00000000-0000-7000-8000-000000000001"
AT_ONCE = 20_000
FIRST_MS = 1_767_225_600_000  # the beginning of 2026

_NUMBERS = """
WITH RECURSIVE numbers (n) AS (SELECT ? UNION ALL SELECT n + 1 FROM numbers WHERE n + 1 < ?)
"""
_COMMON = f"""
printf('00000000-0000-7000-8000-%012d', n), '{SPACE}', '{RUN}', '{RUNTIME}', 'download',
printf('report-%d.pdf', n), printf('downloads/report-%d.pdf', n), 'application/pdf', 1000 + n,
printf('%064x', n), strftime('%Y-%m-%dT%H:%M:%S.000Z', {FIRST_MS // 1000} + n * 60, 'unixepoch')
"""
_COLUMNS = """
id, space_id, run_id, runtime_id, kind, name, path, content_type, size_bytes, sha256, created_at
"""
_FILES = f"INSERT INTO files ({_COLUMNS}) {_NUMBERS} SELECT {_COMMON} FROM numbers"
_ARTIFACTS = f"""
INSERT INTO artifacts ({_COLUMNS}, epoch, position) {_NUMBERS} SELECT {_COMMON}, 1, n FROM numbers
"""


async def many_files(file: Path, count: int, say: Callable[[int], None]) -> None:
    """Make a database of one run that has produced so many; all of them are filed."""
    file.parent.mkdir(parents=True, exist_ok=True)
    async with open_store(file, PROJECTIONS) as store:
        run = FakeRun("w1", SPACE, RUNTIME, RUN)
        await apply(store, [message(1, run.launching())])
        await store.write(_forget_stream)
        for first in range(0, count, AT_ONCE):
            await store.write(partial(_add, first=first, end=min(first + AT_ONCE, count)))
            say(first)


def _forget_stream(transaction: Transaction) -> None:
    """A recorder then follows whatever stream there is."""
    transaction.execute("DELETE FROM checkpoints")


def _add(transaction: Transaction, first: int, end: int) -> None:
    for sql in (_FILES, _ARTIFACTS):
        transaction.execute(sql, (first, end))
