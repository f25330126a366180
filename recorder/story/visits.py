"""Of a page: it goes somewhere. A navigation is one row with its redirects, from its start to when the page is loaded.

What a page does by itself before its last step was done belongs to that step: a script that sends on to the next page
is a redirect. So a page that goes somewhere every 10 ms is one row, too.
"""

from __future__ import annotations

from msgspec.structs import replace

from recorder.story import acts
from recorder.story.causes import cause_of
from recorder.story.frames import frame_goes
from recorder.story.grouping import forget_groups
from recorder.story.handling import Handlers
from recorder.story.loaded import count_traffic, tell_traffic
from recorder.story.state import Data, Page, Row, Visit
from recorder.story.telling import Story, since
from recorder.story.text import MOST_KEPT, kept
from schemas.envelope import Event
from schemas.events.navigation import Navigation
from schemas.events.page import PageLoad, PageTitle

BLANK = ("", "about:blank")
MOST_REDIRECTS = 10
QUICK_MS = 250  # so soon after the last one, a navigation belongs to a burst
BURST = 10  # navigations; what comes after them as quickly is told with them


def navigation(story: Story, event: Event, data: Navigation) -> None:
    """A frame goes somewhere, by steps."""
    if len(data.url) > MOST_KEPT:
        data = replace(data, url=kept(data.url))
    if not data.main_frame:
        frame_goes(story, event, data)
    else:
        _STEPS[data.phase](story, event, data, story.page(event))


def _started(story: Story, event: Event, data: Navigation, page: Page) -> None:
    before = page.visit
    if data.loader_id and data.loader_id == before.loader_id:
        return
    if _is_another_try(story, data, page):
        before.loader_id = data.loader_id or ""
        return
    if data.url in BLANK:
        leave(story, event, page)
        return
    row = _told_already(story, event, page)
    if row is None:
        leave(story, event, page)
        row = _begin(story, event, data, page)
    elif row.number == before.row:
        _goes_on(row, before)
    row.data["url"] = kept(data.url)
    story.touch(row)
    page.visit = Visit(row.number, data.loader_id or "", data.url, event.time, settled=False)


def _is_another_try(story: Story, data: Navigation, page: Page) -> bool:
    """Chromium loads a page again by itself that it could not reach."""
    visit = page.visit
    row = story.find(visit.row)
    by_itself = row is not None and _has_failed(row) and page.acted_at <= visit.since
    return by_itself and visit.url == data.url and data.navigation_type == "reload"


def _begin(story: Story, event: Event, data: Navigation, page: Page) -> Row:
    acts.stop_before_visit(story, event.pageid or "")
    cause = cause_of(story, event, page)
    told: Data = {"url": kept(data.url), "by": cause.by}
    if data.navigation_type:
        told["navigationType"] = kept(data.navigation_type)
    forget_groups(story, page)
    return story.begin("browser.navigate", event, told, status="started", parent=cause.parent)


def _told_already(story: Story, event: Event, page: Page) -> Row | None:
    """The row that tells of this navigation without one of its own: a hosted step's that is to navigate, a popup's
    that was just opened, or that of the page's own last step.
    """
    step = story.state.step
    if step is not None and (row := story.find(step.row)) and row.about.pop("goes", False):
        leave(story, event, page)
        return row
    if (row := story.find(page.row)) and row.about.pop("goes", False):
        return row
    row = story.find(page.visit.row)
    if row is None or row.type != "browser.navigate":
        return None
    return row if _by_itself(event, page, row) else None


def _by_itself(event: Event, page: Page, row: Row) -> bool:
    visit = page.visit
    page.burst = page.burst + 1 if since(visit.since, event) < QUICK_MS else 0
    if page.burst > BURST:
        return True
    return not visit.settled and page.acted_at <= visit.since and "claimed" not in row.about


def _goes_on(row: Row, before: Visit) -> None:
    """The step before was only one on the way."""
    row.status = "started"
    row.duration_ms = None
    row.severity = "info"
    row.data.pop("title", None)
    row.data.pop("httpStatus", None)
    row.data.pop("errorText", None)
    _add_redirect(row, before.url)


def _add_redirect(row: Row, url: str) -> None:
    found = row.data.setdefault("redirects", [])
    if len(found) < MOST_REDIRECTS:
        found.append(kept(url))
    row.data["redirectCount"] = row.data.get("redirectCount", 0) + 1


def _redirected(story: Story, event: Event, data: Navigation, page: Page) -> None:
    visit = page.visit
    row = story.find(visit.row)
    if row is None or visit.arrived or visit.loader_id != data.loader_id:
        return
    _add_redirect(row, visit.url)
    visit.url = data.url
    row.data["url"] = kept(data.url)
    story.touch(row)


