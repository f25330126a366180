"""Of what pages complain about. What is alike is told once for a visit, with how often."""

from __future__ import annotations

from recorder.story.grouping import group
from recorder.story.handling import Handlers
from recorder.story.state import Data
from recorder.story.telling import Story, small
from recorder.story.text import kept
from schemas.envelope import Event
from schemas.events.console import ConsoleMessage
from schemas.events.page import PageError

ALIKE = 100  # characters


def message(story: Story, event: Event, data: ConsoleMessage) -> None:
    """A line of the console. That a request failed is told by the request."""
    if data.source == "network":
        return
    is_error = data.level == "error"
    told: Data = {"text": kept(data.text), "level": kept(data.level), "by": {"kind": "page"}}
    _add_place(told, data.url, data.line_number)
    group(
        story,
        event,
        story.page(event),
        "console.error" if is_error else "console.message",
        f"{data.level} {data.text[:ALIKE]}",
        told,
        severity="error" if is_error else "warning" if data.level == "warning" else "info",
    )


def error(story: Story, event: Event, data: PageError) -> None:
    """A script broke, and nothing caught it."""
    told: Data = {"text": kept(data.message), "by": {"kind": "page"}}
    if data.in_promise:
        told["inPromise"] = True
    _add_place(told, data.url, data.line_number)
    page = story.page(event)
    group(story, event, page, "console.exception", data.message[:ALIKE], told, severity="error")


def _add_place(told: Data, url: str, line_number: object) -> None:
    if url:
        told["url"] = kept(url)
    if isinstance(line_number, int):
        told["lineNumber"] = small(line_number)


HANDLERS: Handlers = {ConsoleMessage: message, PageError: error}
