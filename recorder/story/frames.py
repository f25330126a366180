"""Of frames within pages: one row for all that a visit shows of one host."""

from __future__ import annotations

from recorder.story.grouping import group
from recorder.story.telling import Story
from recorder.story.text import host_of, kept
from schemas.envelope import Event
from schemas.events.navigation import Navigation

BLANK = ("", "about:blank", "about:srcdoc")


def frame_goes(story: Story, event: Event, data: Navigation) -> None:
    """A frame shows a document, or cannot."""
    if data.phase not in ("committed", "failed") or data.url in BLANK:
        return
    page = story.page(event)
    host = host_of(data.url)
    told = {"host": host, "url": kept(data.url), "by": {"kind": "page"}}
    row = group(story, event, page, "browser.frame", host, told)
    if data.phase == "failed":
        row.data["failed"] = row.data.get("failed", 0) + 1
        row.data["errorText"] = kept(data.error_text or "")
        row.severity = "warning"
