"""How a test's own NATS client is closed, also one that is looking for its server just then."""

from __future__ import annotations

import asyncio

from nats.aio.client import Client


async def close(client: Client) -> None:
    """Close it, and what connects it again.

    That is cancelled once by nats-py, and waits by `asyncio.wait_for`, which on Python 3.11 forgets a cancellation that
    comes together with the answer. It would go on, connect the closed client, and hold up the loop's end for ever.
    """
    await client.close()
    while (connecting := client._reconnection_task) is not None and not connecting.done():
        connecting.cancel()
        await asyncio.wait([connecting], timeout=0.1)
    if not client.is_closed:
        await close(client)
