"""Who did it: who acted on a page last, and which hosted step is being done."""

from __future__ import annotations

from typing import NamedTuple

from recorder.story import acts
from recorder.story.state import Data, Page, Row
from recorder.story.telling import Story, since
from schemas.envelope import Event

SOON_MS = 1500  # what a page does so soon after an act, it does because of it


class Cause(NamedTuple):
    """`by` is as the API tells it; `parent` the row that it is a part of."""

    by: Data
    parent: Row | None


def cause_of(story: Story, event: Event, page: Page) -> Cause:
    """Why something happens on a page."""
    if row := hosted(story, event):
        return Cause({"kind": "invocation"}, row)
    if page.acted_by is not None and since(page.acted_at, event) <= SOON_MS:
        return Cause(page.acted_by, None)
    return Cause({"kind": "page"}, None)


def hosted(story: Story, event: Event) -> Row | None:
    """The hosted step that is being done, or that this page was just left by."""
    step = story.state.step
    if step is None:
        return None
    if step.ended_at and (step.page_id != event.pageid or since(step.ended_at, event) > SOON_MS):
        return None
    return step.parent


def acted(story: Story, event: Event, page: Page, by: Data) -> None:
    """Somebody did something to the page; what they only called before that is a list of its own."""
    page.acted_at = event.time
    page.acted_by = by
    for key in lists_of(event):
        acts.stop(story, key)


def lists_of(event: Event) -> tuple[str, str]:
    """The keys of a client's scripts and other calls, which are told as lists."""
    client = event.connectionid or ""
    scripts, calls = acts.LISTS
    return scripts + client, calls + client


def client(story: Story, event: Event, attachment_id: str = "") -> Data:
    """A client, as the API tells of it."""
    by: Data = {"kind": "client"}
    if event.connectionid:
        by["connectionId"] = event.connectionid
    known = story.state.clients.get(attachment_id or event.connectionid or "")
    if known is not None and known.user_agent:
        by["userAgent"] = known.user_agent
    return by
