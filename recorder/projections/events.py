"""The table `events`, from RUNS: what one filters and orders by. Bodies stay in the log."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import UNSET

from recorder.entries import Entry
from recorder.projections.projection import Projection, Statement
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

# Late is what comes after a terminal event of its run; the table itself knows, row by row. Left to
# itself, SQLite asks the primary key, and so reads the whole run for each of its events.
_ADD = """
INSERT INTO events
  (run_id, epoch, position, id, type, category, time, source, sequence, status, name, page_id,
   context_id, connection_id, duration_ms, terminal, late)
VALUES
  (:run_id, :epoch, :position, :id, :type, :category, :time, :source, :sequence, :status, :name,
   :page_id, :context_id, :connection_id, :duration_ms, :terminal,
   EXISTS (SELECT 1 FROM events INDEXED BY events_that_end WHERE run_id = :run_id AND terminal))
"""


def project(entries: Sequence[Entry]) -> Iterator[Statement]:
    """One row an event whose envelope can be read, also where its body cannot be."""
    for entry in entries:
        if entry.event is not None:
            yield Statement(_ADD, _row(entry, entry.event))


def _row(entry: Entry, event: Event) -> dict[str, object]:
    data = entry.data
    return {
        "run_id": event.runid,
        "epoch": entry.message.epoch,
        "position": entry.message.position,
        "id": event.id,
        "type": event.type,
        "category": category_of(event.type),
        "time": event.time,
        "source": "worker" if event.by_worker else "recorder",
        "sequence": event.number,
        "status": event.status or None,
        "name": event.name or None,
        "page_id": event.pageid or None,
        "context_id": event.contextid or None,
        "connection_id": event.connectionid or None,
        "duration_ms": None if event.durationms is UNSET else event.durationms,
        "terminal": isinstance(data, RuntimeLifecycle) and data.phase == "ended",
    }


EVENTS = Projection(
    name="events",
    version=1,
    stream=subjects.RUNS,
    tables=("events",),
    ddl=(_DDL, _ENDS),
    project=project,
)
