"""The tables `runtimes` and `runtime_metadata`, from CONTROL. Whether one is active is joined from `runs` in the query.

Of a runtime that was deleted the row stays, with the time and without what was set up: nothing that comes late makes it
anew, and a run that it still has is found by it. Its metadata stays too, for what its last run took is told by it:
`kept_metadata` is what digests keep of it, and totals group by.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from recorder.entries import Entry
from recorder.projections.projection import Projection, Statement
from schemas import codec, subjects
from schemas.envelope import Event
from schemas.events.runtime import RuntimeCreated, RuntimeDeleted, RuntimeUpdated
from schemas.types import Metadata

MOST_VALUE_CHARACTERS = 200
MOST_METADATA_CHARACTERS = 1000

_DDL = """
CREATE TABLE runtimes (
  id         TEXT NOT NULL PRIMARY KEY,
  space_id   TEXT NOT NULL,
  name       TEXT NOT NULL,
  type       TEXT NOT NULL,
  profile    TEXT,
  config     BLOB NOT NULL,
  metadata   BLOB NOT NULL,
  kept_metadata TEXT NOT NULL,
  created_at TEXT NOT NULL,
  updated_at TEXT NOT NULL,
  deleted_at TEXT
) WITHOUT ROWID
"""
_THERE = "WHERE deleted_at IS NULL"
_BY_TIME = f"CREATE INDEX runtimes_by_time ON runtimes (created_at, id) {_THERE}"
_BY_SPACE = f"CREATE INDEX runtimes_by_space ON runtimes (space_id, created_at, id) {_THERE}"
_BY_NAME = f"CREATE INDEX runtimes_by_name ON runtimes (name, created_at, id) {_THERE}"
_DELETED = "CREATE INDEX runtimes_deleted ON runtimes (id) WHERE deleted_at IS NOT NULL"

_METADATA = """
CREATE TABLE runtime_metadata (
  runtime_id TEXT NOT NULL,
  field      TEXT NOT NULL,
  value      TEXT NOT NULL,
  created_at TEXT NOT NULL,
  PRIMARY KEY (runtime_id, field)
) WITHOUT ROWID
"""
_BY_VALUE = """
CREATE INDEX runtime_metadata_by_value ON runtime_metadata (field, value, created_at, runtime_id)
"""

_CREATE = """
INSERT INTO runtimes
  (id, space_id, name, type, profile, config, metadata, kept_metadata, created_at, updated_at)
VALUES
  (:id, :space_id, :name, :type, :profile, :config, :metadata, :kept_metadata, :time, :time)
ON CONFLICT (id) DO NOTHING
"""
_UPDATE = """
UPDATE runtimes SET name = :name, config = :config, metadata = :metadata,
  kept_metadata = :kept_metadata, updated_at = :time
WHERE id = :id AND deleted_at IS NULL
"""
_DELETE = """
UPDATE runtimes SET deleted_at = :time, profile = NULL, config = x'7b7d'
WHERE id = :id AND deleted_at IS NULL
"""
_FORGET = "DELETE FROM runtime_metadata WHERE runtime_id = :id"
# Only what the runtime's row has too: one that was made before, or deleted, is not changed by this event.
_REMEMBER = """
INSERT INTO runtime_metadata (runtime_id, field, value, created_at)
SELECT id, :field, :value, created_at FROM runtimes
WHERE id = :id AND deleted_at IS NULL AND metadata = :metadata
ON CONFLICT (runtime_id, field) DO NOTHING
"""


def project(entries: Sequence[Entry]) -> Iterator[Statement]:
    """A runtime is there once it was created and until it is deleted; creating it again changes nothing."""
    for entry in entries:
        match entry:
            case Entry(event=event, data=RuntimeCreated() as data) if event is not None:
                yield Statement(_CREATE, _values(event, data))
                yield from _remembered(data.runtime_id, data.metadata)
            case Entry(event=event, data=RuntimeUpdated() as data) if event is not None:
                yield Statement(_UPDATE, _changes(event, data))
                yield Statement(_FORGET, {"id": data.runtime_id})
                yield from _remembered(data.runtime_id, data.metadata)
            case Entry(event=event, data=RuntimeDeleted() as data) if event is not None:
                yield Statement(_DELETE, {"id": data.runtime_id, "time": event.time})
                yield Statement(_FORGET, {"id": data.runtime_id})


def text_of(value: object) -> str:
    """A value of metadata as one looks for it: a text as it is, anything else as JSON writes it."""
    return value if isinstance(value, str) else codec.encode(value).decode()


def kept_metadata(metadata: Metadata) -> dict[str, str]:
    """Short values as texts, field by field while there is room: digests are kept for ever."""
    kept: dict[str, str] = {}
    room = MOST_METADATA_CHARACTERS
    for name, value in sorted(metadata.items()):
        text = text_of(value)
        if len(text) <= MOST_VALUE_CHARACTERS and len(name) + len(text) <= room:
            kept[name] = text
            room -= len(name) + len(text)
    return kept


def _values(event: Event, data: RuntimeCreated) -> dict[str, object]:
    return {
        **_changes(event, data),
        "space_id": event.spaceid,
        "type": data.runtime_type,
        "profile": data.profile,
    }


def _changes(event: Event, data: RuntimeCreated | RuntimeUpdated) -> dict[str, object]:
    return {
        "id": data.runtime_id,
        "name": data.name,
        "config": codec.encode(data.config),
        "metadata": codec.encode(data.metadata),
        "kept_metadata": codec.encode(kept_metadata(data.metadata)).decode(),
        "time": event.time,
    }


def _remembered(runtime_id: str, metadata: Metadata) -> Iterator[Statement]:
    whole = codec.encode(metadata)
    for name, value in metadata.items():
        found = {"id": runtime_id, "field": name, "value": text_of(value), "metadata": whole}
        yield Statement(_REMEMBER, found)


RUNTIMES = Projection(
    name="runtimes",
    version=4,
    stream=subjects.CONTROL,
    tables=("runtimes", "runtime_metadata"),
    ddl=(_DDL, _BY_TIME, _BY_SPACE, _BY_NAME, _DELETED, _METADATA, _BY_VALUE),
    project=project,
)
