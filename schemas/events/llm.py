"""What an agent says of its model."""

from __future__ import annotations

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from ..types import Title
from ._registry import EventData, event

Tokens = Annotated[int, Meta(ge=0, le=2**53)]


@event("llm.usage", category="tool")
class LlmUsage(EventData, frozen=True, kw_only=True):
    """A call of a model, and the tokens it took. `cached_input_tokens` are among `input_tokens`."""

    model: Title
    input_tokens: Tokens
    output_tokens: Tokens
    provider: Title | UnsetType = UNSET
    cached_input_tokens: Tokens | UnsetType = UNSET
    tool_call_id: str | UnsetType = UNSET
