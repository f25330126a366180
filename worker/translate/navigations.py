"""The Page domain: where frames go, and that they come and go themselves.

A navigation is told from several places: that it starts and commits from the page, why it fails by its request. Those
that never commit (a download, a 204, an unknown scheme, a stop) fail like any other, once.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from schemas.events.navigation import Navigation
from schemas.events.page import PageFrame
from worker.fact import Fact
from worker.translate._registry import Params, Tapped, Under, cdp, is_internal


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


class FrameStoppedLoading(Params, frozen=True, kw_only=True):
    """`Page.frameStoppedLoading`."""

    frame_id: str


class NavigatedWithinDocument(Params, frozen=True, kw_only=True):
    """`Page.navigatedWithinDocument`."""

    frame_id: str
    url: str
    navigation_type: str | UnsetType = UNSET


class FrameAttached(Params, frozen=True, kw_only=True):
    """`Page.frameAttached`."""

    frame_id: str
    parent_frame_id: str | UnsetType = UNSET


class FrameDetached(Params, frozen=True, kw_only=True):
    """`Page.frameDetached`."""

    frame_id: str
    reason: str = "remove"


_WITHIN_DOCUMENT = frozenset({"sameDocument", "historySameDocument"})
_RESTORED = "BackForwardCacheRestore"


@cdp("Page.frameStartedNavigating", FrameStartedNavigating)
def frame_started_navigating(params: FrameStartedNavigating, tapped: Tapped) -> Iterator[Fact]:
    """A frame sets out. Moves within the document are told by `navigatedWithinDocument` alone."""
    if is_internal(params.url) or params.navigation_type in _WITHIN_DOCUMENT:
        return
    tapped.browser.navigations[params.frame_id] = Under(
        page_id=tapped.page_id, loader_id=params.loader_id, url=params.url
    )
    navigation = Navigation(
        phase="started",
        url=params.url,
        frame_id=params.frame_id,
        main_frame=params.frame_id == tapped.page_id,
        loader_id=params.loader_id,
        navigation_type=params.navigation_type,
    )
    yield tapped.fact(navigation, "started")


def navigation_asked_for(frame_id: str, loader_id: str, url: str, tapped: Tapped) -> Iterator[Fact]:
    """A document is asked for. An older Chromium (123) tells by nothing else that a frame sets out."""
    under = tapped.browser.navigations.get(frame_id)
    if under is None or under.loader_id != loader_id:
        under = Under(page_id=tapped.page_id, loader_id=loader_id, url=url)
        tapped.browser.navigations[frame_id] = under
        yield _later("started", "started", frame_id, under, tapped)
    under.requested = True


def navigation_not_asked_for(loader_id: str, tapped: Tapped) -> tuple[str | UnsetType, str]:
    """The frame and the URL of a navigation to a server whose request Chromium did not tell; it counts as told then.
    An empty URL if there is none."""
    for frame_id, under in tapped.browser.navigations.items():
        if under.loader_id == loader_id and not under.requested and _is_a_servers(under.url):
            under.requested = True
            return frame_id, under.url
    return UNSET, ""


def navigation_found(frame: Frame, tapped: Tapped) -> Iterator[Fact]:
    """The document that a page or a frame of another process has when it is first listened to, if it is none of those
    whose arrival was told: what was under way has got there, or to an error page; a page may have got there unheard.
    """
    under = tapped.browser.navigations.get(frame.id)
    if under is None:
        is_news = tapped.is_page and _is_a_servers(frame.url)
    else:
        under_way = under.loader_id == frame.loader_id and not under.committed
        is_news = under_way and _is_a_servers(frame.unreachable_url or frame.url)
    if is_news:
        yield from frame_navigated(FrameNavigated(frame=frame), tapped)


def _is_a_servers(url: str) -> bool:
    return url.startswith(("http:", "https:"))


def navigation_redirected(frame_id: str, url: str, tapped: Tapped) -> Iterator[Fact]:
    """The server names another URL."""
    under = tapped.browser.navigations.get(frame_id)
    if under is not None and not under.committed:
        under.url = url
        yield _later("redirected", "received", frame_id, under, tapped)


def navigation_failed(
    loader_id: str, error_text: str, tapped: Tapped, *, ended: bool
) -> Iterator[Fact]:
    """A document's request failed. Where nothing will come in its place the navigation has ended with it."""
    navigations = tapped.browser.navigations
    going = (each for each, of in navigations.items() if of.loader_id == loader_id)
    frame_id = next(going, None)
    if frame_id is None or navigations[frame_id].committed:
        return
    navigations[frame_id].failure = error_text
    if ended:
        yield _later("failed", "failed", frame_id, navigations.pop(frame_id), tapped)


