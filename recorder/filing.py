"""Files what runs have produced: a fact on CONTROL about each artifact, so that it outlives its run.

Each artifact once, in the order of RUNS; one that is filed already, by whichever recorder, is passed over. Nothing is
written while CONTROL is not read to its end, for it may have the fact, nor once CONTROL is nearly full: what is set up
goes before, and an artifact that is not filed is still in the tables, where its run stays with it.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence

import structlog
from msgspec import UNSET

from recorder.bus import Bus, StreamUnreachable
from recorder.consumer import Consumer
from recorder.facts import Facts
from recorder.in_order import InOrder
from recorder.store import Store
from schemas import subjects
from schemas.events.file import FileCreated
from schemas.ids import is_token
from schemas.problems import StorageUnavailable

log = structlog.get_logger()

ROUND_SECONDS = 1.0
AT_ONCE = 500
TOGETHER = 50  # facts that are on their way at the same time
FULL = 0.9

NEWEST = "SELECT epoch, position FROM artifacts ORDER BY epoch DESC, position DESC LIMIT 1"
NOT_FILED_AFTER = """
SELECT * FROM artifacts INDEXED BY artifacts_by_place
WHERE (epoch, position) > (?, ?) AND (epoch, position) <= (?, ?)
  AND NOT EXISTS (SELECT 1 FROM files WHERE files.id = artifacts.id)
ORDER BY epoch, position LIMIT ?
"""


class Filing:
    """`alarm` is a sentence while CONTROL is nearly full and artifacts wait, or once one can never be filed."""

    def __init__(self, bus: Bus, store: Store, facts: Facts, control: Consumer) -> None:
        self._bus = bus
        self._facts = facts
        self._control = control
        self._artifacts = InOrder(store, NEWEST, NOT_FILED_AFTER, AT_ONCE)
        self._full: str | None = None
        self._never: str | None = None

    @property
    def alarm(self) -> str | None:
        """What a person should see to, if anything."""
        return self._full or self._never

    async def run(self) -> None:
        """Round after round, until cancelled."""
        while True:
            try:
                while await self._some():
                    pass
            except (StorageUnavailable, StreamUnreachable) as problem:
                log.warning("filing.interrupted", reason=str(problem))
            except (
                Exception
            ):  # no run may leave without its files, so none does until somebody looks
                log.exception("filing.failed")
            await asyncio.sleep(ROUND_SECONDS)

    async def _some(self) -> bool:
        """The next artifacts; whether there may be more."""
        if self._control.state != "following" or self._control.lag:
            return False
        rows = await self._artifacts.next()
        if not rows:
            self._full = None  # another recorder may have filed what waited
            return False
        if not await self._has_room():
            return False
        for first in range(0, len(rows), TOGETHER):
            await self._file(rows[first : first + TOGETHER])
        self._artifacts.passed(rows[-1])
        return True

    async def _file(self, rows: Sequence[sqlite3.Row]) -> None:
        sendable = [row for row in rows if self._may_be_sent(row)]
        filed = (self._facts.create_file(_file_of(row), row["space_id"]) for row in sendable)
        failed = [each for each in await asyncio.gather(*filed, return_exceptions=True) if each]
        if failed:
            raise failed[0]

    def _may_be_sent(self, row: sqlite3.Row) -> bool:
        """What is part of a subject: one that the server refuses would be tried for ever, and hold back all others."""
        if is_token(row["id"]) and is_token(row["space_id"]):
            return True
        self._never = (
            f"An artifact of run {row['run_id']} has an id that no file can have, so it is not filed, and this run"
            " stays in the tables."
        )
        log.error("filing.impossible", run_id=row["run_id"], artifact_id=row["id"][:100])
        return False

    async def _has_room(self) -> bool:
        room = await self._bus.room(subjects.CONTROL)
        full = room.max_bytes > 0 and room.bytes > FULL * room.max_bytes
        before, self._full = self._full, None
        if full:
            self._full = (
                f"CONTROL is {room.bytes / room.max_bytes:.0%} full, so what runs produce is not filed any more, and"
                " those runs stay in the tables: `nats stream edit CONTROL --max-bytes …`, and then the same in"
                " RUNREEL_CONTROL_MAX_BYTES."
            )
            if not before:
                log.error("filing.held_back", code="stream.nearly_full", message=self._full)
        return not full


def _file_of(row: sqlite3.Row) -> FileCreated:
    return FileCreated(
        file_id=row["id"],
        name=row["name"],
        path=row["path"],
        content_type=row["content_type"],
        size_bytes=row["size_bytes"],
        sha256=row["sha256"],
        created_at=row["created_at"],
        kind=row["kind"],
        run_id=row["run_id"],
        runtime_id=row["runtime_id"] or UNSET,
    )
