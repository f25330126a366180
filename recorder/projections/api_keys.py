"""The table `api_keys`, from CONTROL. The row of one that was revoked stays; whether one has expired, the reader's
clock tells. `made_until` is what `expires_at` was at its making. `epoch` and `position` are those of what was said of
a key last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from msgspec import UNSET

from recorder.entries import Entry
from recorder.projections.projection import Projection, Statement
from schemas import subjects
from schemas.events.key import KeyCreated, KeyExpiring, KeyRevoked

_DDL = """
CREATE TABLE api_keys (
  id         TEXT NOT NULL PRIMARY KEY,
  name       TEXT NOT NULL,
  hash       TEXT NOT NULL,
  space_id   TEXT,
  scopes     TEXT NOT NULL,
  rotates    TEXT,
  created_at TEXT NOT NULL,
  made_until TEXT,
  expires_at TEXT,
  revoked_at TEXT,
  epoch      INTEGER NOT NULL,
  position   INTEGER NOT NULL
) WITHOUT ROWID
"""
_BY_TIME = "CREATE INDEX api_keys_by_time ON api_keys (created_at, id)"
_BY_PLACE = "CREATE INDEX api_keys_by_place ON api_keys (epoch, position)"

_CREATE = """
INSERT INTO api_keys
  (id, name, hash, space_id, scopes, rotates, created_at, made_until, expires_at, epoch, position)
VALUES
  (:id, :name, :hash, :space_id, :scopes, :rotates, :time, :until, :until, :epoch, :position)
ON CONFLICT (id) DO NOTHING
"""
_EXPIRE = """
UPDATE api_keys SET expires_at = :expires_at, epoch = :epoch, position = :position
WHERE id = :id AND (expires_at IS NULL OR expires_at > :expires_at)
"""
_REVOKE = """
UPDATE api_keys SET revoked_at = :time, epoch = :epoch, position = :position
WHERE id = :id AND revoked_at IS NULL
"""


def project(entries: Sequence[Entry]) -> Iterator[Statement]:
    """A key is there once it was created; its end only ever comes nearer."""
    for entry in entries:
        if entry.event is None:
            continue
        epoch, position = entry.place
        values: dict[str, Any] = {"time": entry.event.time, "epoch": epoch, "position": position}
        match entry.data:
            case KeyCreated() as data:
                yield Statement(_CREATE, values | _created(data))
            case KeyExpiring() as data:
                yield Statement(
                    _EXPIRE, values | {"id": data.key_id, "expires_at": data.expires_at}
                )
            case KeyRevoked() as data:
                yield Statement(_REVOKE, values | {"id": data.key_id})


def _created(data: KeyCreated) -> dict[str, Any]:
    return {
        "id": data.key_id,
        "name": data.name,
        "hash": data.hash,
        "space_id": None if data.space_id is UNSET else data.space_id,
        "scopes": " ".join(sorted(set(data.scopes))),
        "rotates": None if data.rotates is UNSET else data.rotates,
        "until": None if data.expires_at is UNSET else data.expires_at,
    }


API_KEYS = Projection(
    name="api_keys",
    version=1,
    stream=subjects.CONTROL,
    tables=("api_keys",),
    ddl=(_DDL, _BY_TIME, _BY_PLACE),
    project=project,
)
