"""What runs took."""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, UnsetType

from ..usage import CreditsUsed
from .resource import Resource


class AiTokens(Resource, frozen=True, kw_only=True):
    """Tokens of models, as agents reported them."""

    input: int
    output: int


class Breakdown(Resource, frozen=True, kw_only=True):
    """Of tokens and credits; `credits` is null without a rate card."""

    ai_tokens: AiTokens
    credits: CreditsUsed | None


class Used(Resource, frozen=True, kw_only=True):
    """Quantities and what they cost. `credits_used` is null without a rate card. Bytes are those on the wire."""

    runtime_seconds: float
    ai_tokens_total: int
    captcha_solves: int
    proxy_bytes: int
    network_bytes: int
    files_bytes: int
    commands: int
    tool_calls: int
    credits_used: float | None
    breakdown: Breakdown


class Usage(Used, frozen=True, kw_only=True):
    """What one run took. `pending` until a moment after its end, then `settled`: all up to its end, and the same for
    ever after.
    """

    billing_status: Literal["pending", "settled", "unavailable"]
    computed_at: str


class RunsUsed(Used, frozen=True, kw_only=True):
    """What several runs took. Of `unavailable` ones only the seconds are known. `credits_used` is of those that were
    reckoned, null where none was.
    """

    runs: int
    unavailable: int


class UsageGroup(RunsUsed, frozen=True, kw_only=True):
    """Runs of one space, runtime, or value of metadata; `key` is null for runs whose runtime did not have that one."""

    key: str | None
    pending: RunsUsed


class UsageTotals(RunsUsed, frozen=True, kw_only=True):
    """What runs took that ended from `since` on and before `until`.

    Settled ones; `pending` are those that go on, as far as they are, and those of the last second. `groups` are in the
    order of their keys, a page of them; they add up to the totals.
    """

    since: str | None
    until: str | None
    computed_at: str
    pending: RunsUsed
    groups: list[UsageGroup] | UnsetType = UNSET
    next_cursor: str | UnsetType | None = UNSET
