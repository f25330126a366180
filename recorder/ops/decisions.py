"""What operators decided about the quarantine holds in a database that is made anew, too."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection

from recorder.ops.scratch import Scratch

_DECISIONS = """
SELECT stream, epoch, position, owner, code, projection, reason, skipped FROM quarantine
WHERE skipped ORDER BY stream, epoch, position
"""
_DECIDE = "INSERT OR IGNORE INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?)"

# The same message, wherever it stands now: by its event's id, else by what it says.
_WHICH = """
SELECT log.event_id, log.subject, log.raw FROM quarantine JOIN log USING (stream, epoch, position)
WHERE skipped ORDER BY stream, epoch, position
"""
_STILL_PARKED = """
SELECT stream, epoch, position, quarantine.owner FROM log JOIN quarantine USING (stream, epoch, position)
WHERE NOT skipped AND event_id IS ? AND subject = ? AND raw = ?
"""
_SKIP = "UPDATE quarantine SET skipped = 1 WHERE (stream, epoch, position) = (?, ?, ?)"


def foresee(live: sqlite3.Connection, scratch: Scratch, streams: Collection[str]) -> None:
    """Before anything is replayed: what will stand at the same positions again is skipped there."""
    rows = [row for row in live.execute(_DECISIONS) if row[0] in streams]
    with scratch.transaction() as transaction:
        for row in rows:
            transaction.execute(_DECIDE, row)


def catch_up(live: sqlite3.Connection, scratch: Scratch) -> None:
    """After it: what was decided meanwhile, and about messages that stand elsewhere now."""
    for message in live.execute(_WHICH).fetchall():
        for stream, epoch, position, owner in scratch.rows(_STILL_PARKED, message):
            with scratch.transaction() as transaction:
                transaction.execute(_SKIP, (stream, epoch, position))
            scratch.go_on(stream, owner)
