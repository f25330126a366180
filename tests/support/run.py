"""A run as its user has it: the API's answers, and the connectUrl."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.support.eventually import LIMIT_S, eventually

Event = dict[str, Any]


@dataclass(frozen=True)
class Run:
    """A started run. `http` sends the key and knows the base URL."""

    http: httpx.AsyncClient
    id: str
    runtime_id: str
    connect_url: str

    async def get(self) -> dict[str, Any]:
        """The run, as the API tells it now."""
        run: dict[str, Any] = await answer(self.http, "GET", f"/v1/runs/{self.id}")
        return run

    async def events(self, **filters: Any) -> list[Event]:
        """All of its events, page after page."""
        found: list[Event] = []
        query: dict[str, Any] = {"limit": 1000, **filters}
        while True:
            page = await answer(self.http, "GET", f"/v1/runs/{self.id}/events", params=query)
            found += page["data"]
            if page["nextCursor"] is None:
                return found
            query["cursor"] = page["nextCursor"]

    async def event(self, kind: str, *, limit_s: float = LIMIT_S, **data: Any) -> Event:
        """The first event of that type with these values in its data, waited for."""

        async def look() -> Event | None:
            events = await self.events(type=kind)
            return next((each for each in events if data.items() <= each["data"].items()), None)

        return await eventually(look, limit_s, explain=lambda: f"no {kind} with {data}")

    async def stop(self) -> dict[str, Any]:
        """Stop its runtime."""
        path = f"/v1/runtimes/{self.runtime_id}/stop"
        stopped: dict[str, Any] = await answer(self.http, "POST", path)
        return stopped

    async def end(self) -> None:
        """Stop it unless it has ended."""
        if (await self.get())["status"] == "active":
            await self.stop()

    async def ended(self, limit_s: float = LIMIT_S) -> dict[str, Any]:
        """The run once it has ended, by whatever."""

        async def look() -> dict[str, Any] | None:
            try:
                run = await self.get()
            except httpx.TransportError:
                return None  # the recorder may be away meanwhile
            return None if run["status"] == "active" else run

        return await eventually(look, limit_s)


async def create_runtime(http: httpx.AsyncClient, **body: Any) -> str:
    """A new runtime; its id."""
    made = await answer(http, "POST", "/v1/runtimes", json=body)
    return str(made["id"])


async def start(http: httpx.AsyncClient, runtime_id: str) -> Run:
    """Start a runtime."""
    started = await answer(http, "POST", f"/v1/runtimes/{runtime_id}/start")
    return Run(http, started["runId"], runtime_id, started["connectUrl"])


async def answer(http: httpx.AsyncClient, method: str, path: str, **options: Any) -> Any:
    """The body of a good answer."""
    response = await http.request(method, path, **options)
    assert response.is_success, f"{method} {path}: {response.status_code} {response.text}"
    return response.json()


def console(events: list[Event]) -> list[str]:
    """What pages wrote to the console, in order."""
    return [each["data"]["text"] for each in events if each["type"] == "console.message"]


def assert_whole(events: list[Event]) -> None:
    """Numbered 1, 2, 3, … in the order of the list, each once, nothing missing."""
    numbers = [each["sequence"] for each in events if each["source"] == "worker"]
    assert numbers == list(range(1, len(numbers) + 1))
    assert len({each["id"] for each in events}) == len(events)
