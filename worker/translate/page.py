"""The Page domain: navigations, loads, dialogs."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET, Struct, UnsetType

from schemas.events.dialog import Dialog
from schemas.events.navigation import Navigation
from schemas.events.page import Milestone, PageLoad
from worker.fact import Fact
from worker.translate._registry import Params, Tapped, cdp, is_internal


class Frame(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Page.Frame`."""

    id: str
    loader_id: str
    url: str
    parent_id: str | UnsetType = UNSET
    url_fragment: str = ""
    unreachable_url: str | UnsetType = UNSET
    mime_type: str | UnsetType = UNSET
    name: str | UnsetType = UNSET


class FrameStartedNavigating(Params, frozen=True, kw_only=True):
    """`Page.frameStartedNavigating`."""

    frame_id: str
    url: str
    loader_id: str
    navigation_type: str | UnsetType = UNSET


class FrameNavigated(Params, frozen=True, kw_only=True):
    """`Page.frameNavigated`."""

    frame: Frame
    type: str | UnsetType = UNSET


class NavigatedWithinDocument(Params, frozen=True, kw_only=True):
    """`Page.navigatedWithinDocument`."""

    frame_id: str
    url: str
    navigation_type: str | UnsetType = UNSET


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


@cdp("Page.frameStartedNavigating", FrameStartedNavigating)
def frame_started_navigating(params: FrameStartedNavigating, tapped: Tapped) -> Iterator[Fact]:
    """A frame sets out. Moves within the document are told by `navigatedWithinDocument` alone."""
    if is_internal(params.url) or params.navigation_type in _WITHIN_DOCUMENT:
        return
    navigation = Navigation(
        phase="started",
        url=params.url,
        frame_id=params.frame_id,
        main_frame=params.frame_id == tapped.page_id,
        loader_id=params.loader_id,
        navigation_type=params.navigation_type,
    )
    yield tapped.fact(navigation, "started")


_WITHIN_DOCUMENT = frozenset({"sameDocument", "historySameDocument"})


@cdp("Page.frameNavigated", FrameNavigated)
def frame_navigated(params: FrameNavigated, tapped: Tapped) -> Iterator[Fact]:
    """A frame has arrived, at what it wanted or at an error page in its place."""
    frame = params.frame
    failed = bool(frame.unreachable_url)
    url = frame.unreachable_url or frame.url + frame.url_fragment
    if frame.id == tapped.page_id:
        tapped.on_error_page = failed
    if is_internal(url):
        return
    navigation = Navigation(
        phase="failed" if failed else "committed",
        url=url,
        frame_id=frame.id,
        main_frame=frame.id == tapped.page_id,
        loader_id=frame.loader_id,
        navigation_type=params.type,
        parent_frame_id=frame.parent_id,
        mime_type=frame.mime_type,
        name=frame.name or UNSET,
    )
    yield tapped.fact(navigation, "failed" if failed else "finished")


@cdp("Page.navigatedWithinDocument", NavigatedWithinDocument)
def navigated_within_document(params: NavigatedWithinDocument, tapped: Tapped) -> Iterator[Fact]:
    """A fragment or the history API changed the URL; the document stays."""
    navigation = Navigation(
        phase="same_document",
        url=params.url,
        frame_id=params.frame_id,
        main_frame=params.frame_id == tapped.page_id,
        navigation_type=params.navigation_type,
    )
    yield tapped.fact(navigation, "finished")


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
        yield tapped.fact(load, "finished")


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
