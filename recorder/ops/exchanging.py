"""Puts a new database in the place of the live one: by the recorder that has it, or by ourselves."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from recorder.admin import RecorderNotRunning, ask
from recorder.admin.messages import Adopt, Adopted, Refused
from recorder.ops.progress import Progress, Tell
from recorder.ops.tail import HistoriesDiffer, bring_up
from recorder.projections import PROJECTIONS
from recorder.store.exchange import FileInUse, exchange, put_wal_away
from recorder.store.lock import only_recorder_of
from schemas.problems import CannotStart


async def put_in_place(file: Path, database: Path, follows: Sequence[str], tell: Tell) -> Adopted:
    """Complete the file with what the live tables have beyond it of these streams, and exchange the two.

    Raises CannotStart; then the live one is as it was.
    """
    progress = Progress("swapping", 1, tell)
    progress.at(0)
    try:
        answer = await ask(database, Adopt(file=str(file), streams=tuple(follows)), seconds=None)
    except RecorderNotRunning:
        answer = await asyncio.to_thread(_ourselves, file, database, follows)
    if isinstance(answer, Refused):
        raise CannotStart(answer.message, answer.hint)
    if not isinstance(answer, Adopted):
        raise CannotStart("The recorder answered something else.", "Is it of the same version?")
    progress.at(1)
    return answer


def _ourselves(file: Path, database: Path, follows: Sequence[str]) -> Adopted:
    """No recorder has the database: we take its lock for as long as it takes."""
    since = time.perf_counter()
    with only_recorder_of(database):
        try:
            brought = bring_up(database, file, follows, PROJECTIONS)
            with closing(sqlite3.connect(database, isolation_level=None)) as connection:
                put_wal_away(connection)
        except HistoriesDiffer as error:
            raise CannotStart(f"{error}.", "Begin the rebuild anew.") from error
        except FileInUse as error:
            raise CannotStart(f"Another program is reading {database}.", "End it first.") from error
        exchange(file, database)
    return Adopted(brought=brought, paused_seconds=time.perf_counter() - since)
