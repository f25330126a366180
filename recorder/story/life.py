"""Of the browser: it is started, it is there, it ends. With it ends the story."""

from __future__ import annotations

from recorder.story.handling import Handlers
from recorder.story.state import Row
from recorder.story.telling import Story, since, small
from recorder.story.text import kept
from schemas import ends
from schemas.envelope import Event
from schemas.events.profile import ProfileOpened, ProfileSaved, ProfileSaveFailed
from schemas.events.runtime import RuntimeLifecycle


def lifecycle(story: Story, event: Event, data: RuntimeLifecycle) -> None:
    """One row from launching to ready, one for the end."""
    if data.phase == "launching":
        _launching(story, event)
    elif data.phase == "ready":
        _ready(story, event, data)
    else:
        _ended(story, event, data)


def _launching(story: Story, event: Event) -> None:
    if not story.state.launching:
        by = {"by": {"kind": "platform"}}
        story.state.launching = story.begin("runtime.started", event, by, status="started").number


def _ready(story: Story, event: Event, data: RuntimeLifecycle) -> None:
    told = {"browser": kept(data.browser or ""), "by": {"kind": "platform"}}
    if row := story.find(story.state.launching):
        row.data |= told
        story.end(row, event)
    elif not story.state.launching:  # that it was launched is not known
        story.state.launching = story.begin("runtime.started", event, told).number


def _ended(story: Story, event: Event, data: RuntimeLifecycle) -> None:
    state = story.state
    code, message = ends.words_of(data.code or "", data.message or "")
    failed = _has_failed(event, code)
    for page in state.pages.values():
        story.tell_loaded(page.visit)
    for row in list(state.rows.values()):
        if row.status == "started":
            row.duration_ms = since(row.time, event)
            story.close(row, message)
            _mark_launch(row, failed)
    told = {"code": code, "reason": kept(message), "by": {"kind": "platform"}}
    if data.requested_at:
        told["requestedAt"] = data.requested_at
    row = story.begin(
        "runtime.ended",
        event,
        told,
        status="failed" if failed else "finished",
        severity="error" if failed else "info",
    )
    row.duration_ms = None  # which is the run's, and this is a moment
    state.ended = True
    for found in (state.rows, state.pages, state.clients, state.calls):
        found.clear()
    state.step = None


def _mark_launch(row: Row, failed: bool) -> None:
    if row.type == "runtime.started" and failed:
        row.status, row.severity = "failed", "error"


def _has_failed(event: Event, code: str) -> bool:
    if event.status in ("stopped", "failed"):
        return event.status == "failed"
    known = ends.ENDS.get(code)
    return known is None or known.status == "failed"


def profile_opened(story: Story, event: Event, data: ProfileOpened) -> None:
    """What was kept of an earlier run."""
    told = {"profile": kept(data.profile), "generation": small(data.generation)}
    story.begin("runtime.profile", event, told | {"phase": "opened"})


def profile_saved(story: Story, event: Event, data: ProfileSaved) -> None:
    """What this run leaves to the next."""
    told = {"profile": kept(data.profile), "generation": small(data.generation)}
    story.begin("runtime.profile", event, told | {"phase": "saved"})


def profile_save_failed(story: Story, event: Event, data: ProfileSaveFailed) -> None:
    """It leaves nothing, and a customer has to know."""
    told = {
        "profile": kept(data.profile),
        "phase": "failed",
        "code": data.reason,
        "reason": kept(data.message),
    }
    story.begin("runtime.profile", event, told, status="failed", severity="error", view="normal")


HANDLERS: Handlers = {
    RuntimeLifecycle: lifecycle,
    ProfileOpened: profile_opened,
    ProfileSaved: profile_saved,
    ProfileSaveFailed: profile_save_failed,
}