@cdp("Page.frameNavigated", FrameNavigated)
def frame_navigated(params: FrameNavigated, tapped: Tapped) -> Iterator[Fact]:
    """A frame has arrived, at what it wanted or at an error page in its place."""
    frame = params.frame
    failed = bool(frame.unreachable_url)
    url = frame.unreachable_url or frame.url + frame.url_fragment
    under = tapped.browser.navigations.pop(frame.id, None)
    yield from _frames_of_the_last_document(frame, tapped)
    if frame.id == tapped.page_id:
        tapped.on_error_page = failed
    if is_internal(url):
        return
    restored = params.type == _RESTORED and under is not None
    loader_id = under.loader_id if restored and under else frame.loader_id
    failure = under.failure if under else ""
    requested = restored or (under is not None and under.loader_id == loader_id and under.requested)
    navigation = Navigation(
        phase="failed" if failed else "committed",
        url=url,
        frame_id=frame.id,
        main_frame=frame.id == tapped.page_id,
        loader_id=loader_id,
        navigation_type=params.type,
        parent_frame_id=frame.parent_id,
        mime_type=frame.mime_type,
        name=frame.name or UNSET,
        error_text=failure if failed and failure else UNSET,
    )
    yield tapped.fact(navigation, "failed" if failed else "finished")
    if not failed:
        now = Under(
            page_id=tapped.page_id,
            loader_id=loader_id,
            url=url,
            requested=requested,
            committed=True,
        )
        yield from _loaded_at_once(frame.id, now, tapped, restored=restored)


def _loaded_at_once(
    frame_id: str, under: Under, tapped: Tapped, *, restored: bool
) -> Iterator[Fact]:
    """A page out of the cache for going back is whole, and its loading has been told to stop by then."""
    if restored:
        yield _later("finished", "finished", frame_id, under, tapped)
    else:
        tapped.browser.navigations[frame_id] = under


@cdp("Page.frameStoppedLoading", FrameStoppedLoading)
def frame_stopped_loading(params: FrameStoppedLoading, tapped: Tapped) -> Iterator[Fact]:
    """A frame loads no more; or it is at an error page that came before we could hear of it."""
    navigations = tapped.browser.navigations
    under = navigations.get(params.frame_id)
    if under is None or not (under.committed or under.failure):
        return
    del navigations[params.frame_id]
    if under.committed:
        yield _later("finished", "finished", params.frame_id, under, tapped)
    else:
        yield _later("failed", "failed", params.frame_id, under, tapped)


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


@cdp("Page.frameAttached", FrameAttached)
def frame_attached(params: FrameAttached, tapped: Tapped) -> Iterator[Fact]:
    """A frame comes into a page."""
    frames = tapped.browser.frames
    if params.frame_id in frames:
        return
    frames[params.frame_id] = tapped
    attached = PageFrame(
        phase="attached", frame_id=params.frame_id, parent_frame_id=params.parent_frame_id
    )
    yield tapped.fact(attached, "started")


@cdp("Page.frameDetached", FrameDetached)
def frame_detached(params: FrameDetached, tapped: Tapped) -> Iterator[Fact]:
    """A frame goes out of a page. One that only moves to another process stays."""
    if params.reason != "swap":
        yield from _detach([params.frame_id], tapped)


def _frames_of_the_last_document(frame: Frame, tapped: Tapped) -> Iterator[Fact]:
    """Chromium does not tell that the frames of a page go when it navigates."""
    if frame.id == tapped.page_id:
        frames = tapped.browser.frames
        yield from _detach([each for each, of in frames.items() if of.page_id == frame.id], tapped)


def _detach(frame_ids: list[str], tapped: Tapped) -> Iterator[Fact]:
    for frame_id in frame_ids:
        tapped.browser.navigations.pop(frame_id, None)
        if tapped.browser.frames.pop(frame_id, None) is not None:
            yield tapped.fact(PageFrame(phase="detached", frame_id=frame_id), "finished")


def forget_frames(tapped: Tapped) -> None:
    """A page is gone, and that says it of all that was in it."""
    browser = tapped.browser
    for frame_id in [each for each, of in browser.frames.items() if of.page_id == tapped.page_id]:
        del browser.frames[frame_id]
    under = browser.navigations
    for frame_id in [each for each, of in under.items() if of.page_id == tapped.page_id]:
        del under[frame_id]


def _later(
    phase: Literal["started", "redirected", "finished", "failed"],
    status: str,
    frame_id: str,
    under: Under,
    tapped: Tapped,
) -> Fact:
    navigation = Navigation(
        phase=phase,
        url=under.url,
        frame_id=frame_id,
        main_frame=frame_id == tapped.page_id,
        loader_id=under.loader_id,
        error_text=under.failure or UNSET,
    )
    return tapped.fact(navigation, status)
