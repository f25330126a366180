"""Events from outside: what an agent may say, and the types that it makes up itself (`custom.*`, any object)."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Raw

from ..types import KIB
from ._registry import EventData, event

PREFIX = "custom."
INGESTED = "tool.call.*, llm.usage, captcha.solve.* and custom.*"  # which types, in words
MOST_BYTES = 64 * KIB  # of a body
MOST_ID_CHARS = 128  # of what joins events: toolCallId, parentId, solveId
OURS = (
    "command_id",
    "step",
    "artifact_ids",
)  # fields of the steps of hosted actions, and of no others
_KNOWN = frozenset(
    {
        "tool.call.started", "tool.call.finished", "tool.call.failed", "llm.usage",
        "captcha.solve.started", "captcha.solve.succeeded", "captcha.solve.failed",
    }
)  # fmt: skip


def is_ingested(event_type: str) -> bool:
    """Whether events of a type may come from outside."""
    return event_type in _KNOWN or event_type.startswith(PREFIX)


@event("custom.*", category="tool", listed=False)
class Custom(EventData, frozen=True, kw_only=True):
    """The body of a `custom.*` event. On the stream it is that object itself, not a member of another."""

    body: Annotated[Raw, Meta(extra={"kind": "json", "limit_bytes": MOST_BYTES})]
