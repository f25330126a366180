"""Of tabs and popups: opened, closed, crashed; and of what they ask people."""

from __future__ import annotations

from recorder.story import acts
from recorder.story.causes import cause_of
from recorder.story.grouping import forget_groups
from recorder.story.handling import Handlers
from recorder.story.state import Data, Row
from recorder.story.telling import Story, small
from recorder.story.text import kept
from recorder.story.visits import BLANK, leave
from schemas.envelope import Event
from schemas.events.dialog import Dialog
from schemas.events.page import PageClosed, PageCrash, PageOpened


def opened(story: Story, event: Event, data: PageOpened) -> None:
    """A popup is told with where it goes first; a tab of its own is for those who debug."""
    page = story.page(event)
    if story.find(page.row):
        return
    opener = story.state.pages.get(data.opener_id or "")
    told: Data = {"popup": bool(data.opener_id)}
    if data.url not in BLANK:
        told["url"] = kept(data.url)
    parent = None
    if opener is not None:
        cause = cause_of(story, event, opener)
        told["by"], parent = cause.by, cause.parent
    else:
        told["by"] = cause_of(story, event, page).by
    row = story.begin("browser.page", event, told, status="started", parent=parent)
    if data.opener_id:
        row.about["goes"] = True
    else:
        row.view = "debug"
    page.row = row.number


def closed(story: Story, event: Event, data: PageClosed) -> None:
    """It is gone, and what went on in it."""
    page_id = event.pageid or ""
    page = story.state.pages.get(page_id)
    if page is None:
        return
    leave(story, event, page)
    acts.stop(story, page_id)
    row = story.find(page.row)
    if row is not None:
        if page.title and not row.data.get("title"):
            row.data["title"] = kept(page.title)
        if page.url not in BLANK:
            row.data["url"] = kept(page.url)
        row.data["closed"] = True
        story.end(row, event)
    if (dialog := story.find(page.dialog)) is not None:
        story.close(dialog, "the page was closed")
        story.forget(dialog.number)
    forget_groups(story, page)
    story.forget(page.click)
    del story.state.pages[page_id]


def crashed(story: Story, event: Event, data: PageCrash) -> None:
    """Its process died."""
    page = story.page(event)
    visit = story.find(page.visit.row)
    if visit is not None and not page.visit.settled and visit.type == "browser.navigate":
        page.visit.settled = True
        visit.about["why"] = "the page crashed"
        visit.severity = "error"
        story.end(visit, event, "failed", keep=True)
    told: Data = {"by": {"kind": "page"}}
    for name, value in (("reason", data.reason), ("url", page.url), ("title", page.title)):
        if value:
            told[name] = kept(value)
    story.begin("browser.crash", event, told, status="failed", severity="error")


def dialog(story: Story, event: Event, data: Dialog) -> None:
    """A page asks a person something, and is answered."""
    page = story.page(event)
    row = story.find(page.dialog)
    if data.phase == "opened":
        cause = cause_of(story, event, page)
        row = story.begin(
            "browser.dialog", event, _asked(data), status="started", parent=cause.parent
        )
        page.dialog = row.number
    elif row is not None:
        _answer(row, data)
        story.end(row, event)
    else:
        row = story.begin("browser.dialog", event, _asked(data))
        _answer(row, data)


def _asked(data: Dialog) -> Data:
    told: Data = {"dialogType": kept(data.dialog_type or "dialog"), "by": {"kind": "page"}}
    if data.message:
        told["text"] = kept(data.message)
    if data.url:
        told["url"] = kept(data.url)
    return told


def _answer(row: Row, data: Dialog) -> None:
    if isinstance(data.accepted, bool):
        row.data["accepted"] = data.accepted
    if data.answered_by:
        row.data["answeredBy"] = data.answered_by
    if isinstance(data.user_input_chars, int) and data.user_input_chars:
        row.data["chars"] = small(data.user_input_chars)


HANDLERS: Handlers = {
    PageOpened: opened,
    PageClosed: closed,
    PageCrash: crashed,
    Dialog: dialog,
}
