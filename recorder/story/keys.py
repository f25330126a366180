"""Of what is typed: a burst of keys is one row, with how many characters and into what; keys that type nothing are
pressed.
"""

from __future__ import annotations

import re

from recorder.story import acts
from recorder.story.causes import acted, client
from recorder.story.handling import Handlers
from recorder.story.state import Data, Row
from recorder.story.telling import Story, drop_oldest, small
from recorder.story.text import cut, kept
from schemas.envelope import Event
from schemas.events.connection import ConnectionCommand
from schemas.events.input import Element, InputTyping
from schemas.resources.activity import ActivityView

MOST_FOCUS = 10
MOST_TEXT = 500
ALT, CONTROL, META, SHIFT = 1, 2, 4, 8
_MODIFIERS = ((CONTROL, "Control"), (ALT, "Alt"), (META, "Meta"), (SHIFT, "Shift"))
_ALONE = frozenset({"Alt", "AltGraph", "CapsLock", "Control", "Meta", "NumLock", "Shift"})
_MOVING = frozenset(
    {
        "ArrowDown", "ArrowLeft", "ArrowRight", "ArrowUp", "Backspace", "Delete", "End", "Home", "Insert", "PageDown",
        "PageUp", "Tab",
    }
)  # fmt: skip
_CORRECTING = frozenset({"Backspace", "Delete"})
_SECRET = re.compile(
    r"password|passcode|passwort|secret|security code|(?<![^\W\d_])(?:pin|cvc|cvv)(?![^\W\d_])",
    re.IGNORECASE,
)  # the short ones only as whole words: shopping is no secret


def typing(story: Story, event: Event, data: InputTyping) -> None:
    """Which element the keys go to that follow."""
    page = story.page(event)
    page.focus[event.connectionid or ""] = element_of(data.element or Element())
    drop_oldest(page.focus, MOST_FOCUS)


def element_of(element: Element) -> Data:
    """An element as the API tells of it."""
    told = {"role": element.role, "name": element.name, "tag": element.tag}
    return {name: kept(value) for name, value in told.items() if value}


def key_event(story: Story, event: Event, data: ConnectionCommand) -> None:
    """A key went down, or up."""
    params = data.params or {}
    if params.get("type") == "keyUp":
        return
    key = params.get("key")
    name = key if isinstance(key, str) else ""
    modifiers = params.get("modifiers", 0)
    held = modifiers if isinstance(modifiers, int) else 0
    if len(name) > 1 and name in _ALONE:
        return
    if len(name) > 1 or held & (ALT | CONTROL | META):
        _press(story, event, data, name, held)
    elif chars := _chars(params, 1):
        _type(story, event, data, chars)


def insert_text(story: Story, event: Event, data: ConnectionCommand) -> None:
    """Text goes in at once."""
    if chars := _chars(data.params or {}, 0):
        _type(story, event, data, chars)


def _chars(params: Data, a_key: int) -> int:
    """How many characters; a log of old has only the bytes of their JSON, which is one for a key."""
    text = params.get("text")
    if isinstance(text, str):
        return len(text)
    found = params.get("textChars")
    if found is None:
        size_bytes = params.get("textBytes", 0)
        found = size_bytes and (a_key or size_bytes)
    return small(found) if isinstance(found, int) else 0


def _type(story: Story, event: Event, data: ConnectionCommand, chars: int) -> None:
    page = story.page(event)
    by = client(story, event, data.attachment_id or "")
    element = page.focus.get(event.connectionid or "", {})
    key = event.pageid or ""
    row = acts.going_on(story, key, "browser.type")
    if row is None or row.data["by"] != by or row.data.get("element", {}) != element:
        told: Data = {"chars": 0, "by": by}
        if element:
            told["element"] = element
        row = acts.begin(story, event, key, "browser.type", told)
        acted(story, event, page, by)
    else:
        acts.go_on(story, event, row)
        page.acted_at = event.time
    row.data["chars"] = small(row.data["chars"] + chars)
    _add_text(row, data, element)


def _add_text(row: Row, data: ConnectionCommand, element: Data) -> None:
    """The text itself, where the log has it; never of what is asked for as a secret."""
    text = data.params.get("text") if data.params else None
    if isinstance(text, str) and element and not _is_secret(element):
        row.data["text"] = cut(row.data.get("text", "") + text, MOST_TEXT)


def _is_secret(element: Data) -> bool:
    return element.get("role") == "password" or bool(_SECRET.search(element.get("name", "")))


def _press(story: Story, event: Event, data: ConnectionCommand, name: str, held: int) -> None:
    page = story.page(event)
    key = event.pageid or ""
    by = client(story, event, data.attachment_id or "")
    if _belongs_to_burst(story, event, key, name):
        acted(story, event, page, by)
        return
    chord = "+".join([word for bit, word in _MODIFIERS if held & bit] + ([name] if name else []))
    row = acts.going_on(story, key, "browser.press")
    if row is None or row.data["keys"] != chord or row.data["by"] != by:
        told = {"keys": kept(chord), "times": 0, "by": by}
        row = acts.begin(story, event, key, "browser.press", told, _view_of(name, held))
    else:
        acts.go_on(story, event, row)
    acted(story, event, page, by)
    row.data["times"] += 1


def _belongs_to_burst(story: Story, event: Event, key: str, name: str) -> bool:
    """Who types corrects, and ends with Enter: that is told with what is typed."""
    row = acts.going_on(story, key, "browser.type")
    if row is None or name not in {"Enter", *_CORRECTING}:
        return False
    acts.go_on(story, event, row)
    if name == "Enter":
        row.data["submitted"] = True
        acts.stop(story, key)
    else:
        row.data["corrections"] = row.data.get("corrections", 0) + 1
    return True


def _view_of(name: str, held: int) -> ActivityView:
    """Moving about is for those who debug."""
    return "debug" if name in _MOVING and not held & (ALT | CONTROL | META) else "normal"


HANDLERS: Handlers = {InputTyping: typing}
