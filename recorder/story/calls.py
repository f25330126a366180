"""Of what clients do over CDP. What acts is told as what it is; the rest as lists, for those who debug.

A client's call is told when it is answered. What it does to a page may stand in the log before it.
"""

from __future__ import annotations

from recorder.story import acts, keys, mouse
from recorder.story.causes import acted, client, lists_of
from recorder.story.handling import Handlers
from recorder.story.state import Data
from recorder.story.telling import Story, since, small
from recorder.story.text import kept
from schemas.envelope import Event
from schemas.events.connection import ConnectionCommand

MOST_METHODS = 30
NOTICED_MS = 10_000  # so long a navigation may have begun before the call for it is answered


def call(story: Story, event: Event, data: ConnectionCommand) -> None:
    """A method was called."""
    if event.status == "failed":
        _list(story, event, data, lists_of(event)[1], "browser.command")
        return
    tell = _TOLD.get(data.method)
    if tell is not None:
        tell(story, event, data)
    elif data.method in _SCRIPTS:
        _list(story, event, data, lists_of(event)[0], "browser.script")
    elif data.method not in _TOLD_OTHERWISE:
        _list(story, event, data, lists_of(event)[1], "browser.command")


def _list(story: Story, event: Event, data: ConnectionCommand, key: str, row_type: str) -> None:
    row = acts.going_on(story, key, row_type)
    if row is None:
        by = client(story, event, data.attachment_id or "")
        row = acts.begin(story, event, key, row_type, {"count": 0, "methods": {}, "by": by})
    else:
        acts.go_on(story, event, row)
    row.data["count"] += 1
    methods = row.data["methods"]
    if data.method in methods or len(methods) < MOST_METHODS:
        name = kept(data.method)
        methods[name] = methods.get(name, 0) + 1
    if data.error:
        row.severity = "warning"
        row.data["failed"] = row.data.get("failed", 0) + 1
        row.data["error"] = kept(f"{data.method}: {data.error.message}")


def _navigate(story: Story, event: Event, data: ConnectionCommand) -> None:
    """The navigation tells it, and it tells whose that was."""
    page = story.page(event)
    by = client(story, event, data.attachment_id or "")
    row = story.find(page.visit.row)
    if row is not None and since(row.time, event) < NOTICED_MS and "claimed" not in row.about:
        row.about["claimed"] = True
        if row.data.get("by", {}).get("kind") == "page":
            row.data["by"] = by
        story.touch(row)
    elif data.method == "Page.navigate":
        acted(story, event, page, by)


def _screenshot(story: Story, event: Event, data: ConnectionCommand) -> None:
    """Several in a row are one: somebody watches."""
    _again(story, event, data, "browser.screenshot", {})


def _again(story: Story, event: Event, data: ConnectionCommand, row_type: str, told: Data) -> None:
    key = event.pageid or ""
    if row := acts.going_on(story, key, row_type):
        row.data["times"] = row.data.get("times", 1) + 1
        acts.go_on(story, event, row)
        return
    by = client(story, event, data.attachment_id or "")
    acts.begin(story, event, key, row_type, told | {"by": by})


def _pdf(story: Story, event: Event, data: ConnectionCommand) -> None:
    by = client(story, event, data.attachment_id or "")
    story.begin("browser.pdf", event, {"by": by})


def _upload(story: Story, event: Event, data: ConnectionCommand) -> None:
    page = story.page(event)
    by = client(story, event, data.attachment_id or "")
    acts.stop(story, event.pageid or "")
    acted(story, event, page, by)
    files = data.params.get("filesCount", 0) if data.params else 0
    story.begin("browser.upload", event, {"files": _number(files), "by": by})


def _number(found: object) -> int:
    """A count as the worker gives it; a client's own parameter of that name may be anything."""
    return small(found) if isinstance(found, int) else 0


_TOLD = {
    "Page.navigate": _navigate,
    "Page.reload": _navigate,
    "Page.navigateToHistoryEntry": _navigate,
    "Page.captureScreenshot": _screenshot,
    "Page.printToPDF": _pdf,
    "DOM.setFileInputFiles": _upload,
    "Input.dispatchKeyEvent": keys.key_event,
    "Input.insertText": keys.insert_text,
    "Input.dispatchMouseEvent": mouse.mouse_event,
    "Input.synthesizeScrollGesture": mouse.scroll_gesture,
    "Input.dispatchTouchEvent": mouse.touch_event,
    "Input.synthesizeTapGesture": mouse.tap_gesture,
}
_SCRIPTS = frozenset({"Runtime.evaluate", "Runtime.callFunctionOn", "Runtime.runScript"})
# Other events tell what came of these.
_TOLD_OTHERWISE = frozenset(
    {"Page.handleJavaScriptDialog", "Browser.close", "Target.createTarget", "Target.closeTarget", "Page.close"}
)  # fmt: skip

HANDLERS: Handlers = {ConnectionCommand: call}
