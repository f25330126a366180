"""Files that pages make the browser download."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from ..types import Title, Url
from ._registry import EventData, event


@event("download", category="browser")
class Download(EventData, frozen=True, kw_only=True):
    """A download began (status started), came on (received), was completed (finished) or was cancelled (failed).

    Joined by `guid`. Progress is told at each quarter of the whole, or at each 16 MiB where the whole is not known.
    """

    phase: Literal["began", "progress", "completed", "canceled"]
    guid: str
    url: Url = ""
    suggested_filename: Title | UnsetType = UNSET
    frame_id: str | UnsetType = UNSET
    received_bytes: int | UnsetType = UNSET
    total_bytes: int | UnsetType = UNSET
