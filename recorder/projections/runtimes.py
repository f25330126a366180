"""The table `runtimes`, from CONTROL. Whether one is active is joined from `runs` in the query."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorder.entries import Entry
from recorder.projections.projection import Projection, Statement
from schemas import codec, subjects
from schemas.envelope import Event
from schemas.events.runtime import RuntimeCreated

_DDL = """
CREATE TABLE runtimes (
  id         TEXT NOT NULL PRIMARY KEY,
  space_id   TEXT NOT NULL,
  name       TEXT NOT NULL,
  type       TEXT NOT NULL,
  profile    TEXT,
  config     BLOB NOT NULL,
  metadata   BLOB NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) WITHOUT ROWID
"""
_BY_TIME = "CREATE INDEX runtimes_by_time ON runtimes (created_at, id)"
_BY_SPACE = "CREATE INDEX runtimes_by_space ON runtimes (space_id, created_at, id)"

_CREATE = """
INSERT INTO runtimes
  (id, space_id, name, type, profile, config, metadata, created_at, updated_at)
VALUES
  (:id, :space_id, :name, :type, :profile, :config, :metadata, :time, :time)
ON CONFLICT (id) DO NOTHING
"""


def project(entries: Sequence[Entry]) -> Iterator[Statement]:
    """A runtime is there once it was created; creating it again changes nothing."""
    for entry in entries:
        match entry:
            case Entry(event=event, data=RuntimeCreated() as data) if event is not None:
                yield Statement(_CREATE, _values(event, data))


def _values(event: Event, data: RuntimeCreated) -> dict[str, object]:
    return {
        "id": data.runtime_id,
        "space_id": event.spaceid,
        "name": data.name,
        "type": data.runtime_type,
        "profile": data.profile,
        "config": codec.encode(data.config),
        "metadata": codec.encode(data.metadata),
        "time": event.time,
    }


RUNTIMES = Projection(
    name="runtimes",
    version=1,
    stream=subjects.CONTROL,
    tables=("runtimes",),
    ddl=(_DDL, _BY_TIME, _BY_SPACE),
    project=project,
)
