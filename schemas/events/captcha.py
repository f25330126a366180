"""Captchas that somebody solves for a run: an agent outside says so. Joined by `solveId`."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from ..types import Text, Title, Url
from ._registry import EventData, event


@event("captcha.solve.started", category="captcha")
class CaptchaSolveStarted(EventData, frozen=True, kw_only=True):
    """Somebody begins to solve one; `kind` is which: recaptcha, hcaptcha, turnstile, image."""

    solve_id: str
    kind: Title = ""
    provider: Title | UnsetType = UNSET
    url: Url = ""


@event("captcha.solve.succeeded", category="captcha")
class CaptchaSolveSucceeded(EventData, frozen=True, kw_only=True):
    """It is solved."""

    solve_id: str
    kind: Title = ""
    provider: Title | UnsetType = UNSET


@event("captcha.solve.failed", category="captcha")
class CaptchaSolveFailed(EventData, frozen=True, kw_only=True):
    """It is not."""

    solve_id: str
    message: Text
    code: Title | UnsetType = UNSET
    kind: Title = ""
    provider: Title | UnsetType = UNSET
