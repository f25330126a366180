"""The tables `digests` and `digest_usage`, from CONTROL: what of a run is shown once its events have left.

What each run took is a table of its own in the order of their ends, for it is added up over a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import structs

from recorder.entries import Entry
from recorder.projections.projection import Projection, Statement
from schemas import codec, subjects
from schemas.envelope import Event
from schemas.events.run import RunFinalised
from schemas.times import milliseconds_between
from schemas.usage import CreditsUsed, Quantities

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
  wall             TEXT,
  egress           TEXT,
  invocations      INTEGER NOT NULL,
  tool_calls       INTEGER NOT NULL
) WITHOUT ROWID
"""
_BY_TIME = "CREATE INDEX digests_by_time ON digests (created_at, id)"
_BY_RUNTIME = "CREATE INDEX digests_by_runtime ON digests (runtime_id, created_at, id)"
_BY_SPACE = "CREATE INDEX digests_by_space ON digests (space_id, created_at, id)"

_USAGE = """
CREATE TABLE digest_usage (
  finished_at      TEXT NOT NULL,
  run_id           TEXT NOT NULL,
  space_id         TEXT NOT NULL,
  runtime_id       TEXT NOT NULL,
  metadata         TEXT NOT NULL,
  runtime_ms       INTEGER NOT NULL,
  counted          INTEGER NOT NULL,
  commands         INTEGER NOT NULL,
  tool_calls       INTEGER NOT NULL,
  ai_input_tokens  INTEGER NOT NULL,
  ai_output_tokens INTEGER NOT NULL,
  captcha_solves   INTEGER NOT NULL,
  network_bytes    INTEGER NOT NULL,
  proxy_bytes      INTEGER NOT NULL,
  files_bytes      INTEGER NOT NULL,
  ai               REAL,
  captcha          REAL,
  files            REAL,
  notifications    REAL,
  proxy            REAL,
  runtime          REAL,
  PRIMARY KEY (finished_at, run_id)
) WITHOUT ROWID
"""
_BY_END = "CREATE INDEX digests_by_end ON digests (end_epoch, end_position)"

_ADD = """
INSERT INTO digests
  (id, runtime_id, runtime_type, space_id, status, created_at, started_at, finished_at,
   last_activity_at, end_code, end_message, end_epoch, end_position, events, last_sequence, arrived,
   late, missing, wall, egress, invocations, tool_calls)
VALUES
  (:run_id, :runtime_id, :runtime_type, :space_id, :status, :created_at, :started_at, :finished_at,
   :last_activity_at, :code, :message, :end_epoch, :end_position, :events, :last_sequence, :arrived,
   :late, :missing, :wall, :egress, :invocations, :tool_calls)
ON CONFLICT (id) DO NOTHING
"""
QUANTITIES = tuple(field.name for field in structs.fields(Quantities))
CREDITS = tuple(field.name for field in structs.fields(CreditsUsed))
_OF_USAGE = (
    "finished_at", "run_id", "space_id", "runtime_id", "metadata", "runtime_ms", "counted", *QUANTITIES, *CREDITS
)  # fmt: skip
# Before the digest itself, by which one knows that another one was first.
_ADD_USAGE = f"""
INSERT INTO digest_usage ({", ".join(_OF_USAGE)})
SELECT {", ".join(f":{name}" for name in _OF_USAGE)}
WHERE NOT EXISTS (SELECT 1 FROM digests WHERE id = :run_id)
"""


def project(entries: Sequence[Entry]) -> Iterator[Statement]:
    """The first digest of a run stands."""
    for entry in entries:
        match entry:
            case Entry(event=event, data=RunFinalised() as data) if event is not None:
                yield Statement(_ADD_USAGE, _used(event, data))
                yield Statement(_ADD, _values(event, data))


def _values(event: Event, data: RunFinalised) -> dict[str, object]:
    values = {name: getattr(data, name) for name in _AS_THEY_ARE}
    return values | {"space_id": event.spaceid, "missing": codec.encode(data.missing)}


def _used(event: Event, data: RunFinalised) -> dict[str, object]:
    """An old digest says nothing of it, and its run is counted apart."""
    credits_used = dict.fromkeys(CREDITS) if data.credits is None else structs.asdict(data.credits)
    return {
        "finished_at": data.finished_at,
        "run_id": data.run_id,
        "space_id": event.spaceid,
        "runtime_id": data.runtime_id,
        "metadata": codec.encode(data.metadata).decode(),
        "runtime_ms": milliseconds_between(data.started_at or data.created_at, data.finished_at),
        "counted": data.usage is not None,
        **structs.asdict(data.usage or Quantities()),
        **credits_used,
    }


_AS_THEY_ARE = tuple(
    field.name
    for field in structs.fields(RunFinalised)
    if field.name not in ("truncated", "usage", "credits", "metadata", "missing")
)
DIGESTS = Projection(
    name="digests",
    version=4,
    stream=subjects.CONTROL,
    tables=("digests", "digest_usage"),
    ddl=(_DDL, _BY_TIME, _BY_RUNTIME, _BY_SPACE, _BY_END, _USAGE),
    project=project,
)
