"""A state is bounded in bytes, too: whoever fills it with long texts loses what is oldest of it.

How much it has taken in is counted in the state, so what is given up does not depend on where the log is cut.
"""

from __future__ import annotations

from recorder.story.grouping import forget_groups
from recorder.story.state import to_bytes
from recorder.story.telling import Story, drop_oldest

MOST_BYTES = 256 * 1024
WEIGHED_EVERY_BYTES = 32 * 1024  # of events


def keep_small(story: Story, event_bytes: int) -> None:
    """To be called after each event, with its size."""
    state = story.state
    state.unweighed_bytes += event_bytes
    if state.unweighed_bytes < WEIGHED_EVERY_BYTES:
        return
    state.unweighed_bytes = 0
    if len(to_bytes(state)) > MOST_BYTES:
        _shrink(story)


def _shrink(story: Story) -> None:
    state = story.state
    for page in state.pages.values():
        forget_groups(story, page)
    for row in list(state.rows.values()):
        if row.status != "started":
            story.give_up(row)
    while len(to_bytes(state)) > MOST_BYTES // 2 and (state.rows or state.pages or state.clients):
        _forget_half(story)


def _forget_half(story: Story) -> None:
    """The older half of all that is open. Who is attached is forgotten only as the name of a client."""
    state = story.state
    for row in list(state.rows.values())[: _half(len(state.rows))]:
        story.give_up(row)
    for page_id in list(state.pages)[: _half(len(state.pages))]:
        story.leave_out(page_id)
    drop_oldest(state.clients, len(state.clients) // 2)
    story.forget_closed(state.calls)
    story.forget_closed(state.acts)


def _half(count: int) -> int:
    return (count + 1) // 2
