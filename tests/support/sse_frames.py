"""Server-sent events as they come over a real port."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

LIMIT_S = 30.0


@dataclass(frozen=True)
class Frame:
    """One frame; `id` is empty where it has none."""

    event: str
    data: dict[str, Any]
    id: str


@asynccontextmanager
async def frames(
    http: httpx.AsyncClient, path: str, headers: dict[str, str] | None = None, **query: Any
) -> AsyncIterator[AsyncIterator[Frame]]:
    """The frames of a stream, as they arrive; heartbeats too. The stream is closed with the block."""
    async with http.stream("GET", path, headers=headers, params=query, timeout=LIMIT_S) as response:
        assert response.status_code == 200, await response.aread()
        assert response.headers["content-type"].startswith("text/event-stream")
        yield _frames(response)


async def _frames(response: httpx.Response) -> AsyncIterator[Frame]:
    fields: dict[str, str] = {}
    async for line in response.aiter_lines():
        if line:
            name, _, value = line.partition(": ")
            fields[name] = value
        elif fields:
            yield Frame(fields["event"], json.loads(fields["data"]), fields.get("id", ""))
            fields = {}
