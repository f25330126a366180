"""Requests to one recorder, or to several behind a balancer: what was seen in one answer is seen in the next."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from httpx_sse import EventSource

from .errors import ApiError, CannotConnect, error_of, nothing_named

T = TypeVar("T")

# A start may wait for a place for 120 s, and take 35 s then; a stream is silent for at most 15 s.
TIMEOUT_SECONDS = 180.0
STREAM_SILENCE_SECONDS = 45.0

Query = Mapping[str, Any]


class Transport:
    """One HTTP client with its key, and the newest position of each stream that it has been shown."""

    def __init__(self, base_url: str, api_key: str, http: httpx.AsyncClient | None = None) -> None:
        self._owned = http is None
        self._http = http or httpx.AsyncClient()
        self._base_url = base_url.rstrip("/")
        self._key = {"authorization": f"Bearer {api_key}"}
        self._positions: dict[str, int] = {}

    async def close(self) -> None:
        """Close the connections, unless they are somebody else's."""
        if self._owned:
            await self._http.aclose()

    async def call(
        self,
        method: str,
        path: str,
        answer: type[T],
        *,
        query: Query | None = None,
        body: object = None,
        idempotency_key: str | None = None,
    ) -> T:
        """The answer as `answer`. Raises ApiError, CannotConnect."""
        headers = self._headers()
        if body is not None:
            headers["content-type"] = "application/json"
        if idempotency_key is not None:
            headers["idempotency-key"] = idempotency_key
        content = None if body is None else msgspec.json.encode(body)
        try:
            response = await self._http.request(
                method,
                self._base_url + path,
                params=_parameters(query),
                content=content,
                headers=headers,
                timeout=TIMEOUT_SECONDS,
            )
        except httpx.TransportError as error:
            raise CannotConnect(f"No answer from {self._base_url}: {error!r}") from error
        self._take_positions(response.headers)
        if response.is_error:
            raise _error(response)
        return msgspec.json.decode(response.content or b"null", type=answer)

    @asynccontextmanager
    async def stream(
        self, path: str, *, query: Query | None, last_event_id: str | None
    ) -> AsyncIterator[EventSource]:
        """Server-sent events after that one. Raises ApiError, CannotConnect, also while it is read."""
        headers = self._headers()
        if last_event_id is not None:
            headers["last-event-id"] = last_event_id
        try:
            async with self._http.stream(
                "GET",
                self._base_url + path,
                params=_parameters(query),
                headers=headers,
                timeout=httpx.Timeout(TIMEOUT_SECONDS, read=STREAM_SILENCE_SECONDS),
            ) as response:
                if response.is_error:
                    await response.aread()
                    raise _error(response)
                self._take_positions(response.headers)
                yield EventSource(response)
        except httpx.TransportError as error:
            raise CannotConnect(f"The stream from {self._base_url} broke: {error!r}") from error

    @asynccontextmanager
    async def content(self, path: str) -> AsyncIterator[AsyncIterator[bytes]]:
        """A body, piece by piece. Raises ApiError, CannotConnect, also while it is read."""
        try:
            async with self._http.stream(
                "GET", self._base_url + path, headers=self._headers(), timeout=TIMEOUT_SECONDS
            ) as response:
                if response.is_error:
                    await response.aread()
                    raise _error(response)
                yield response.aiter_bytes()
        except httpx.TransportError as error:
            raise CannotConnect(
                f"The content from {self._base_url} broke off: {error!r}"
            ) from error

    def _headers(self) -> dict[str, str]:
        seen = ",".join(f"{stream}={position}" for stream, position in self._positions.items())
        return {**self._key, "x-runreel-min-position": seen} if seen else dict(self._key)

    def _take_positions(self, headers: httpx.Headers) -> None:
        """The newest of each stream. One that is not reached in time is given up: streams can be made anew, and then
        begin at 1.
        """
        lags = headers.get("x-runreel-lag", "").split(",")
        behind = {lag.partition("=")[0] for lag in lags}
        for part in filter(None, headers.get("x-runreel-position", "").split(",")):
            stream, _, text = part.partition("=")
            if text.isdecimal():
                known = 0 if stream in behind else self._positions.get(stream, 0)
                self._positions[stream] = max(known, int(text))


def path_to(*names: str) -> str:
    """`/v1/…`: each name is one part of the path. Raises NotFound where one can be none."""
    return "/v1/" + "/".join(map(part, names))


def part(name: str) -> str:
    """A name as one part of a path, whatever stands in it. Raises NotFound where it can be none."""
    if name in ("", ".", ".."):
        raise nothing_named(name)
    return quote(name, safe="", errors="replace")


def _parameters(query: Query | None) -> httpx.QueryParams:
    """What is None is left out; a list is the parameter repeated."""
    found: list[tuple[str, str]] = []
    for name, value in (query or {}).items():
        values = value if isinstance(value, list | tuple) else [value]
        found += [(name, _text(each)) for each in values if each is not None]
    return httpx.QueryParams(tuple(found))


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _error(response: httpx.Response) -> ApiError:
    request_id = response.headers.get("x-request-id", "")
    return error_of(response.status_code, response.content, request_id)
