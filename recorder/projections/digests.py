"""The table `digests`, from CONTROL: what of a run is shown once its events have left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import structs

from recorder.entries import Entry
from recorder.projections.projection import Projection, Statement
from schemas import codec, subjects
from schemas.envelope import Event
from schemas.events.run import RunFinalised

_DDL = """
CREATE TABLE digests (
  id               TEXT NOT NULL PRIMARY KEY,
  runtime_id       TEXT NOT NULL,
  runtime_type     TEXT NOT NULL,
  space_id         TEXT NOT NULL,
  status           TEXT NOT NULL,
  created_at       TEXT NOT NULL,
  started_at       TEXT,
  finished_at      TEXT NOT NULL,
  last_activity_at TEXT NOT NULL,
  end_code         TEXT NOT NULL,
  end_message      TEXT NOT NULL,
  end_epoch        INTEGER NOT NULL,
  end_position     INTEGER NOT NULL,
  events           INTEGER NOT NULL,
  last_sequence    INTEGER NOT NULL,
  arrived          INTEGER NOT NULL,
  late             INTEGER NOT NULL,
  missing          BLOB NOT NULL,
  invocations      INTEGER NOT NULL,
  tool_calls       INTEGER NOT NULL
) WITHOUT ROWID
"""
_BY_TIME = "CREATE INDEX digests_by_time ON digests (created_at, id)"
_BY_RUNTIME = "CREATE INDEX digests_by_runtime ON digests (runtime_id, created_at, id)"
_BY_SPACE = "CREATE INDEX digests_by_space ON digests (space_id, created_at, id)"

_ADD = """
INSERT INTO digests
  (id, runtime_id, runtime_type, space_id, status, created_at, started_at, finished_at,
   last_activity_at, end_code, end_message, end_epoch, end_position, events, last_sequence, arrived,
   late, missing, invocations, tool_calls)
VALUES
  (:run_id, :runtime_id, :runtime_type, :space_id, :status, :created_at, :started_at, :finished_at,
   :last_activity_at, :code, :message, :end_epoch, :end_position, :events, :last_sequence, :arrived,
   :late, :missing, :invocations, :tool_calls)
ON CONFLICT (id) DO NOTHING
"""


def project(entries: Sequence[Entry]) -> Iterator[Statement]:
    """The first digest of a run stands."""
    for entry in entries:
        match entry:
            case Entry(event=event, data=RunFinalised() as data) if event is not None:
                yield Statement(_ADD, _values(event, data))


def _values(event: Event, data: RunFinalised) -> dict[str, object]:
    values = structs.asdict(data)
    del values["truncated"]
    return values | {"space_id": event.spaceid, "missing": codec.encode(data.missing)}


DIGESTS = Projection(
    name="digests",
    version=2,
    stream=subjects.CONTROL,
    tables=("digests",),
    ddl=(_DDL, _BY_TIME, _BY_RUNTIME, _BY_SPACE),
    project=project,
)
