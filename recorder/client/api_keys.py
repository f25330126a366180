"""API keys: who may ask this recorder, and for what. A key needs the scope `ops` to look after others."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from msgspec import UNSET, UnsetType

from schemas.events.key import Scope
from schemas.resources import ApiKey, CreateApiKey, MadeApiKey, RotateApiKey
from schemas.resources.keys import DAY_SECONDS, USUAL_SCOPES

from .handle import Handle
from .pages import Listing
from .transport import Transport, path_to


class ApiKeyHandle(Handle[ApiKey]):
    """One key."""

    @property
    def secret(self) -> str | None:
        """What is sent as `Authorization: Bearer <secret>`. Only who made the key is told it, and only once."""
        return self.resource.secret if isinstance(self.resource, MadeApiKey) else None

    async def rotate(
        self,
        *,
        overlap_seconds: int = DAY_SECONDS,
        expires_at: str | UnsetType | None = UNSET,
    ) -> ApiKeyHandle:
        """A new key in its place; this one goes on opening for the overlap. Raises Conflict where it opens nothing."""
        body = RotateApiKey(overlap_seconds=overlap_seconds, expires_at=expires_at)
        path = path_to("api-keys", self.id, "rotate")
        made = await self._transport.call("POST", path, MadeApiKey, body=body)
        return ApiKeyHandle(self._transport, made)

    async def revoke(self) -> None:
        """Let it open nothing any more; what was opened by it ends within 5 s."""
        path = path_to("api-keys", self.id)
        self.resource = await self._transport.call("DELETE", path, ApiKey)


class ApiKeys:
    """`runreel.api_keys`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def create(
        self,
        name: str,
        *,
        space_id: str | None = None,
        scopes: Sequence[Scope] = USUAL_SCOPES,
        expires_at: str | None = None,
    ) -> ApiKeyHandle:
        """A new key, with its secret. Raises Forbidden where it could do more than the key that asks."""
        body = CreateApiKey(
            name=name, space_id=space_id, scopes=list(scopes), expires_at=expires_at
        )
        made = await self._transport.call("POST", "/v1/api-keys", MadeApiKey, body=body)
        return ApiKeyHandle(self._transport, made)

    async def get(self, key_id: str) -> ApiKeyHandle:
        """One key. Raises NotFound."""
        found = await self._transport.call("GET", path_to("api-keys", key_id), ApiKey)
        return ApiKeyHandle(self._transport, found)

    def list(
        self, *, space_id: str | None = None, limit: int | None = None
    ) -> Listing[ApiKeyHandle]:
        """Newest first, also those that open nothing any more."""
        handle = partial(ApiKeyHandle, self._transport)
        query = {"spaceId": space_id, "limit": limit}
        return Listing(self._transport, "/v1/api-keys", ApiKey, query, handle)
