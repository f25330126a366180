"""What of the live log a new database would not have."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from msgspec import Struct

from recorder.ops.scratch import checkpoints_of, reading

# An event is known by its id, wherever it stands now; what has none by what it says.
_MISSING = """
FROM log AS ours WHERE stream = :stream AND NOT (epoch = :epoch AND position > :position) AND NOT (
  CASE WHEN event_id IS NULL
  THEN EXISTS (SELECT 1 FROM made.log WHERE event_id IS NULL AND raw = ours.raw AND subject = ours.subject)
  ELSE EXISTS (SELECT 1 FROM made.log WHERE event_id = ours.event_id) END)
"""
_COUNT = f"SELECT count(*), count(DISTINCT run_id) {_MISSING}"


class Lost(Struct, frozen=True, kw_only=True):
    """How many messages of a stream, and of how many runs."""

    stream: str
    messages: int
    runs: int


def find_losses(database: Path, file: Path, follows: Collection[str]) -> tuple[Lost, ...]:
    """By stream. What the live log has beyond the file will be brought over, of the streams in `follows`."""
    with reading(database) as live, reading(file) as made:
        live.execute("ATTACH ? AS made", (f"{file.absolute().as_uri()}?mode=ro",))
        streams = [stream for (stream,) in live.execute("SELECT stream FROM checkpoints")]
        reached = checkpoints_of(made)
        found = []
        for stream in streams:
            end = reached.get(stream) if stream in follows else None
            at = (
                {"epoch": end.epoch, "position": end.position}
                if end
                else {"epoch": 0, "position": 0}
            )
            [(messages, runs)] = live.execute(_COUNT, {"stream": stream, **at}).fetchall()
            if messages:
                found.append(Lost(stream=stream, messages=messages, runs=runs))
    return tuple(found)
