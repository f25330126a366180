"""Navigations of pages and frames."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from ..types import Title, Url
from ._registry import EventData, event


@event("navigation", category="browser")
class Navigation(EventData, frozen=True, kw_only=True):
    """A frame goes somewhere. Events of one navigation share `loader_id`.

    Phase `started` (`Page.frameStartedNavigating`, status started), `committed` (`Page.frameNavigated`, status
    finished), `failed` (an error page was committed instead, status failed), `same_document` (fragment or history API,
    status finished).
    """

    phase: Literal["started", "committed", "failed", "same_document"]
    url: Url
    frame_id: str
    main_frame: bool
    loader_id: str | UnsetType = UNSET
    navigation_type: str | UnsetType = UNSET
    parent_frame_id: str | UnsetType = UNSET
    mime_type: str | UnsetType = UNSET
    name: Title | UnsetType = UNSET
