"""Navigations of pages and frames."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from ..types import Text, Title, Url
from ._registry import EventData, event


@event("navigation", category="browser")
class Navigation(EventData, frozen=True, kw_only=True):
    """A frame goes somewhere. Events of one navigation share `loader_id`.

    Phase `started` (`Page.frameStartedNavigating`, status started), `redirected` (the server named another URL, which
    is `url`; status received), `committed` (`Page.frameNavigated`, status finished), `finished` (the frame loads no
    more, `Page.frameStoppedLoading`: what it needs is there, or was given up; status finished), `failed` (nothing was
    committed, or an error page in its place; `error_text` is Chromium's `net::ERR_…`; status failed), `same_document`
    (fragment or history API, status finished).
    """

    phase: Literal["started", "redirected", "committed", "finished", "failed", "same_document"]
    url: Url
    frame_id: str
    main_frame: bool
    loader_id: str | UnsetType = UNSET
    navigation_type: str | UnsetType = UNSET
    parent_frame_id: str | UnsetType = UNSET
    mime_type: str | UnsetType = UNSET
    name: Title | UnsetType = UNSET
    error_text: Text | UnsetType = UNSET