def _committed(story: Story, event: Event, data: Navigation, page: Page) -> None:
    page.url, page.title = data.url, ""
    if data.loader_id != page.visit.loader_id or not page.visit.loader_id:
        if data.url in BLANK:
            return
        _started(story, event, data, page)  # its start was not seen
    visit = page.visit
    visit.arrived = True
    visit.url = data.url
    _arrive_after_all(story, visit)
    if row := story.find(visit.row):
        row.data["url"] = kept(data.url)
        story.touch(row)


def _arrive_after_all(story: Story, visit: Visit) -> None:
    row = story.find(visit.row)
    if row is None or not _has_failed(row):
        return
    visit.settled = False
    row.data.pop("errorText", None)
    if row.type == "browser.navigate":  # the others end by events of their own
        row.status, row.severity = "started", "info"


def _has_failed(row: Row) -> bool:
    """Of a row that has an end of its own, the visit only."""
    return row.status == "failed" if row.type == "browser.navigate" else "errorText" in row.data


def _finished(story: Story, event: Event, data: Navigation, page: Page) -> None:
    if page.visit.arrived and page.visit.loader_id == data.loader_id:
        settle(story, event, page)


def _failed(story: Story, event: Event, data: Navigation, page: Page) -> None:
    if data.loader_id and data.loader_id != page.visit.loader_id and page.visit.loader_id:
        return  # the page is on its way to elsewhere by now
    if not page.visit.row:
        _started(story, event, data, page)
    row = story.find(page.visit.row)
    page.visit.settled = True
    if row is None or _has_failed(row):
        return
    error = data.error_text or ""
    row.data["errorText"] = kept(error)
    story.touch(row)
    if row.type == "browser.navigate":
        given_up = error == "net::ERR_ABORTED"
        row.severity = "info" if given_up else "error"
        story.end(row, event, "stopped" if given_up else "failed", keep=True)


def _same_document(story: Story, event: Event, data: Navigation, page: Page) -> None:
    """The page changes its address and stays. Several in a row are one."""
    row = story.find(page.visit.row)
    page.url = data.url
    if row is None or not row.data.get("sameDocument") or page.acted_at > row.time:
        if data.url == page.visit.url or (row is not None and not page.visit.settled):
            page.visit.url = data.url
            return  # it is being loaded, and says what it is
        row = _begin_within(story, event, data, page)
    else:
        row.data["times"] = row.data.get("times", 1) + 1
        row.data["url"] = kept(data.url)
        story.end(row, event, keep=True)
    page.visit.url = data.url


def _begin_within(story: Story, event: Event, data: Navigation, page: Page) -> Row:
    leave(story, event, page)
    cause = cause_of(story, event, page)
    told: Data = {"url": kept(data.url), "sameDocument": True, "by": cause.by}
    if page.title:
        told["title"] = kept(page.title)
    row = story.begin("browser.navigate", event, told, parent=cause.parent, keep=True)
    page.visit = Visit(row.number, page.visit.loader_id, data.url, event.time, arrived=True)
    return row


_STEPS = {
    "started": _started,
    "redirected": _redirected,
    "committed": _committed,
    "finished": _finished,
    "failed": _failed,
    "same_document": _same_document,
}


def load(story: Story, event: Event, data: PageLoad) -> None:
    """The document and what it needs are there."""
    if data.milestone != "load":
        return
    page = story.page(event)
    if page.visit.arrived and kept(data.url) in ("", page.visit.url):
        settle(story, event, page)


def title(story: Story, event: Event, data: PageTitle) -> None:
    """What the page calls itself."""
    page = story.page(event)
    page.title = kept(data.title)
    row = story.find(page.visit.row)
    if row is not None and page.visit.arrived and kept(data.url) in ("", page.visit.url):
        row.data["title"] = kept(data.title)
        story.touch(row)


def settle(story: Story, event: Event, page: Page) -> None:
    """It is told how the visit came out. Its title, and what it still loads, may come later."""
    visit = page.visit
    row = story.find(visit.row)
    if visit.settled or row is None:
        return
    visit.settled = True
    count_traffic(row, visit)
    if row.type == "browser.navigate":
        story.end(row, event, keep=True)
    else:
        story.touch(row)


def leave(story: Story, event: Event, page: Page) -> None:
    """The page goes elsewhere, or away: what is known of the visit is all that there will be."""
    visit = page.visit
    row = story.find(visit.row)
    if row is not None and row.type == "browser.navigate":
        count_traffic(row, visit)
        if not visit.settled:
            row.about["why"] = "the page went elsewhere first"
            story.end(row, event, "stopped" if not visit.arrived else "finished")
        else:
            story.touch(row)
        story.forget(row.number)
    if traffic := story.find(visit.traffic):
        tell_traffic(traffic, visit)
        story.end(traffic, event)
    page.visit = Visit()


HANDLERS: Handlers = {Navigation: navigation, PageLoad: load, PageTitle: title}
