"""The table `connections`, from RUNS. Whether a run is active is joined in the query; whether one has expired, the
reader's clock tells.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorder.entries import Entry
from recorder.projections.projection import Projection, Statement
from schemas import subjects
from schemas.envelope import Event
from schemas.events.connection import ConnectionCreated, ConnectionRevoked

_DDL = """
CREATE TABLE connections (
  run_id     TEXT NOT NULL,
  epoch      INTEGER NOT NULL,
  position   INTEGER NOT NULL,
  id         TEXT NOT NULL,
  runtime_id TEXT NOT NULL,
  protocol   TEXT NOT NULL,
  created_at TEXT NOT NULL,
  expires_at TEXT NOT NULL,
  revoked_at TEXT,
  PRIMARY KEY (run_id, epoch, position)
) WITHOUT ROWID
"""
_BY_ID = "CREATE UNIQUE INDEX connections_by_id ON connections (id)"
_BY_RUNTIME = "CREATE INDEX connections_by_runtime ON connections (runtime_id, created_at, id)"

_CREATE = """
INSERT INTO connections
  (run_id, epoch, position, id, runtime_id, protocol, created_at, expires_at)
VALUES
  (:run_id, :epoch, :position, :id, :runtime_id, :protocol, :time, :expires_at)
ON CONFLICT (id) DO NOTHING
"""
_REVOKE = """
UPDATE connections SET revoked_at = :time
WHERE id = :id AND run_id = :run_id AND revoked_at IS NULL
"""


def project(entries: Sequence[Entry]) -> Iterator[Statement]:
    """A connection is there once it was created; that it was revoked says its first such event."""
    for entry in entries:
        event, data = entry.event, entry.data
        if event is None or not event.connectionid:
            continue
        if isinstance(data, ConnectionCreated):
            yield Statement(_CREATE, _created(entry, event, data))
        elif isinstance(data, ConnectionRevoked):
            yield Statement(
                _REVOKE,
                {"id": event.connectionid, "run_id": event.runid, "time": event.time},
            )


def _created(entry: Entry, event: Event, data: ConnectionCreated) -> dict[str, object]:
    epoch, position = entry.place
    return {
        "run_id": event.runid,
        "epoch": epoch,
        "position": position,
        "id": event.connectionid,
        "runtime_id": event.runtimeid or "",
        "protocol": data.protocol,
        "time": event.time,
        "expires_at": data.expires_at,
    }


CONNECTIONS = Projection(
    name="connections",
    version=1,
    stream=subjects.RUNS,
    tables=("connections",),
    ddl=(_DDL, _BY_ID, _BY_RUNTIME),
    project=project,
)
