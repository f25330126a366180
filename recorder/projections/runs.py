"""The table `runs`, from RUNS: one row a run, from whichever of its events comes first.

The first terminal event in stream order wins, and the row says where it stands. What comes after it is
counted `late` and reopens nothing. `arrived` counts the worker's events; it differs from `last_sequence`
while numbers miss.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct, structs

from recorder.entries import Entry, Message
from recorder.projections.projection import Change, Projection, Rows, Statement
from schemas import ends, subjects
from schemas.envelope import Event
from schemas.events import EventData
from schemas.events.command import CommandQueued
from schemas.events.runtime import RuntimeLifecycle
from schemas.events.tool import ToolCallStarted

_DDL = """
CREATE TABLE runs (
  id               TEXT NOT NULL PRIMARY KEY,
  runtime_id       TEXT NOT NULL,
  runtime_type     TEXT NOT NULL,
  space_id         TEXT NOT NULL,
  status           TEXT NOT NULL,
  created_at       TEXT NOT NULL,
  started_at       TEXT,
  finished_at      TEXT,
  end_code         TEXT,
  end_message      TEXT,
  end_epoch        INTEGER,
  end_position     INTEGER,
  gateway_url      TEXT,
  wall             TEXT,
  egress           TEXT,
  last_activity_at TEXT NOT NULL,
  events           INTEGER NOT NULL,
  last_sequence    INTEGER NOT NULL,
  arrived          INTEGER NOT NULL,
  late             INTEGER NOT NULL,
  invocations      INTEGER NOT NULL,
  tool_calls       INTEGER NOT NULL
) WITHOUT ROWID
"""
_BY_TIME = "CREATE INDEX runs_by_time ON runs (created_at, id)"
_BY_RUNTIME = "CREATE INDEX runs_by_runtime ON runs (runtime_id, created_at, id)"
_BY_SPACE = "CREATE INDEX runs_by_space ON runs (space_id, created_at, id)"
_OPEN = "CREATE INDEX runs_open ON runs (created_at, id) WHERE finished_at IS NULL"
_BY_END = "CREATE INDEX runs_by_end ON runs (end_epoch, end_position) WHERE finished_at IS NOT NULL"

_BEFORE = """
INSERT INTO runs
  (id, runtime_id, runtime_type, space_id, status, created_at, started_at, finished_at, end_code,
   end_message, end_epoch, end_position, gateway_url, wall, egress, last_activity_at, events,
   last_sequence, arrived, late, invocations, tool_calls)
VALUES
"""
_ADD_UP = """
ON CONFLICT (id) DO UPDATE SET
  late             = late + CASE WHEN finished_at IS NULL THEN 0 ELSE excluded.events END,
  last_activity_at = max(last_activity_at, excluded.last_activity_at),
  events           = events + excluded.events,
  last_sequence    = max(last_sequence, excluded.last_sequence),
  arrived          = arrived + excluded.arrived,
  invocations      = invocations + excluded.invocations,
  tool_calls       = tool_calls + excluded.tool_calls
"""
# What most events do. To name `created_at` would be to write the three indexes that hold it anew.
_COUNT_ROW = """
(?, ?, 'browser', ?, 'active', ?, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, ?, ?, ?, ?, 0,
 ?, ?)
"""
# In DO UPDATE a bare column is the row as it was: `finished_at IS NULL` asks whether the run was
# still open before this event.
_MOVE = f"""{_BEFORE}
  (:id, :runtime_id, 'browser', :space_id, :status, :first_at, :ready_at, :ended_at, :end_code,
   :end_message, :end_epoch, :end_position, :gateway_url, :wall, :egress, :last_at, :events,
   :last_sequence, :arrived, 0, :invocations, :tool_calls)
{_ADD_UP.rstrip()},
  created_at       = CASE WHEN :opens THEN excluded.created_at ELSE created_at END,
  gateway_url      = coalesce(gateway_url, excluded.gateway_url),
  wall             = coalesce(wall, excluded.wall),
  egress           = coalesce(egress, excluded.egress),
  status           = CASE WHEN finished_at IS NULL THEN excluded.status ELSE status END,
  started_at       = CASE WHEN finished_at IS NULL
                          THEN coalesce(started_at, excluded.started_at) ELSE started_at END,
  end_code         = CASE WHEN finished_at IS NULL THEN excluded.end_code ELSE end_code END,
  end_message      = CASE WHEN finished_at IS NULL THEN excluded.end_message ELSE end_message END,
  finished_at      = coalesce(finished_at, excluded.finished_at),
  end_epoch        = coalesce(end_epoch, excluded.end_epoch),
  end_position     = coalesce(end_position, excluded.end_position)
