"""Who comes to a run by the gateway."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct

from worker.gateway.revoked import KeyStanding


async def _good() -> KeyStanding:
    return "good"


class Visitor(Struct, frozen=True):
    """What is known of a client before its socket is open.

    `connection_id` None: it came by the run's own URL. `address` is whom a proxy of ours asks for; empty: the peer.
    `key` asks how the API key stands that its URL was given to.
    """

    user_agent: str = ""
    connection_id: str | None = None
    address: str = ""
    key_id: str = ""
    key: Callable[[], Awaitable[KeyStanding]] = _good
