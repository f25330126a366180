"""Of what runs produce: downloads, and what is kept. What an action made is told by the action, with the file's id."""

from __future__ import annotations

from recorder.story.causes import cause_of
from recorder.story.handling import Handlers
from recorder.story.state import Data, Page, Row
from recorder.story.telling import Story, small
from recorder.story.text import kept
from schemas.envelope import Event
from schemas.events.artifact import ArtifactCreated, ArtifactFailed
from schemas.events.download import Download


def download(story: Story, event: Event, data: Download) -> None:
    """A download from its beginning to its end."""
    row = story.joined(f"download {data.guid}")
    if row is None:
        row = _begin(story, event, data)
    if isinstance(data.received_bytes, int):
        row.data["receivedBytes"] = small(data.received_bytes)
    if isinstance(data.total_bytes, int) and data.total_bytes:
        row.data["totalBytes"] = small(data.total_bytes)
    if data.phase == "completed":
        story.end(row, event, keep=True)
    elif data.phase == "canceled":
        row.severity = "warning"
        row.about["why"] = "it was cancelled"
        story.end(row, event, "stopped", keep=True)
    else:
        story.touch(row)


def _begin(story: Story, event: Event, data: Download) -> Row:
    page = story.page(event)
    told: Data = {"url": kept(data.url), "name": kept(data.suggested_filename or "")}
    row = _navigation_for_it(story, page, data)
    if row is None:
        cause = cause_of(story, event, page)
        told["by"] = cause.by
        row = story.begin("file.download", event, told, status="started", parent=cause.parent)
    else:
        row.data = told | {"by": row.data.get("by", {"kind": "page"})}
        row.type, row.status, row.severity, row.duration_ms = (
            "file.download",
            "started",
            "info",
            None,
        )
        row.about.clear()
        page.visit.row = 0
    story.join(f"download {data.guid}", row)
    return row


def _navigation_for_it(story: Story, page: Page, data: Download) -> Row | None:
    """A link to a file begins as a navigation that never arrives: it turns out to be this."""
    visit = page.visit
    if visit.arrived or visit.url != kept(data.url):
        return None
    row = story.find(visit.row)
    return row if row is not None and row.type == "browser.navigate" else None


def created(story: Story, event: Event, data: ArtifactCreated) -> None:
    """It is kept, as a file with an id."""
    row = _row_of(story, data)
    if row is not None and row.file_id is None:
        row.file_id = data.artifact_id
        row.data |= {"name": kept(data.name), "sizeBytes": small(data.size_bytes)}
        story.touch(row)
        if row.type == "file.download" and row.status != "started":
            story.forget(row.number)
        return
    told: Data = {
        "name": kept(data.name),
        "kind": data.kind,
        "contentType": kept(data.content_type),
        "sizeBytes": small(data.size_bytes),
        "by": {"kind": "platform"},
    }
    new = story.begin("file.created", event, told, parent=row)
    new.file_id = data.artifact_id


def failed(story: Story, event: Event, data: ArtifactFailed) -> None:
    """It is not kept, and why."""
    row = _row_of(story, data)
    told: Data = {"name": kept(data.name), "kind": data.kind, "code": data.code}
    told |= {"reason": kept(data.message), "by": {"kind": "platform"}}
    if row is not None and row.type == "file.download":
        row.data |= told
        row.severity = "error"
        row.about["why"] = data.message[:500]
        story.end(row, event, "failed")
        return
    new = story.begin("file.failed", event, told, status="failed", severity="error", parent=row)
    if row is not None:
        new.view = "debug"  # for the action fails by it


def _row_of(story: Story, data: ArtifactCreated | ArtifactFailed) -> Row | None:
    """The download that it is, or the step or invocation that made it."""
    if data.guid and (row := story.joined(f"download {data.guid}")):
        return row
    if not data.command_id:
        return None
    invocation = story.joined(f"command {data.command_id}")
    step = story.state.step
    if invocation is not None and step is not None and step.invocation == invocation.number:
        return story.find(step.row) or invocation
    return invocation


HANDLERS: Handlers = {Download: download, ArtifactCreated: created, ArtifactFailed: failed}
