"""The ways into a run: connections, the clients that attach, and what those do over CDP.

`connectionid` in the envelope is the connection that a client came by; where that was the run's `connectUrl`, the
client's own id. `attachment_id` tells several clients of one connection apart.
"""

from __future__ import annotations

from typing import Literal

from msgspec import UNSET, Struct, UnsetType

from ..types import Params, Text, Title
from ._registry import EventData, event


@event("connection.created", category="connection")
class ConnectionCreated(EventData, frozen=True, kw_only=True):
    """A URL of its own lets clients in until `expires_at` (RFC 3339, UTC), or until it is revoked."""

    protocol: str
    expires_at: str


@event("connection.revoked", category="connection")
class ConnectionRevoked(EventData, frozen=True, kw_only=True):
    """A connection lets nobody in any more; so many clients that had come by it were dropped."""

    reason: Literal["requested"] = "requested"
    dropped: int = 0


@event("connection.opened", category="connection")
class ConnectionOpened(EventData, frozen=True, kw_only=True):
    """A client attached; it has a browser session of its own."""

    client_address: str
    user_agent: Title = ""
    protocol: str = "cdp"
    attachment_id: str | UnsetType = UNSET


class CommandError(Struct, frozen=True, rename="camel", omit_defaults=True):
    """What Chromium answered in place of a result; `code` is CDP's, absent where nobody answered."""

    message: Text
    code: int | UnsetType = UNSET


@event("connection.command", category="connection")
class ConnectionCommand(EventData, frozen=True, kw_only=True):
    """A client called a method of CDP.

    Told once, when it is answered: status finished, or failed with the `error`; stopped when the client or the run
    ended first. `target_id` is the target whose session it was called on; absent at the browser's own. `params` is a
    summary without secrets: what is left out of it was not thought worth telling, or is told by its size
    (`expressionBytes`, of what is typed `textChars`).
    """

    method: str
    params: Params | UnsetType = UNSET
    target_id: str | UnsetType = UNSET
    error: CommandError | UnsetType = UNSET
    attachment_id: str | UnsetType = UNSET


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
    attachment_id: str | UnsetType = UNSET
