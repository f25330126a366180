"""What somebody goes on doing is one row while they do: it ends with 5 s of silence, or when they do something else."""

from __future__ import annotations

from recorder.story.state import MOST_ACTS, Data, Row
from recorder.story.telling import Story, milliseconds_since
from schemas.envelope import Event
from schemas.resources.activity import ActivityView
from schemas.times import milliseconds, rfc3339

SILENCE_MS = 5000
LISTS = ("scripts ", "calls ")
_NEVER = "9999"


def going_on(story: Story, key: str, row_type: str) -> Row | None:
    """The row of an act of that type, if it goes on."""
    row = story.find(story.state.acts.get(key, 0))
    return row if row is not None and row.type == row_type else None


def begin(
    story: Story,
    event: Event,
    key: str,
    row_type: str,
    data: Data,
    view: ActivityView | None = None,
) -> Row:
    """A new act, in the place of the one before it."""
    stop(story, key)
    row = story.begin(row_type, event, data, status="started", view=view)
    row.about["last"] = event.time
    state = story.state
    state.acts[key] = row.number
    if len(state.acts) > MOST_ACTS:
        stop(story, next(iter(state.acts)))
    state.quiet_after = min(state.quiet_after or _NEVER, _later(event.time))
    return row


def go_on(story: Story, event: Event, row: Row) -> None:
    """More of it."""
    row.about["last"] = event.time
    story.touch(row)


def stop(story: Story, key: str) -> None:
    """It is over, if it still went on."""
    if row := story.find(story.state.acts.pop(key, 0)):
        row.status = "finished"
        row.duration_ms = milliseconds_since(row.time, row.about["last"]) or None
        story.touch(row)
        story.forget(row.number)


def stop_before_visit(story: Story, page_id: str) -> None:
    """A page goes elsewhere: what was being done to it is over, and lists of calls begin anew."""
    for key in [key for key in story.state.acts if key == page_id or key.startswith(LISTS)]:
        stop(story, key)


def stop_those_that_are_quiet(story: Story, time: str) -> None:
    """To be called where `time` is later than `quiet_after`."""
    state = story.state
    until = {key: _later(_last_of(story, number)) for key, number in state.acts.items()}
    for key in [key for key in until if until[key] < time]:
        stop(story, key)
        del until[key]
    state.quiet_after = min(until.values(), default="")


def _last_of(story: Story, number: int) -> str:
    row = story.find(number)
    return row.about["last"] if row is not None else ""


def _later(time: str) -> str:
    """A moment after which it is quiet."""
    try:
        return rfc3339((milliseconds(time) + SILENCE_MS) * 1_000_000)
    except (ValueError, OverflowError):
        return time
