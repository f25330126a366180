"""The tables `commands` and `ended_runs`, from RUNS: what was asked of a run, and which runs have ended.

A hosted command has events of its own. What the platform itself did follows from the run's life: `runtimes.start` from
launching to ready, `runtimes.stop` from when somebody asked to the end. The first end of a command stands; one that is
open when its run ends fails with the run's end, also one that comes after it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import UNSET, Raw, UnsetType

from recorder.entries import Entry
from recorder.projections.projection import Projection, Statement
from schemas import ends, subjects
from schemas.codec import encode
from schemas.envelope import Event
from schemas.events.command import (
    CommandCancelling,
    CommandFailed,
    CommandFinished,
    CommandProgress,
    CommandQueued,
    CommandStarted,
)
from schemas.events.runtime import RuntimeLifecycle
from schemas.ids import derived_id

START = "runtimes.start"
STOP = "runtimes.stop"

_DDL = """
CREATE TABLE commands (
  run_id             TEXT NOT NULL,
  epoch              INTEGER NOT NULL,
  position           INTEGER NOT NULL,
  id                 TEXT NOT NULL,
  runtime_id         TEXT NOT NULL,
  sequence_no        INTEGER NOT NULL,
  entry_call         TEXT NOT NULL,
  execution_mode     TEXT NOT NULL,
  action             TEXT,
  status             TEXT NOT NULL,
  created_at         TEXT NOT NULL,
  started_at         TEXT,
  finished_at        TEXT,
  done               INTEGER,
  total              INTEGER,
  artifact_ids       BLOB NOT NULL,
  result_artifact_id TEXT,
  request            BLOB,
  result             BLOB,
  error_code         TEXT,
  error_message      TEXT,
  error_details      BLOB,
  PRIMARY KEY (run_id, epoch, position)
) WITHOUT ROWID
"""
# An id that two runs gave is each one's own: which came first is not known while one of them is parked.
_BY_ID = "CREATE UNIQUE INDEX commands_by_id ON commands (id, run_id)"
_OPEN = "CREATE INDEX commands_open ON commands (run_id) WHERE finished_at IS NULL"

_ENDED_RUNS = """
CREATE TABLE ended_runs (
  run_id   TEXT NOT NULL,
  epoch    INTEGER NOT NULL,
  position INTEGER NOT NULL,
  ended_at TEXT NOT NULL,
  code     TEXT NOT NULL,
  message  TEXT NOT NULL,
  PRIMARY KEY (run_id, epoch, position)
) WITHOUT ROWID
"""

_ADD = """
INSERT INTO commands
  (run_id, epoch, position, id, runtime_id, sequence_no, entry_call, execution_mode, action, status,
   created_at, started_at, finished_at, artifact_ids, request, error_code, error_message)
VALUES
  (:run_id, :epoch, :position, :id, :runtime_id,
   1 + coalesce((SELECT sequence_no FROM commands WHERE run_id = :run_id
                 ORDER BY epoch DESC, position DESC LIMIT 1), 0),
   :entry_call, :execution_mode, :action, :status, :created_at, :started_at, :finished_at, x'5b5d',
   :request, :error_code, :error_message)
ON CONFLICT (id, run_id) DO NOTHING
"""
_OF_THIS = "WHERE id = :id AND run_id = :run_id AND finished_at IS NULL"
# Clocks differ and may be set back: nothing starts before it was asked for, or ends before it started.
_START = f"""
UPDATE commands SET
  started_at = coalesce(started_at, max(created_at, :time)),
  status     = CASE status WHEN 'queued' THEN 'running' ELSE status END
{_OF_THIS}
"""
_CANCEL = f"UPDATE commands SET status = 'cancelling' {_OF_THIS}"
_PROGRESS = f"UPDATE commands SET done = :done, total = :total {_OF_THIS}"
_FINISH = f"""
UPDATE commands SET
  status = :status, finished_at = max(coalesce(started_at, created_at), :time),
  artifact_ids = :artifact_ids, result = :result, result_artifact_id = :result_artifact_id,
  error_code = :code, error_message = :message, error_details = :details
{_OF_THIS}
"""
_END_RUN = """
INSERT INTO ended_runs (run_id, epoch, position, ended_at, code, message)
SELECT :run_id, :epoch, :position, :time, :code, :message
WHERE NOT EXISTS (SELECT 1 FROM ended_runs WHERE run_id = :run_id)
"""
_FAIL_OPEN = """
UPDATE commands INDEXED BY commands_open SET
  status = 'failed', finished_at = max(coalesce(started_at, created_at), ended.ended_at),
  error_code = ended.code, error_message = ended.message
