"""Of what the story does not tell."""

from __future__ import annotations

from recorder.story.handling import Handlers
from recorder.story.telling import Story, small
from recorder.story.text import kept
from schemas.envelope import Event
from schemas.events.events import EventsSuppressed


def suppressed(story: Story, event: Event, data: EventsSuppressed) -> None:
    """Events that were counted and not recorded; one row a kind and reason."""
    key = f"suppressed {data.kind} {data.reason}"
    row = story.joined(key)
    if row is None:
        told = {"kind": kept(data.kind), "reason": data.reason, "count": 0, "bytes": 0}
        told["by"] = {"kind": "platform"}
        row = story.begin("system.suppressed", event, told, severity="warning", keep=True)
        story.join(key, row)
    row.data["count"] = small(row.data["count"] + small(data.count))
    row.data["bytes"] = small(row.data["bytes"] + small(data.bytes))
    story.touch(row)


HANDLERS: Handlers = {EventsSuppressed: suppressed}
