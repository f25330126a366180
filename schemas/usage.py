"""What a run took, counted, and what that costs by a rate card. Pure."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from .problems import CannotStart

MILLION = 1_000_000
GB = 1_000_000_000
HOUR_SECONDS = 3600
MOST = 2**53  # what any client can read as a whole number; a quantity stays there

Credits = Annotated[float, Meta(ge=0, le=1e9)]


class Quantities(Struct, frozen=True, kw_only=True, rename="camel"):
    """What was counted of a run up to its end; bytes are those on the wire. What came late is not among them.

    `network_bytes` is what pages received and sent; `proxy_bytes` what went through the run's own proxy, both ways.
    """

    commands: int = 0
    tool_calls: int = 0
    ai_input_tokens: int = 0
    ai_output_tokens: int = 0
    captcha_solves: int = 0
    network_bytes: int = 0
    proxy_bytes: int = 0
    files_bytes: int = 0


class RateCard(Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """Credits for so much of each. What is left out costs nothing."""

    runtime_hour: Credits = 0
    ai_input_million_tokens: Credits = 0
    ai_output_million_tokens: Credits = 0
    captcha_solve: Credits = 0
    proxy_gb: Credits = 0
    files_gb: Credits = 0


def read_card(text: str) -> RateCard | None:
    """The rate card in a setting's text; None where there is none. Raises CannotStart."""
    if not text.strip():
        return None
    try:
        return msgspec.json.decode(text, type=RateCard)
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise CannotStart(
            f"RUNREEL_RATE_CARD is no rate card: {error}.",
            'It is JSON such as {"runtimeHour": 1}; its names are '
            f"{', '.join(RateCard.__struct_encode_fields__)}.",
        ) from error


class CreditsUsed(Struct, frozen=True, kw_only=True, rename="camel"):
    """Credits by what they were for; `notifications` is the contract's, and nothing here costs them."""

    ai: float = 0
    captcha: float = 0
    files: float = 0
    notifications: float = 0
    proxy: float = 0
    runtime: float = 0

    @property
    def total(self) -> float:
        """All together."""
        parts = (self.ai, self.captcha, self.files, self.notifications, self.proxy, self.runtime)
        return round(sum(parts), 6)


def credits_for(card: RateCard, used: Quantities, runtime_seconds: float) -> CreditsUsed:
    """What a run costs; each part rounded to a millionth of a credit."""
    ai = (
        used.ai_input_tokens * card.ai_input_million_tokens
        + used.ai_output_tokens * card.ai_output_million_tokens
    )
    return CreditsUsed(
        ai=round(ai / MILLION, 6),
        captcha=round(used.captcha_solves * card.captcha_solve, 6),
        files=round(used.files_bytes * card.files_gb / GB, 6),
        proxy=round(used.proxy_bytes * card.proxy_gb / GB, 6),
        runtime=round(runtime_seconds * card.runtime_hour / HOUR_SECONDS, 6),
    )
