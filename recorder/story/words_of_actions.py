"""How hosted actions are called, by what they were asked for; also agents' own tools, which are called as they are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from recorder.story.saying import Verb, say
from recorder.story.state import Data, Row
from recorder.story.text import clean, counted, net_error, quoted, short_url, within
from recorder.story.words_of_pages import element, visit, way

What = Callable[[Data], str]


def step(row: Row) -> str:
    """A step of a batch, or an agent's tool."""
    if "action" in row.data and row.data["action"] in _ACTIONS:
        return action(row)
    tool = quoted(str(row.data.get("tool", "")))
    return say(row, Verb("Using the tool", "Used the tool", "use the tool"), tool)


def action(row: Row) -> str:
    """A hosted action."""
    verb, what = _ACTIONS.get(row.data.get("action", ""), _UNKNOWN)
    request = row.data.get("request", {})
    why = net_error(row.data["errorText"]) if row.data.get("errorText") else ""
    why = why or within(str(row.data.get("error", "")))
    if row.data.get("url"):
        words = say(row, verb, visit(row.data), why) + way(row.data)
    else:
        words = say(row, verb, what(request), why)
    if row.file_id and row.data.get("name"):
        words += f" ({clean(row.data['name'], 80)})"
    if row.about.get("queued") and row.status == "started":
        return f"{words} (waits for its turn)"
    if row.data.get("total") and row.status == "started":
        return f"{words} ({row.data.get('done', 0)} done)"
    return words


def where(found: Any) -> str:
    """Which element was asked for: a text is CSS."""
    if isinstance(found, str):
        return quoted(found)
    if not isinstance(found, dict):
        return ""
    if found.get("role"):
        return element({"role": found["role"], "name": found.get("name") or ""}) or quoted(
            str(found.get("name") or found["role"])
        )
    for name, words in _LOCATORS:
        if isinstance(found.get(name), str):
            return f"{words} {quoted(found[name])}".lstrip()
    return ""


_LOCATORS = (
    ("label", "the field"),
    ("placeholder", "the field"),
    ("text", ""),
    ("testId", "the test id"),
    ("css", ""),
)


def _element(request: Data) -> str:
    return where(request.get("locator"))


def _url(request: Data) -> str:
    return short_url(str(request.get("url", "")))


def _typed(request: Data) -> str:
    text = request.get("text")
    shown = quoted(text) if isinstance(text, str) and text != "[redacted]" else ""
    field = where(request.get("locator"))
    into = f" into {field}" if field else ""
    enter = ", then Enter" if request.get("submit") is True else ""
    return f"{shown or 'text'}{into}{enter}"


def _key(request: Data) -> str:
    key = request.get("key")
    return "a key" if key in (None, "[redacted]") else clean(str(key), 40)


def _chosen(request: Data) -> str:
    values = request.get("values")
    found = values if isinstance(values, list) else []
    shown = ", ".join(quoted(str(each), 40) for each in found[:3])
    field = where(request.get("locator"))
    return f"{shown or 'an option'}{f' in {field}' if field else ''}"


def _scrolled(request: Data) -> str:
    if field := where(request.get("locator")):
        return f"to {field}"
    y, x = request.get("y"), request.get("x")
    if isinstance(y, int | float) and y:
        return f"{'down' if y > 0 else 'up'} by {abs(y):,.0f} px"
    if isinstance(x, int | float) and x:
        return f"{'right' if x > 0 else 'left'} by {abs(x):,.0f} px"
    return "the page"


def _dragged(request: Data) -> str:
    return f"{where(request.get('source'))} onto {where(request.get('target'))}"


def _uploaded(request: Data) -> str:
    files = request.get("files")
    count = len(files) if isinstance(files, list) else 0
    field = where(request.get("locator"))
    return counted(count, "file") + (f" for {field}" if field else "")


def _awaited(request: Data) -> str:
    if field := where(request.get("locator")):
        state = request.get("state")
        return f"{field} to be {clean(state, 20) if isinstance(state, str) else 'visible'}"
    if request.get("url"):
        return f"the address {clean(str(request['url']), 80)}"
    return "the page to be loaded"


def _read(request: Data) -> str:
    found = where(request.get("locator")) or "the page"
    form = request.get("format")
    return f"{found} as {clean(form, 20)}" if isinstance(form, str) else found


def _screenshot(request: Data) -> str:
    if found := where(request.get("locator")):
        return f"of {found}"
    return "of the whole page" if request.get("fullPage") is True else ""


def _nothing(_request: Data) -> str:
    return ""


def _steps(request: Data) -> str:
    found = request.get("actions")
    return counted(len(found), "step") if isinstance(found, list) else "several steps"


def _cookies(request: Data) -> str:
    return {"set": "to set some", "clear": "to clear them"}.get(str(request.get("operation")), "")


_ACTIONS: dict[str, tuple[Verb, What]] = {
    "navigate": (Verb("Opening", "Opened", "open"), _url),
    "back": (Verb("Going back", "Went back", "go back"), _nothing),
    "forward": (Verb("Going forward", "Went forward", "go forward"), _nothing),
    "reload": (Verb("Reloading", "Reloaded", "reload"), lambda _request: "the page"),
    "click": (Verb("Clicking", "Clicked", "click"), _element),
    "type": (Verb("Typing", "Typed", "type"), _typed),
    "press": (Verb("Pressing", "Pressed", "press"), _key),
    "select": (Verb("Choosing", "Chose", "choose"), _chosen),
    "hover": (Verb("Pointing at", "Pointed at", "point at"), _element),
    "scroll": (Verb("Scrolling", "Scrolled", "scroll"), _scrolled),
    "drag": (Verb("Dragging", "Dragged", "drag"), _dragged),
    "upload": (Verb("Choosing", "Chose", "choose"), _uploaded),
    "wait_for": (Verb("Waiting for", "Waited for", "wait for"), _awaited),
    "evaluate": (Verb("Running a script", "Ran a script", "run a script"), _nothing),
    "content": (Verb("Reading", "Read", "read"), _read),
    "extract": (Verb("Reading values", "Read values", "read values"), _nothing),
    "screenshot": (
        Verb("Taking a screenshot", "Took a screenshot", "take a screenshot"),
        _screenshot,
    ),
    "pdf": (Verb("Printing", "Printed", "print"), lambda _request: "the page as PDF"),
    "cookies": (Verb("Using the cookies", "Used the cookies", "use the cookies"), _cookies),
    "batch": (Verb("Doing", "Did", "do"), _steps),
}
_UNKNOWN = (Verb("Doing", "Did", "do"), lambda _request: "something that was asked for")
