"""The tables `activity` and `activity_state`, from RUNS: the story of each run for people, and what is remembered of it
while it goes on. What the story is, `recorder.story` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from recorder.entries import Entry
from recorder.projections.projection import Change, Projection, Rows, Step
from recorder.story import state as states
from recorder.story.fold import Told, fold, is_told
from recorder.story.kinds import kind_of
from recorder.story.state import Row
from recorder.story.words import message_of
from schemas import codec, subjects

_DDL = """
CREATE TABLE activity (
  run_id           TEXT NOT NULL,
  epoch            INTEGER NOT NULL,
  position         INTEGER NOT NULL,
  id               TEXT NOT NULL,
  type             TEXT NOT NULL,
  category         TEXT NOT NULL,
  view             TEXT NOT NULL,
  severity         TEXT NOT NULL,
  status           TEXT NOT NULL,
  time             TEXT NOT NULL,
  message          TEXT NOT NULL,
  duration_ms      INTEGER,
  parent_epoch     INTEGER,
  parent_position  INTEGER,
  parent_id        TEXT,
  invocation_id    TEXT,
  tool_call_id     TEXT,
  file_id          TEXT,
  data             BLOB NOT NULL,
  changed_epoch    INTEGER NOT NULL,
  changed_position INTEGER NOT NULL,
  PRIMARY KEY (run_id, epoch, position)
) WITHOUT ROWID
"""
_BY_CHANGE = """
CREATE INDEX activity_by_change ON activity (run_id, changed_epoch, changed_position)
"""
_STATES = """
CREATE TABLE activity_state (
  run_id   TEXT NOT NULL,
  epoch    INTEGER NOT NULL,
  position INTEGER NOT NULL,
  state    BLOB NOT NULL,
  PRIMARY KEY (run_id, epoch, position)
) WITHOUT ROWID
"""

FIND_STATES = """
SELECT run_id, state FROM activity_state
WHERE run_id IN (SELECT value FROM json_each(:run_ids))
"""
_COLUMNS = (
    "run_id", "epoch", "position", "id", "type", "category", "view", "severity", "status", "time", "message",
    "duration_ms", "parent_epoch", "parent_position", "parent_id", "invocation_id", "tool_call_id", "file_id", "data",
    "changed_epoch", "changed_position",
)  # fmt: skip
_KEY = ("run_id", "epoch", "position", "id", "time")  # what a row keeps
_TELL = f"INSERT INTO activity ({', '.join(_COLUMNS)}) VALUES\n"
_ROW = f"({', '.join('?' * len(_COLUMNS))})"
_AGAIN = "\nON CONFLICT (run_id, epoch, position) DO UPDATE SET " + ", ".join(
    f"{name} = excluded.{name}" for name in _COLUMNS if name not in _KEY
)
_REMEMBER = "INSERT INTO activity_state (run_id, epoch, position, state) VALUES\n"
_STATE_ROW = "(?, ?, ?, ?)"
_REMEMBER_ANEW = """
ON CONFLICT (run_id, epoch, position) DO UPDATE SET state = excluded.state
"""


def project(entries: Sequence[Entry]) -> Iterator[Change]:
    """The rows that the entries change, of all runs together, each once."""
    runs: dict[str, list[Entry]] = {}
    run_id, of_run = "", list[Entry]()
    for entry in entries:
        if not is_told(entry):
            continue
        if entry.event is not None and entry.event.runid != run_id:  # they come several in a row
            run_id = entry.event.runid or ""
            of_run = runs.setdefault(run_id, [])
        of_run.append(entry)
    if runs:
        values = {"run_ids": codec.encode(list(runs)).decode()}
        yield Step(FIND_STATES, values, partial(_go_on, runs))


def _go_on(runs: dict[str, list[Entry]], kept: Sequence[Sequence[Any]]) -> Iterator[Change]:
    known = {run_id: states.from_bytes(state) for run_id, state in kept}
    told = [fold(known.get(run_id), entries, run_id) for run_id, entries in runs.items()]
    rows = [values_of(each.state.run_id, row) for each in told for row in each.rows]
    yield Rows(_TELL, _ROW, _AGAIN, rows)
    yield Rows(_REMEMBER, _STATE_ROW, _REMEMBER_ANEW, [_state_of(each) for each in told])


def _state_of(told: Told) -> tuple[object, ...]:
    state = told.state
    return state.run_id, state.epoch, state.position, states.to_bytes(state)


def values_of(run_id: str, row: Row) -> tuple[object, ...]:
    """A row as the table has it."""
    return (
        run_id,
        row.epoch,
        row.position,
        row.id,
        row.type,
        kind_of(row.type).category,
        row.view,
        row.severity,
        row.status,
        row.time,
        message_of(row),
        row.duration_ms,
        row.parent_epoch,
        row.parent_position,
        row.parent_id,
        row.invocation_id,
        row.tool_call_id,
        row.file_id,
        codec.encode(row.data),
        row.changed_epoch,
        row.changed_position,
    )


ACTIVITY = Projection(
    name="activity",
    version=2,
    stream=subjects.RUNS,
    tables=("activity", "activity_state"),
    ddl=(_DDL, _BY_CHANGE, _STATES),
    project=project,
)
