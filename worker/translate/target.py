"""The Target domain: pages come, crash and go."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import UNSET, Struct, UnsetType

from schemas.events.page import PageClosed, PageCrash, PageOpened, PageTitle
from worker.fact import Fact
from worker.translate._registry import Params, Tapped, cdp
from worker.translate.navigations import forget_frames
from worker.translate.websockets import close_sockets


class TargetInfo(Struct, frozen=True, kw_only=True, rename="camel"):
    """`Target.TargetInfo`."""

    target_id: str
    type: str
    title: str = ""
    url: str = ""
    opener_id: str | UnsetType = UNSET
    opener_frame_id: str | UnsetType = UNSET
    browser_context_id: str | UnsetType = UNSET


class AttachedToTarget(Params, frozen=True, kw_only=True):
    """`Target.attachedToTarget`."""

    session_id: str
    target_info: TargetInfo
    waiting_for_debugger: bool = False


class DetachedFromTarget(Params, frozen=True, kw_only=True):
    """`Target.detachedFromTarget`."""

    session_id: str


class TargetInfoChanged(Params, frozen=True, kw_only=True):
    """`Target.targetInfoChanged`."""

    target_info: TargetInfo


class TargetCrashed(Params, frozen=True, kw_only=True):
    """`Target.targetCrashed`."""

    target_id: str
    status: str = ""
    error_code: int | UnsetType = UNSET


@cdp("Target.attachedToTarget", AttachedToTarget)
def attached_to_target(params: AttachedToTarget, tapped: Tapped) -> Iterator[Fact]:
    """A page opens; frames and workers show by what they do."""
    if tapped.is_page:
        info = params.target_info
        opened = PageOpened(
            url=info.url, opener_id=info.opener_id, opener_frame_id=info.opener_frame_id
        )
        yield tapped.fact(opened, "started")


@cdp("Target.detachedFromTarget", DetachedFromTarget)
def detached_from_target(_params: DetachedFromTarget, tapped: Tapped) -> Iterator[Fact]:
    """A target is gone, and with it what it had begun; when it is a page, that is told."""
    yield from tapped.browser.requests.leave(tapped.target_id, tapped.page_id)
    yield from close_sockets(tapped)
    if tapped.is_page:
        forget_frames(tapped)
        yield tapped.fact(PageClosed(url=tapped.url), "finished")


@cdp("Target.targetInfoChanged", TargetInfoChanged)
def target_info_changed(params: TargetInfoChanged, tapped: Tapped) -> Iterator[Fact]:
    """A page has another URL or title. A URL is told by navigations, and stands in for a title until there is one."""
    info = params.target_info
    if not tapped.is_page or info.title in ("", tapped.title) or _is_made_of(info.url, info.title):
        return
    yield tapped.fact(PageTitle(title=info.title, url=info.url))


def _is_made_of(url: str, title: str) -> bool:
    return title.rstrip("/") in (url.rstrip("/"), url.partition("://")[2].rstrip("/"))


@cdp("Target.targetCrashed", TargetCrashed)
def target_crashed(params: TargetCrashed, tapped: Tapped) -> Iterator[Fact]:
    """The process of a page dies."""
    if tapped.is_page:
        yield tapped.fact(PageCrash(reason=params.status, error_code=params.error_code), "failed")
