"""The table `spaces`, from CONTROL. The row of one that was deleted stays: nothing that comes late makes it anew."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from recorder.entries import Entry
from recorder.projections.projection import Projection, Statement
from schemas import subjects
from schemas.events.space import SpaceCreated, SpaceDeleted, SpaceUpdated

_DDL = """
CREATE TABLE spaces (
  id           TEXT NOT NULL PRIMARY KEY,
  name         TEXT NOT NULL,
  egress_allow TEXT NOT NULL,
  created_at   TEXT NOT NULL,
  updated_at   TEXT NOT NULL,
  deleted_at   TEXT
) WITHOUT ROWID
"""
_INDEX = "CREATE INDEX spaces_by_time ON spaces (created_at, id) WHERE deleted_at IS NULL"

_CREATE = """
INSERT INTO spaces (id, name, egress_allow, created_at, updated_at)
VALUES (:id, :name, :egress_allow, :time, :time)
ON CONFLICT (id) DO NOTHING
"""
_UPDATE = """
UPDATE spaces SET name = :name, egress_allow = :egress_allow, updated_at = :time
WHERE id = :id AND deleted_at IS NULL
"""
_DELETE = "UPDATE spaces SET deleted_at = :time WHERE id = :id AND deleted_at IS NULL"


def project(entries: Sequence[Entry]) -> Iterator[Statement]:
    """A space is there once it was created and until it is deleted; creating it again changes nothing."""
    for entry in entries:
        match entry:
            case Entry(event=event, data=SpaceCreated() | SpaceUpdated() as data) if event:
                sql = _CREATE if isinstance(data, SpaceCreated) else _UPDATE
                yield Statement(sql, _row(data, event.time))
            case Entry(event=event, data=SpaceDeleted() as data) if event:
                yield Statement(_DELETE, {"id": data.space_id, "time": event.time})


def _row(data: SpaceCreated | SpaceUpdated, time: str) -> dict[str, str]:
    allow = msgspec.json.encode(data.egress_allow).decode()
    return {"id": data.space_id, "name": data.name, "egress_allow": allow, "time": time}


SPACES = Projection(
    name="spaces",
    version=3,
    stream=subjects.CONTROL,
    tables=("spaces",),
    ddl=(_DDL, _INDEX),
    project=project,
)
