"""A client that makes small CDP calls, one after the other, in a process of its own: nothing else holds it up.

python -m tests.bench.caller URL
Each order changes between calling and not; when it stops, it says how long its calls took, in ms, as JSON.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec
import uvloop

from tests.bench.cdp import over_websocket
from tests.bench.orders import orders, say

PAUSE_SECONDS = 0.002


async def _serve(url: str) -> None:
    told = await orders()
    async with over_websocket(url) as cdp:
        while await told.readline():
            took = [await cdp.round_trip_ms()]
            say(b"calling")
            ended = asyncio.create_task(told.readline())
            while not ended.done():
                took.append(await cdp.round_trip_ms())
                await asyncio.sleep(PAUSE_SECONDS)
            say(msgspec.json.encode(took))


if __name__ == "__main__":
    uvloop.run(_serve(sys.argv[1]))
