"""API keys of a recorder under test: made, sent, and what they open."""

from __future__ import annotations

from typing import Any

import httpx

from tests.support.recorder_running import Running

KEYS = "/v1/api-keys"
WHOAMI = "/v1/auth/whoami"


def bearer(secret: str) -> dict[str, str]:
    """The header that brings a key."""
    return {"authorization": f"Bearer {secret}"}


async def make_key(recorder: Running, **wanted: Any) -> Any:
    """A new key, with its secret."""
    return await recorder.post(KEYS, {"name": "k", **wanted}, status=201)


async def ask(recorder: Running, secret: str, path: str = WHOAMI, **others: Any) -> httpx.Response:
    """The answer to a request with that key."""
    return await recorder.http.get(path, headers=bearer(secret) | others)


async def status_of(recorder: Running, secret: str, path: str = WHOAMI) -> int:
    """200 where it opens that, else why not."""
    return (await ask(recorder, secret, path)).status_code
