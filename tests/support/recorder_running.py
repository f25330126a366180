"""A recorder in this process, on a port of its own: the real app, with real files and real NATS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from recorder import app
from schemas.settings import RecorderSettings
from tests.support.eventually import eventually

KEY = "key-for-tests-0123456789"
SECRET = "secret-for-tests-0123456789"
START_SECONDS = 60.0
MIB = 1024 * 1024


def settings_for(directory: Path, nats_url: str, **others: Any) -> RecorderSettings:
    """Settings of a recorder whose files lie in `directory`."""
    given: dict[str, Any] = {
        "nats_url": nats_url,
        "secret": SECRET,
        "recorder_id": "r1",
        "database": str(directory / "recorder" / "runreel.db"),
        "port": 0,
        "api_key": KEY,
        "key_requests_per_second": 0,  # tests ask fast
        "runs_max_bytes": 64 * MIB,
        "control_max_bytes": 16 * MIB,
        "artifacts_url": str(directory / "artifacts"),
    }
    return RecorderSettings(**(given | others))


@dataclass
class Running:
    """A recorder that answers. `http` sends the key; `stop` drains it, as SIGTERM would."""

    url: str
    http: httpx.AsyncClient
    stop: asyncio.Event
    settings: RecorderSettings

    async def get(self, path: str, **params: Any) -> Any:
        """The body of a good answer."""
        answer = await self.http.get(path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def post(self, path: str, body: object = None, status: int = 200) -> Any:
        """The body of an answer with that status."""
        return await self.ask("POST", path, body, status)

    async def patch(self, path: str, body: object, status: int = 200) -> Any:
        """The body of an answer with that status."""
        return await self.ask("PATCH", path, body, status)

    async def delete(self, path: str, status: int = 200) -> Any:
        """The body of an answer with that status."""
        return await self.ask("DELETE", path, None, status)

    async def ask(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        """The body of an answer with that status."""
        answer = await self.http.request(method, path, json=body)
        assert answer.status_code == status, answer.text
        return answer.json()

    async def until_startable(self, status: int = 200) -> None:
        """Until it says that a runtime can be started; or 503: that none can."""

        async def says_so() -> bool:
            answer = await self.http.get("/readyz", params={"for": "start"})
            return answer.status_code == status

        await eventually(says_so)

    async def shown(self, **positions: int) -> None:
        """Until the tables show the streams that far."""
        wanted = ",".join(f"{stream}={position}" for stream, position in positions.items())

        async def is_shown() -> bool:
            answer = await self.http.get("/healthz", headers={"x-runreel-min-position": wanted})
            return "x-runreel-lag" not in answer.headers

        await eventually(is_shown)


@asynccontextmanager
async def running(settings: RecorderSettings) -> AsyncIterator[Running]:
    """Start a recorder, and drain it in the end."""
    stop = asyncio.Event()
    url: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    serving = asyncio.create_task(app.serve(settings, stop, url.set_result))
    await asyncio.wait((serving, url), timeout=START_SECONDS, return_when=asyncio.FIRST_COMPLETED)
    if serving.done():
        await serving
    try:
        async with httpx.AsyncClient(
            base_url=url.result(), headers={"authorization": f"Bearer {KEY}"}, timeout=60
        ) as http:
            yield Running(url.result(), http, stop, settings)
    finally:
        stop.set()
        await serving