FROM (SELECT ended_at, code, message FROM ended_runs WHERE run_id = :run_id) AS ended
WHERE commands.run_id = :run_id AND commands.finished_at IS NULL
"""


def project(entries: Sequence[Entry]) -> Iterator[Statement]:
    """One row a command, from the event that tells of it first."""
    for entry in entries:
        event, data = entry.event, entry.data
        if event is None or not event.runid:
            continue
        if isinstance(data, CommandQueued):
            yield Statement(_ADD, _asked(entry, event, data))
            yield Statement(_FAIL_OPEN, {"run_id": event.runid})
        elif isinstance(data, RuntimeLifecycle):
            yield from _of_life(entry, event, data)
        elif isinstance(data, _COURSE):
            yield _changed(event, data)


_COURSE = (CommandStarted, CommandProgress, CommandCancelling, CommandFinished, CommandFailed)
Course = CommandStarted | CommandProgress | CommandCancelling | CommandFinished | CommandFailed


def _asked(entry: Entry, event: Event, data: CommandQueued) -> dict[str, object]:
    return _row(
        entry,
        event,
        id=data.command_id,
        entry_call=data.entry_call,
        execution_mode=data.execution_mode,
        action=data.action or None,
        request=_json(data.request),
    )


def _row(entry: Entry, event: Event, **others: object) -> dict[str, object]:
    epoch, position = entry.place
    return {
        "run_id": event.runid,
        "epoch": epoch,
        "position": position,
        "runtime_id": event.runtimeid or "",
        "execution_mode": "internal",
        "action": None,
        "status": "queued",
        "created_at": event.time,
        "started_at": None,
        "finished_at": None,
        "request": None,
        "error_code": None,
        "error_message": None,
        **others,
    }


def _changed(event: Event, data: Course) -> Statement:
    this = {"id": data.command_id, "run_id": event.runid}
    match data:
        case CommandStarted():
            return Statement(_START, {**this, "time": event.time})
        case CommandProgress():
            return Statement(_PROGRESS, {**this, "done": data.done, "total": data.total})
        case CommandCancelling():
            return Statement(_CANCEL, this)
        case CommandFinished() | CommandFailed():
            return Statement(_FINISH, {**this, "time": event.time, **_outcome(data)})


def _outcome(data: CommandFinished | CommandFailed) -> dict[str, object]:
    found: dict[str, object] = {
        **dict.fromkeys(("result", "result_artifact_id", "code", "message", "details")),
        "artifact_ids": encode(data.artifact_ids or []),
    }
    if isinstance(data, CommandFinished):
        result = _json(data.result)
        artifact_id = data.result_artifact_id or None
        return {**found, "status": "succeeded", "result": result, "result_artifact_id": artifact_id}
    return {
        **found,
        "status": data.outcome,
        "code": data.code,
        "message": data.message,
        "details": _json(data.details),
    }


def _of_life(entry: Entry, event: Event, data: RuntimeLifecycle) -> Iterator[Statement]:
    """What the platform did: it started a browser, and perhaps stopped it when asked to."""
    run_id = str(event.runid)
    start = {"id": derived_id("command", run_id, START), "run_id": run_id}
    if data.phase == "launching":
        row = _row(entry, event, id=start["id"], entry_call=START, status="running")
        yield Statement(_ADD, {**row, "started_at": event.time})
        yield Statement(_FAIL_OPEN, {"run_id": run_id})
    elif data.phase == "ready":
        yield Statement(_FINISH, {**start, "time": event.time, **_outcome(_STARTED)})
    else:
        yield from _at_the_end(entry, event, data)


_STARTED = CommandFinished(command_id="")


def _at_the_end(entry: Entry, event: Event, data: RuntimeLifecycle) -> Iterator[Statement]:
    epoch, position = entry.place
    code, message = ends.words_of(data.code or "", data.message or "")
    end = {"code": code, "message": message}
    place = {"run_id": event.runid, "epoch": epoch, "position": position, "time": event.time}
    yield Statement(_END_RUN, {**place, **end})
    yield Statement(_FAIL_OPEN, {"run_id": event.runid})
    if data.requested_at:
        yield Statement(_ADD, _stopped(entry, event, data.requested_at, end))


def _stopped(
    entry: Entry, event: Event, requested_at: str, end: dict[str, str]
) -> dict[str, object]:
    """A stop that somebody asked for. Where the browser ended otherwise meanwhile, it came to nothing."""
    row = _row(
        entry,
        event,
        id=derived_id("command", str(event.runid), STOP),
        entry_call=STOP,
        status="failed" if event.status == "failed" else "succeeded",
        created_at=requested_at,
        started_at=requested_at,
        finished_at=max(requested_at, event.time),
    )
    if event.status == "failed":
        row |= {"error_code": end["code"], "error_message": end["message"]}
    return row


def _json(value: Raw | UnsetType) -> bytes | None:
    return None if value is UNSET else bytes(value)


COMMANDS = Projection(
    name="commands",
    version=2,
    stream=subjects.RUNS,
    tables=("commands", "ended_runs"),
    ddl=(_DDL, _BY_ID, _OPEN, _ENDED_RUNS),
    project=project,
)
