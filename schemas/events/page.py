"""Pages (tabs and popups): opened, loaded, in error, crashed, closed."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from ..types import Text, Title, Url
from ._registry import EventData, event

Milestone = Literal["domContentLoaded", "load"]


class StackFrame(Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One line of a stack (`Runtime.CallFrame`). Lines and columns count from 0, as in CDP."""

    function_name: Title = ""
    url: Url = ""
    line_number: int = 0
    column_number: int = 0


@event("page.opened", category="browser")
class PageOpened(EventData, frozen=True, kw_only=True):
    """A page target was attached before its first line ran.

    `opener_id` is the page that opened it, `opener_frame_id` the frame in it; without one a client or the browser did.
    """

    url: Url
    opener_id: str | UnsetType = UNSET
    opener_frame_id: str | UnsetType = UNSET


@event("page.closed", category="browser")
class PageClosed(EventData, frozen=True, kw_only=True):
    """A page target is gone."""

    url: Url = ""


@event("page.load", category="browser")
class PageLoad(EventData, frozen=True, kw_only=True):
    """A document reached a milestone: its DOM is parsed, or it and what it needs is loaded.

    `timestamp` is Chromium's monotonic clock, in seconds; the envelope's `durationms` counts from the request.
    """

    milestone: Milestone
    url: Url = ""
    timestamp: float | UnsetType = UNSET


@event("page.frame", category="browser")
class PageFrame(EventData, frozen=True, kw_only=True):
    """A frame came into a page (`Page.frameAttached`, status started) or went out of it (status finished).

    A frame that moves to a process of its own stays where it is: that is no event.
    """

    phase: Literal["attached", "detached"]
    frame_id: str
    parent_frame_id: str | UnsetType = UNSET


@event("page.title", category="browser")
class PageTitle(EventData, frozen=True, kw_only=True):
    """A page's document has another title now (`Target.targetInfoChanged`)."""

    title: Title
    url: Url = ""


@event("page.error", category="browser")
class PageError(EventData, frozen=True, kw_only=True):
    """An exception or rejection that nobody caught (`Runtime.exceptionThrown`)."""

    message: Text
    url: Url = ""
    line_number: int | UnsetType = UNSET
    column_number: int | UnsetType = UNSET
    in_promise: bool = False
    worker: bool = False
    stack: list[StackFrame] | UnsetType = UNSET


@event("page.crash", category="browser")
class PageCrash(EventData, frozen=True, kw_only=True):
    """The process of a page died (`Target.targetCrashed`)."""

    reason: str = ""
    error_code: int | UnsetType = UNSET
