"""The table `events`, from RUNS: what one filters and orders by. Bodies stay in the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from operator import itemgetter

from msgspec import UNSET

from recorder.entries import Entry, Message
from recorder.projections.projection import Change, Projection, Rows
from schemas import subjects
from schemas.envelope import Event
from schemas.events import category_of
from schemas.events.runtime import RuntimeLifecycle

_DDL = """
CREATE TABLE events (
  run_id        TEXT NOT NULL,
  epoch         INTEGER NOT NULL,
  position      INTEGER NOT NULL,
  id            TEXT NOT NULL,
  type          TEXT NOT NULL,
  category      TEXT NOT NULL,
  time          TEXT NOT NULL,
  source        TEXT NOT NULL,
  sequence      INTEGER NOT NULL,
  status        TEXT,
  name          TEXT,
  page_id       TEXT,
  context_id    TEXT,
  connection_id TEXT,
  duration_ms   INTEGER,
  terminal      INTEGER NOT NULL,
  late          INTEGER NOT NULL,
  PRIMARY KEY (run_id, epoch, position)
) WITHOUT ROWID
"""
_ENDS = "CREATE INDEX events_that_end ON events (run_id) WHERE terminal"

# Late is what comes after a terminal event of its run: `project` marks what is late within its entries,
# and the table knows what ended before them. Left to itself, SQLite asks the primary key, and so reads
# the whole run for each of its events.
_BEFORE = """
INSERT INTO events
  (run_id, epoch, position, id, type, category, time, source, sequence, status, name, page_id,
   context_id, connection_id, duration_ms, terminal, late)
SELECT
  column1, column2, column3, column4, column5, column6, column7, column8, column9, column10, column11,
  column12, column13, column14, column15, column16, column17 OR EXISTS (
    SELECT 1 FROM events INDEXED BY events_that_end WHERE run_id = column1 AND terminal)
FROM (VALUES
"""
_ROW = "(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_AFTER = ")"


def project(entries: Sequence[Entry]) -> Iterator[Change]:
    """One row an event whose envelope can be read, also where its body cannot be."""
    ended: set[object] = set()
    rows = []
    for entry in entries:
        if (event := entry.event) is None:
            continue
        terminal = isinstance(entry.data, RuntimeLifecycle) and entry.data.phase == "ended"
        rows.append(_row(entry.message, event, terminal, event.runid in ended))
        if terminal:
            ended.add(event.runid)
    # Row by row along the key, each goes beside the one before it.
    rows.sort(key=itemgetter(slice(3)))
    yield Rows(_BEFORE, _ROW, _AFTER, rows)


def _row(message: Message, event: Event, terminal: bool, late: bool) -> tuple[object, ...]:
    return (
        event.runid,
        message.epoch,
        message.position,
        event.id,
        event.type,
        category_of(event.type),
        event.time,
        "worker" if event.by_worker else "recorder",
        event.number,
        event.status or None,
        event.name or None,
        event.pageid or None,
        event.contextid or None,
        event.connectionid or None,
        None if event.durationms is UNSET else event.durationms,
        terminal,
        late,
    )


EVENTS = Projection(
    name="events",
    version=1,
    stream=subjects.RUNS,
    tables=("events",),
    ddl=(_DDL, _ENDS),
    project=project,
)
