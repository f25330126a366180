"""What this server says of itself: a word at `/`, and /openapi.json."""

from __future__ import annotations

from collections.abc import Sequence

from recorder.api import openapi
from recorder.api.endpoint import NO_KEY, Call, Endpoint

WORD = {
    "name": "Runreel",
    "about": "Records what browsers do, and serves it: runs, their events, live and afterwards.",
    "openapi": "/openapi.json",
    "health": ["/healthz", "/readyz", "/readyz?for=start"],
    "first": "Send 'Authorization: Bearer <key>' and ask GET /v1/runs.",
}


def endpoints(described: Sequence[Endpoint]) -> tuple[Endpoint, ...]:
    """The endpoints that describe the others; they are not in the description themselves."""
    document = openapi.document(described)

    async def describe(call: Call[object, None]) -> object:
        return document

    async def say(call: Call[object, None]) -> object:
        return WORD

    return (_page("/openapi.json", "openapi", describe), _page("/", "root", say))


def _page(path: str, name: str, handler: openapi.Handler) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        name=name,
        summary=name,
        tag="about",
        needs=NO_KEY,
        handler=handler,
        answer=dict,
    )
