"""A run's next events into its story. Pure: the same events give the same rows, however they are cut into batches."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from recorder.entries import Entry
from recorder.story import (
    acts,
    agents,
    calls,
    clients,
    console,
    files,
    hosted,
    keys,
    life,
    mouse,
    pages,
    system,
    traffic,
    visits,
)
from recorder.story.forgetting import keep_small
from recorder.story.handling import Handlers
from recorder.story.state import Row, State
from recorder.story.telling import Story
from schemas.envelope import Event
from schemas.events.artifact import ArtifactCreated, ArtifactFailed

HANDLERS: Handlers = {
    **life.HANDLERS,
    **clients.HANDLERS,
    **calls.HANDLERS,
    **keys.HANDLERS,
    **mouse.HANDLERS,
    **visits.HANDLERS,
    **pages.HANDLERS,
    **traffic.HANDLERS,
    **console.HANDLERS,
    **files.HANDLERS,
    **hosted.HANDLERS,
    **agents.HANDLERS,
    **system.HANDLERS,
}
# What a run leaves is told whenever it comes.
_ALSO_LATE = (ArtifactCreated, ArtifactFailed)


class Told(Struct, frozen=True):
    """What became of a run: its state, and the rows that changed."""

    state: State
    rows: Sequence[Row]


def is_told(entry: Entry) -> bool:
    """Whether the story has any use for it."""
    data = entry.data
    if data is None:
        return entry.event is not None and entry.event.type.startswith("custom.")
    return type(data) in HANDLERS


def fold(state: State | None, entries: Sequence[Entry], run_id: str) -> Told:
    """Entries of one run, in the order of the stream. A run without a state begins with them."""
    if state is None:
        epoch, position = entries[0].place
        state = State(run_id, epoch, position)
    story = Story(state)
    for entry in entries:
        event, data, message = entry.event, entry.data, entry.message
        if event is None:
            continue
        story.epoch = message.epoch
        story.position = message.position
        if state.ended and not isinstance(data, _ALSO_LATE):
            _count_late(story, event)
            continue
        if state.quiet_after and event.time > state.quiet_after:
            acts.stop_those_that_are_quiet(story, event.time)
        if data is None:
            agents.custom(story, event)
        else:
            HANDLERS[type(data)](story, event, data)
        keep_small(story, len(message.body))
    return Told(state, list(story.changed.values()))


def _count_late(story: Story, event: Event) -> None:
    row = story.state.late
    if row is None:
        row = story.state.late = story.begin("system.late", event, {"count": 0})
    row.data["count"] += 1
    story.touch(row)
