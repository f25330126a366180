"""Clients that attach to a run's `connectUrl`."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from ..types import Title
from ._registry import EventData, event


@event("connection.opened", category="connection")
class ConnectionOpened(EventData, frozen=True, kw_only=True):
    """A client attached; it has a browser session of its own."""

    client_address: str
    user_agent: Title = ""
    protocol: str = "cdp"


@event("connection.closed", category="connection")
class ConnectionClosed(EventData, frozen=True, kw_only=True):
    """A client is gone. `reason` says which side ended it and why; messages and bytes are counted each way."""

    reason: str
    client_address: str
    close_code: int | UnsetType = UNSET
    messages_from_client: int = 0
    messages_to_client: int = 0
    bytes_from_client: int = 0
    bytes_to_client: int = 0
