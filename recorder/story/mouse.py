"""Of what is clicked and scrolled. Clicks are told by `input.click`; by the calls only in logs that do not have it."""

from __future__ import annotations

from recorder.story import acts
from recorder.story.causes import acted, client
from recorder.story.handling import Handlers
from recorder.story.keys import element_of
from recorder.story.state import Data, Page
from recorder.story.telling import Story, since
from schemas.envelope import Event
from schemas.events.connection import ConnectionCommand
from schemas.events.input import InputClick

DOUBLE_MS = 1000
SAME_MS = 200
MOST_PX = 10_000_000


def click(story: Story, event: Event, data: InputClick) -> None:
    """A button or a finger went down on something."""
    told: Data = {"x": _within(data.x), "y": _within(data.y), "button": data.button[:20]}
    if data.touch:
        told["touch"] = True
    if data.element:
        told["element"] = element_of(data.element)
    told_before, story.state.clicks_told = story.state.clicks_told, True
    if not told_before and _is_told_by_the_call(story, event, told):
        return
    _click(story, event, told, data.click_count, client(story, event))


def _is_told_by_the_call(story: Story, event: Event, told: Data) -> bool:
    """The first click of a log may stand behind the call that made it: then that row is this click's."""
    row = story.find(story.page(event).click)
    if row is None or since(row.time, event) > SAME_MS:
        return False
    if any(row.data.get(name, told[name]) != told[name] for name in ("x", "y")):  # a touch has none
        return False
    row.data |= told
    story.touch(row)
    return True


def mouse_event(story: Story, event: Event, data: ConnectionCommand) -> None:
    """A mouse event; that it moved says nothing."""
    params = data.params or {}
    kind = params.get("type")
    if kind == "mousePressed" and not story.state.clicks_told:
        told = {
            "x": _px(params, "x"),
            "y": _px(params, "y"),
            "button": str(params.get("button"))[:20],
        }
        times = params.get("clickCount", 1)
        by = client(story, event, data.attachment_id or "")
        _click(story, event, told, times if isinstance(times, int) else 1, by)
    elif kind == "mouseWheel":
        _scroll(story, event, data, _px(params, "deltaX"), _px(params, "deltaY"))


def touch_event(story: Story, event: Event, data: ConnectionCommand) -> None:
    """A finger; where it is a log of old does not say."""
    if data.params and data.params.get("type") == "touchStart" and not story.state.clicks_told:
        by = client(story, event, data.attachment_id or "")
        _click(story, event, {"button": "left", "touch": True}, 1, by)


def tap_gesture(story: Story, event: Event, data: ConnectionCommand) -> None:
    """The same, by one call."""
    if not story.state.clicks_told:
        params = data.params or {}
        told = {"x": _px(params, "x"), "y": _px(params, "y"), "button": "left", "touch": True}
        _click(story, event, told, 1, client(story, event, data.attachment_id or ""))


def scroll_gesture(story: Story, event: Event, data: ConnectionCommand) -> None:
    """A gesture moves the page against the way that a wheel does."""
    params = data.params or {}
    _scroll(story, event, data, -_px(params, "xDistance"), -_px(params, "yDistance"))


def _click(story: Story, event: Event, told: Data, times: int, by: Data) -> None:
    page = story.page(event)
    key = event.pageid or ""
    acts.stop(story, key)
    acted(story, event, page, by)
    if times > 1 and _is_again(story, event, page, told, times):
        return
    if times > 1:
        told["clicks"] = min(times, 3)
    row = story.begin("browser.click", event, told | {"by": by}, keep=True)
    row.duration_ms = None
    story.forget(page.click)
    page.click = row.number


def _is_again(story: Story, event: Event, page: Page, told: Data, times: int) -> bool:
    """The second press of a double click is told with the first."""
    row = story.find(page.click)
    if row is None or row.data.get("x") != told.get("x") or since(row.time, event) > DOUBLE_MS:
        return False
    row.data["clicks"] = min(times, 3)
    story.touch(row)
    return True


def _scroll(story: Story, event: Event, data: ConnectionCommand, x: int, y: int) -> None:
    key = event.pageid or ""
    by = client(story, event, data.attachment_id or "")
    row = acts.going_on(story, key, "browser.scroll")
    if row is None or row.data["by"] != by:
        row = acts.begin(story, event, key, "browser.scroll", {"x": 0, "y": 0, "by": by})
        acted(story, event, story.page(event), by)
    else:
        acts.go_on(story, event, row)
    row.data["x"] = _within(row.data["x"] + x)
    row.data["y"] = _within(row.data["y"] + y)


def _px(params: Data, name: str) -> int:
    value = params.get(name, 0)
    return _within(value) if isinstance(value, int | float) else 0


def _within(px: float) -> int:
    return round(max(-MOST_PX, min(px, MOST_PX)))


HANDLERS: Handlers = {InputClick: click}
