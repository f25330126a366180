"""What happens again and again on a page is told once, with how often."""

from __future__ import annotations

from recorder.story.state import MOST_GROUPS, Data, Page, Row
from recorder.story.telling import Story
from schemas.envelope import Event
from schemas.resources.activity import ActivityView, Severity


def group(
    story: Story,
    event: Event,
    page: Page,
    row_type: str,
    key: str,
    data: Data,
    *,
    severity: Severity = "info",
    view: ActivityView | None = None,
) -> Row:
    """The row of what is alike by type and key on this visit of the page; begun by the first."""
    name = f"{row_type} {key}"
    row = story.find(page.groups.get(name, 0))
    if row is None:
        row = story.begin(
            row_type,
            event,
            data | {"count": 1},
            severity=severity,
            view=view,
            keep=True,
        )
        page.groups[name] = row.number
        while len(page.groups) > MOST_GROUPS:
            story.forget(page.groups.pop(next(iter(page.groups))))
        return row
    row.data["count"] += 1
    row.duration_ms = None
    row.data["lastTime"] = event.time
    story.touch(row)
    return row


def forget_groups(story: Story, page: Page) -> None:
    """What happens from now on is told anew."""
    for number in page.groups.values():
        story.forget(number)
    page.groups.clear()
