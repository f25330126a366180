"""The connections of one run: URLs that let clients in until their time is over or they are revoked. Pure.

They live in the worker's memory, as long as their run does; the events of the run tell of them.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Standing = Literal["open", "expired", "revoked", "unknown"]


class Connection(Struct):
    """One of them; `expires_at` is on the monotonic clock, in seconds."""

    expires_at: float
    revoked: bool = False


class Connections:
    """All that were created, by id. The clock is given by the caller."""

    def __init__(self) -> None:
        self._connections: dict[str, Connection] = {}

    def create(self, connection_id: str, expires_at: float) -> None:
        """Let clients in by this one."""
        self._connections[connection_id] = Connection(expires_at)

    def standing(self, connection_id: str, now: float) -> Standing:
        """Whether clients may come in by it."""
        connection = self._connections.get(connection_id)
        if connection is None:
            return "unknown"
        if connection.revoked:
            return "revoked"
        return "open" if now < connection.expires_at else "expired"

    def revoke(self, connection_id: str) -> bool:
        """Let nobody in by it any more, for good; whether that is new."""
        connection = self._connections.get(connection_id)
        if connection is None or connection.revoked:
            return False
        connection.revoked = True
        return True
