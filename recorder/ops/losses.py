"""What the live log has and another database, made of the streams, has not."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from recorder.checkpoint import Checkpoint
from recorder.ops.scratch import checkpoints_in, reading

# An event is known by its id, wherever it stands now; what has none by what it says.
_MISSING = """
FROM log AS ours WHERE stream = :stream AND {scope} AND NOT (
  CASE WHEN event_id IS NULL
  THEN EXISTS (SELECT 1 FROM made.log WHERE event_id IS NULL AND raw = ours.raw
               AND subject = ours.subject)
  ELSE EXISTS (SELECT 1 FROM made.log WHERE event_id = ours.event_id) END)
"""
_UP_TO = "NOT (epoch = :epoch AND position > :position)"
_COUNT = f"SELECT count(*), count(DISTINCT run_id) {_MISSING.format(scope=_UP_TO)}"
_AFTER = "(epoch, position) > (:epoch, :position)"
_LIST = f"SELECT id, run_id {_MISSING.format(scope=_AFTER)} ORDER BY epoch, position"
_LAST_IN_COMMON = """
SELECT ours.epoch, ours.position FROM log AS ours JOIN made.log AS theirs USING (stream, epoch, position)
WHERE ours.stream = ? AND ours.raw = theirs.raw AND ours.subject = theirs.subject
ORDER BY ours.epoch DESC, ours.position DESC LIMIT 1
"""


class Lost(Struct, frozen=True, kw_only=True):
    """How many messages of a stream, and of how many runs."""

    stream: str
    messages: int
    runs: int


class LostMessage(Struct, frozen=True):
    """Where the live log has it (`log.id`), and the run it belongs to, if it does."""

    row_id: int
    run_id: str | None


def find_losses(database: Path, file: Path, follows: Collection[str]) -> tuple[Lost, ...]:
    """By stream. What the log has beyond the file is not lost, of the streams in `follows`."""
    reached = checkpoints_in(file)
    found = []
    with _beside(database, file) as live:
        for (stream,) in live.execute("SELECT stream FROM checkpoints").fetchall():
            end = reached.get(stream) if stream in follows else None
            [(messages, runs)] = live.execute(_COUNT, _place(stream, end)).fetchall()
            found.append(Lost(stream=stream, messages=messages, runs=runs))
    return tuple(each for each in found if each.messages)


def find_lost_messages(database: Path, file: Path, stream: str) -> list[LostMessage]:
    """What a stream lost, in its order, from where it parts from the log. What was erased before stays so."""
    with _beside(database, file) as live:
        common = live.execute(_LAST_IN_COMMON, (stream,)).fetchone() or (0, 0)
        place = {"stream": stream, "epoch": common[0], "position": common[1]}
        return [LostMessage(*row) for row in live.execute(_LIST, place)]


def _place(stream: str, end: Checkpoint | None) -> dict[str, str | int]:
    return {
        "stream": stream,
        "epoch": end.epoch if end else 0,
        "position": end.position if end else 0,
    }


@contextmanager
def _beside(database: Path, file: Path) -> Iterator[sqlite3.Connection]:
    """The live database, and the other one as `made`."""
    with reading(database) as live:
        live.execute("ATTACH ? AS made", (f"{file.absolute().as_uri()}?mode=ro",))
        yield live
