"""The table `spaces`, from CONTROL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorder.entries import Entry
from recorder.projections.projection import Projection, Statement
from schemas import subjects
from schemas.events.space import SpaceCreated

_DDL = """
CREATE TABLE spaces (
  id         TEXT NOT NULL PRIMARY KEY,
  name       TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL
) WITHOUT ROWID
"""
_INDEX = "CREATE INDEX spaces_by_time ON spaces (created_at, id)"

_CREATE = """
INSERT INTO spaces (id, name, created_at, updated_at)
VALUES (:id, :name, :time, :time)
ON CONFLICT (id) DO NOTHING
"""


def project(entries: Sequence[Entry]) -> Iterator[Statement]:
    """A space is there once it was created; creating it again changes nothing."""
    for entry in entries:
        match entry:
            case Entry(event=event, data=SpaceCreated() as data) if event is not None:
                yield Statement(
                    _CREATE, {"id": data.space_id, "name": data.name, "time": event.time}
                )


SPACES = Projection(
    name="spaces",
    version=1,
    stream=subjects.CONTROL,
    tables=("spaces",),
    ddl=(_DDL, _INDEX),
    project=project,
)
