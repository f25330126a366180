"""alert, confirm, prompt and beforeunload."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from ..types import Text, Url
from ._registry import EventData, event


@event("dialog", category="browser")
class Dialog(EventData, frozen=True, kw_only=True):
    """A dialog opened (status started) or was closed (status finished).

    What a person typed into a prompt is not recorded, only how long it was. `answered_by` is `client`, or `worker`
    where nobody was attached who could answer and the page would have hung.
    """

    phase: Literal["opened", "closed"]
    dialog_type: str | UnsetType = UNSET
    message: Text | UnsetType = UNSET
    url: Url = ""
    accepted: bool | UnsetType = UNSET
    answered_by: Literal["client", "worker"] | UnsetType = UNSET
    user_input_chars: int | UnsetType = UNSET
