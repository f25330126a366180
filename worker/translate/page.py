"""The Page domain: loads and dialogs."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET, UnsetType

from schemas.events.dialog import Dialog
from schemas.events.page import Milestone, PageLoad
from worker.fact import Fact
from worker.translate._registry import Params, Tapped, cdp, duration_ms


class EventFired(Params, frozen=True, kw_only=True):
    """`Page.domContentEventFired` and `Page.loadEventFired`."""

    timestamp: float | UnsetType = UNSET


class JavascriptDialogOpening(Params, frozen=True, kw_only=True):
    """`Page.javascriptDialogOpening`."""

    type: str
    message: str = ""
    url: str = ""


class JavascriptDialogClosed(Params, frozen=True, kw_only=True):
    """`Page.javascriptDialogClosed`."""

    result: bool
    user_input: str = ""


@cdp("Page.domContentEventFired", EventFired)
def dom_content_event_fired(params: EventFired, tapped: Tapped) -> Iterator[Fact]:
    """The page's DOM is parsed."""
    yield from _milestone("domContentLoaded", params, tapped)


@cdp("Page.loadEventFired", EventFired)
def load_event_fired(params: EventFired, tapped: Tapped) -> Iterator[Fact]:
    """The page and what it needs is loaded."""
    yield from _milestone("load", params, tapped)


def _milestone(name: Milestone, params: EventFired, tapped: Tapped) -> Iterator[Fact]:
    if tapped.is_page and not tapped.on_error_page:
        load = PageLoad(
            milestone=name,
            url=tapped.url,
            timestamp=params.timestamp,
        )
        yield tapped.fact(load, "finished", duration_ms(tapped.since, params.timestamp))


@cdp("Page.javascriptDialogOpening", JavascriptDialogOpening)
def javascript_dialog_opening(params: JavascriptDialogOpening, tapped: Tapped) -> Iterator[Fact]:
    """alert, confirm, prompt or beforeunload stops the page."""
    dialog = Dialog(phase="opened", dialog_type=params.type, message=params.message, url=params.url)
    yield tapped.fact(dialog, "started")


@cdp("Page.javascriptDialogClosed", JavascriptDialogClosed)
def javascript_dialog_closed(params: JavascriptDialogClosed, tapped: Tapped) -> Iterator[Fact]:
    """Someone answered; what was typed is counted, not kept."""
    dialog = Dialog(phase="closed", accepted=params.result, user_input_chars=len(params.user_input))
    yield tapped.fact(dialog, "finished")
