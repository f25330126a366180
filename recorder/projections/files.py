"""The table `files`, from CONTROL: what outlives the run that produced it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import UNSET

from recorder.entries import Entry
from recorder.projections.projection import Projection, Statement
from schemas import subjects
from schemas.envelope import Event
from schemas.events.file import FileCreated

_DDL = """
CREATE TABLE files (
  id           TEXT NOT NULL PRIMARY KEY,
  space_id     TEXT NOT NULL,
  run_id       TEXT,
  runtime_id   TEXT,
  kind         TEXT,
  name         TEXT NOT NULL,
  path         TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size_bytes   INTEGER NOT NULL,
  sha256       TEXT NOT NULL,
  created_at   TEXT NOT NULL
) WITHOUT ROWID
"""
_BY_TIME = "CREATE INDEX files_by_time ON files (created_at, id)"
_BY_RUN = "CREATE INDEX files_by_run ON files (run_id, created_at, id)"
_BY_RUNTIME = "CREATE INDEX files_by_runtime ON files (runtime_id, created_at, id)"
_BY_SPACE = "CREATE INDEX files_by_space ON files (space_id, created_at, id)"
_BY_KIND = "CREATE INDEX files_by_kind ON files (kind, created_at, id)"
_BY_SPACE_KIND = "CREATE INDEX files_by_space_kind ON files (space_id, kind, created_at, id)"
_BY_PATH = "CREATE INDEX files_by_path ON files (path, created_at, id)"

_ADD = """
INSERT INTO files
  (id, space_id, run_id, runtime_id, kind, name, path, content_type, size_bytes, sha256, created_at)
VALUES
  (:file_id, :space_id, :run_id, :runtime_id, :kind, :name, :path, :content_type, :size_bytes, :sha256,
   :created_at)
ON CONFLICT (id) DO NOTHING
"""


def project(entries: Sequence[Entry]) -> Iterator[Statement]:
    """A file is there once it was created; creating it again changes nothing."""
    for entry in entries:
        match entry:
            case Entry(event=event, data=FileCreated() as data) if event is not None:
                yield Statement(_ADD, _values(event, data))


def _values(event: Event, data: FileCreated) -> dict[str, object]:
    return {
        "file_id": data.file_id,
        "space_id": event.spaceid,
        "run_id": None if data.run_id is UNSET else data.run_id,
        "runtime_id": None if data.runtime_id is UNSET else data.runtime_id,
        "kind": None if data.kind is UNSET else data.kind,
        "name": data.name,
        "path": data.path,
        "content_type": data.content_type,
        "size_bytes": data.size_bytes,
        "sha256": data.sha256,
        "created_at": data.created_at,
    }


FILES = Projection(
    name="files",
    version=2,
    stream=subjects.CONTROL,
    tables=("files",),
    ddl=(
        _DDL,
        _BY_TIME,
        _BY_RUN,
        _BY_RUNTIME,
        _BY_SPACE,
        _BY_KIND,
        _BY_SPACE_KIND,
        _BY_PATH,
    ),
    project=project,
)