"""


class Tally(Struct):
    """Events of one run that nothing of its life stands between."""

    runtime_id: str
    space_id: str
    first_at: str
    last_at: str
    events: int = 0
    last_sequence: int = 0
    arrived: int = 0
    invocations: int = 0
    tool_calls: int = 0

    def count(self, event: Event, data: EventData | None) -> Tally:
        """One more."""
        self.last_at = max(self.last_at, event.time)
        self.events += 1
        if event.by_worker:
            self.last_sequence = max(self.last_sequence, event.number)
            self.arrived += 1
        if isinstance(data, CommandQueued):
            self.invocations += data.execution_mode == "hosted"
        elif isinstance(data, ToolCallStarted):
            self.tool_calls += 1
        return self


def project(entries: Sequence[Entry]) -> Iterator[Change]:
    """Events are counted together; one of the run's life goes alone, after what was counted before it."""
    tallies: dict[str, Tally] = {}
    for entry in entries:
        event = entry.event
        if event is None or not event.runid:
            continue
        tally = tallies.get(event.runid)
        if not isinstance(entry.data, RuntimeLifecycle):
            tallies[event.runid] = (tally or _nothing_before(event)).count(event, entry.data)
            continue
        if tally is not None:
            yield _count({event.runid: tallies.pop(event.runid)})
        yield _move(entry.message, event, entry.data)
    yield _count(tallies)


def _nothing_before(event: Event) -> Tally:
    return Tally(event.runtimeid or "", event.spaceid, first_at=event.time, last_at=event.time)


def _count(tallies: Mapping[str, Tally]) -> Rows:
    rows = [
        (
            run_id,
            tally.runtime_id,
            tally.space_id,
            tally.first_at,
            tally.last_at,
            tally.events,
            tally.last_sequence,
            tally.arrived,
            tally.invocations,
            tally.tool_calls,
        )
        for run_id, tally in tallies.items()
    ]
    return Rows(_BEFORE, _COUNT_ROW, _ADD_UP, rows)


def _move(message: Message, event: Event, data: RuntimeLifecycle) -> Statement:
    tally = structs.asdict(_nothing_before(event).count(event, data))
    moved = _moved(message, event, data)
    return Statement(_MOVE, {"id": event.runid, **tally, **_STILL, **moved})


ENDED = ("stopped", "failed")
_STILL: dict[str, object] = {
    "status": "active",
    "opens": False,
    "ready_at": None,
    "ended_at": None,
    "end_code": None,
    "end_message": None,
    "end_epoch": None,
    "end_position": None,
    "gateway_url": None,
    "wall": None,
    "egress": None,
}


def _moved(message: Message, event: Event, data: RuntimeLifecycle) -> dict[str, object]:
    moved: dict[str, object] = {
        "gateway_url": data.gateway_url or None,
        "wall": data.wall or None,
        "egress": data.egress or None,
    }
    if data.phase == "launching":
        moved["opens"] = True
    elif data.phase == "ready":
        moved["ready_at"] = event.time
    else:
        moved |= _ended(message, event, data)
    return moved


def _ended(message: Message, event: Event, data: RuntimeLifecycle) -> dict[str, object]:
    code, why = ends.words_of(data.code or "", data.message or "")
    return {
        "status": event.status if event.status in ENDED else _usual_status(ends.ENDS.get(code)),
        "ended_at": event.time,
        "end_epoch": message.epoch,
        "end_position": message.position,
        "end_code": code,
        "end_message": why,
    }


def _usual_status(known: ends.End | None) -> str:
    return known.status if known else "failed"


RUNS = Projection(
    name="runs",
    version=4,
    stream=subjects.RUNS,
    tables=("runs",),
    ddl=(_DDL, _BY_TIME, _BY_RUNTIME, _BY_SPACE, _OPEN, _BY_END),
    project=project,
)
