"""The table `artifacts`, from RUNS: what runs produced. That it is kept beyond its run says the table `files`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import UNSET

from recorder.entries import Entry
from recorder.projections.projection import Projection, Statement
from schemas import subjects
from schemas.envelope import Event
from schemas.events.artifact import ArtifactCreated

_DDL = """
CREATE TABLE artifacts (
  run_id       TEXT NOT NULL,
  epoch        INTEGER NOT NULL,
  position     INTEGER NOT NULL,
  id           TEXT NOT NULL,
  space_id     TEXT NOT NULL,
  runtime_id   TEXT NOT NULL,
  command_id   TEXT,
  kind         TEXT NOT NULL,
  name         TEXT NOT NULL,
  path         TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size_bytes   INTEGER NOT NULL,
  sha256       TEXT NOT NULL,
  created_at   TEXT NOT NULL,
  PRIMARY KEY (run_id, epoch, position)
) WITHOUT ROWID
"""
_BY_ID = "CREATE INDEX artifacts_by_id ON artifacts (id, run_id)"
_BY_PLACE = "CREATE INDEX artifacts_by_place ON artifacts (epoch, position)"
# Those of lists are as the table `files` has them, for a page is taken from both.
_BY_TIME = "CREATE INDEX artifacts_by_time ON artifacts (created_at, id)"
_BY_RUN = "CREATE INDEX artifacts_by_run ON artifacts (run_id, created_at, id)"
_BY_RUNTIME = "CREATE INDEX artifacts_by_runtime ON artifacts (runtime_id, created_at, id)"
_BY_SPACE = "CREATE INDEX artifacts_by_space ON artifacts (space_id, created_at, id)"
_BY_KIND = "CREATE INDEX artifacts_by_kind ON artifacts (kind, created_at, id)"
_BY_SPACE_KIND = (
    "CREATE INDEX artifacts_by_space_kind ON artifacts (space_id, kind, created_at, id)"
)
_BY_PATH = "CREATE INDEX artifacts_by_path ON artifacts (path, created_at, id)"

# An id that two runs gave is each one's own: which came first is not known while one of them is parked.
_ADD = """
INSERT INTO artifacts
  (run_id, epoch, position, id, space_id, runtime_id, command_id, kind, name, path, content_type,
   size_bytes, sha256, created_at)
SELECT
  :run_id, :epoch, :position, :artifact_id, :space_id, :runtime_id, :command_id, :kind, :name, :path,
  :content_type, :size_bytes, :sha256, :time
WHERE NOT EXISTS (SELECT 1 FROM artifacts INDEXED BY artifacts_by_id
                  WHERE id = :artifact_id AND run_id = :run_id)
"""


def project(entries: Sequence[Entry]) -> Iterator[Statement]:
    """One row an artifact; what its run tells twice is there once, as it was told first."""
    for entry in entries:
        match entry:
            case Entry(event=event, data=ArtifactCreated() as data) if event and event.runid:
                yield Statement(_ADD, _values(entry, event, data))


def _values(entry: Entry, event: Event, data: ArtifactCreated) -> dict[str, object]:
    epoch, position = entry.place
    return {
        "run_id": event.runid,
        "epoch": epoch,
        "position": position,
        "artifact_id": data.artifact_id,
        "space_id": event.spaceid,
        "runtime_id": event.runtimeid or "",
        "command_id": None if data.command_id is UNSET else data.command_id,
        "kind": data.kind,
        "name": data.name,
        "path": data.path,
        "content_type": data.content_type,
        "size_bytes": data.size_bytes,
        "sha256": data.sha256,
        "time": event.time,
    }


ARTIFACTS = Projection(
    name="artifacts",
    version=2,
    stream=subjects.RUNS,
    tables=("artifacts",),
    ddl=(
        _DDL,
        _BY_ID,
        _BY_PLACE,
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
