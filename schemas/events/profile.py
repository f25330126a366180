"""What a run keeps beyond its end: cookies, storage and logins."""

from __future__ import annotations

from typing import Literal

from ..types import Text
from ._registry import EventData, event

NotSaved = Literal["not_closed", "lost", "too_large", "unreachable"]


@event("profile.opened", category="runtime")
class ProfileOpened(EventData, frozen=True, kw_only=True):
    """The run's browser starts with what was saved at `generation`; 0: nothing was saved yet."""

    profile: str
    generation: int
    size_bytes: int = 0


@event("profile.saved", category="runtime")
class ProfileSaved(EventData, frozen=True, kw_only=True):
    """What the run's browser left is what the next run with this profile starts with. `size_bytes` as it is stored."""

    profile: str
    generation: int
    size_bytes: int


@event("profile.save.failed", category="runtime")
class ProfileSaveFailed(EventData, frozen=True, kw_only=True):
    """What the run's browser left was not kept; the next run starts with what was saved before.

    `not_closed`: the browser ended otherwise than by closing. `lost`: another run has the profile by now.
    `too_large`: more than a profile may be. `unreachable`: the artifact store or NATS; then it may have been kept.
    """

    profile: str
    reason: NotSaved
    message: Text = ""
