"""/v1/api-keys: made, rotated and revoked at once, at every recorder and worker within 5 s."""

from __future__ import annotations

import time
from functools import partial

import uuid_utils
from msgspec import UNSET, UnsetType, structs

from recorder.api import parse
from recorder.api.endpoint import Call, Endpoint
from recorder.api.lists import PageQuery
from recorder.keys import Key, digest, new_secret
from recorder.parts import Recorder
from recorder.queries import api_keys as queries
from recorder.queries.spaces import get_space, space_id_of
from schemas.events.key import KeyCreated, KeyExpiring, KeyRevoked, Scope
from schemas.ids import FIRST_KEY_ID
from schemas.problems import (
    ApiKeyNotActive,
    ApiKeyNotFound,
    AuthForbidden,
    RequestInvalid,
    SpaceNotFound,
    StorageUnavailable,
)
from schemas.resources import ApiKey, CreateApiKey, MadeApiKey, Page, RotateApiKey
from schemas.times import milliseconds, rfc3339

OPS: Scope = "ops"


class ApiKeysQuery(PageQuery, frozen=True, kw_only=True):
    """Those of one space, or all."""

    space_id: str | None = None


async def list_api_keys(call: Call[ApiKeysQuery, None]) -> Page[ApiKey]:
    """API keys, newest first, also those that open nothing any more; the first key is not there: it is a setting."""
    query = call.query
    space_id = None if query.space_id is None else space_id_of(query.space_id)
    found = await queries.list_keys(call.recorder.store, query.cursor, query.limit, space_id)
    uses = await call.recorder.upkeep.last_uses()
    return structs.replace(
        found,
        data=[structs.replace(key, last_used_at=uses.get(key.id)) for key in found.data],
    )


async def create_api_key(call: Call[object, CreateApiKey]) -> MadeApiKey:
    """A new key. Its secret is in this answer and nowhere else: only a hash of it is kept.

    A key makes none that may do more than itself or lasts longer, and `ops` is for no one space.
    """
    wanted = call.body
    space_id = None
    if wanted.space_id is not None:
        space_id = (await get_space(call.recorder.store, wanted.space_id)).id
        if OPS in wanted.scopes:
            raise parse.invalid("$.scopes", "$.scopes: `ops` is for no one space")
    return await _make(
        call,
        KeyCreated(
            key_id=str(uuid_utils.uuid7()),
            name=wanted.name,
            hash="",
            scopes=wanted.scopes,
            space_id=space_id or UNSET,
            expires_at=_in_future(wanted.expires_at) or UNSET,
        ),
    )


async def get_api_key(call: Call[object, None]) -> ApiKey:
    """One key. That with the id in `whoami` of the first key is a setting."""
    return await _get(call)


async def rotate_api_key(call: Call[object, RotateApiKey]) -> MadeApiKey:
    """A new key that may do the same in the same space. The old one goes on opening for a while, a day unless said.

    A key that expires makes none that lasts longer than itself, so who rotates it needs another one.
    """
    old = await _get_changeable(call)
    if old.status != "active":
        raise ApiKeyNotActive
    wanted = call.body.expires_at
    if wanted is UNSET:
        wanted = await _as_long(call.recorder, old)
    made = await _make(
        call,
        KeyCreated(
            key_id=str(uuid_utils.uuid7()),
            name=old.name,
            hash="",
            scopes=old.scopes,
            space_id=old.space_id or UNSET,
            expires_at=_in_future(wanted) or UNSET,
            rotates=old.id,
        ),
    )
    ends_at = rfc3339(time.time_ns() + call.body.overlap_seconds * 1_000_000_000)
    await call.recorder.facts.change_key(old.id, partial(_expiring, call.recorder, old.id, ends_at))
    await call.recorder.upkeep.tend()
    return made


async def revoke_api_key(call: Call[object, None]) -> ApiKey:
    """It opens nothing any more: requests, streams, and CDP clients that came by its URLs, within 5 s."""
    key = await _get_changeable(call)
    decide = partial(_revoked, call.recorder, key.id)
    await call.recorder.facts.change_key(key.id, decide)
    await call.recorder.upkeep.tend()
    return await _get(call)


async def _make(call: Call[object, object], key: KeyCreated) -> MadeApiKey:
    if not set(key.scopes) <= call.key.scopes:
        raise AuthForbidden("A key makes none that may do more than itself.")
    recorder, secret = call.recorder, new_secret()
    made = structs.replace(key, hash=digest(secret), expires_at=_at_most(call.key, key.expires_at))
    await recorder.facts.create_key(made)
    await recorder.keyring.read()
    shown = await queries.get_key(recorder.store, key.key_id)
    return MadeApiKey(**structs.asdict(shown), secret=secret)


def _at_most(maker: Key, expires_at: str | UnsetType) -> str | UnsetType:
    """When a key ends that was to end then: with the one that makes it, at the latest."""
    if maker.expires_at is None:
        return expires_at
    end = rfc3339(round(maker.expires_at * 1000) * 1_000_000)
    return end if expires_at is UNSET else min(expires_at, end)


async def _get(call: Call[object, object]) -> ApiKey:
    found = await queries.get_key(call.recorder.store, call.path["keyId"])
    uses = await call.recorder.upkeep.last_uses()
    return structs.replace(found, last_used_at=uses.get(found.id))


async def _get_changeable(call: Call[object, object]) -> ApiKey:
    found = await queries.get_key(call.recorder.store, call.path["keyId"])
    if found.id == FIRST_KEY_ID:
        raise RequestInvalid(
            "The first key is a setting, and is changed there.",
            hint="Set RUNREEL_API_KEY (or its file) to another one, and start every recorder anew.",
        )
    return found


async def _expiring(recorder: Recorder, key_id: str, ends_at: str) -> KeyExpiring | None:
    key = await queries.get_key(recorder.store, key_id)
    if key.expires_at is not None and key.expires_at <= ends_at:
        return None
    return KeyExpiring(key_id=key_id, expires_at=ends_at)


async def _revoked(recorder: Recorder, key_id: str) -> KeyRevoked | None:
    key = await queries.get_key(recorder.store, key_id)
    return None if key.revoked_at is not None else KeyRevoked(key_id=key_id)


def _in_future(text: str | None) -> str | None:
    """Raises RequestInvalid."""
    moment = parse.time(text, "$.expiresAt")
    if moment is not None and moment <= rfc3339(time.time_ns()):
        raise parse.invalid("$.expiresAt", "$.expiresAt: it is over already")
    return moment


async def _as_long(recorder: Recorder, old: ApiKey) -> str | None:
    """When a key ends that lasts as long from now as the old one was to last from its making."""
    until = await queries.find_made_until(recorder.store, old.id)
    if until is None or old.created_at is None:
        return None
    lasts_ms = milliseconds(until) - milliseconds(old.created_at)
    return rfc3339(time.time_ns() + lasts_ms * 1_000_000)


_CHANGE = (ApiKeyNotFound, StorageUnavailable)

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/api-keys",
        name="api-keys-list",
        summary="List API keys",
        tag="api-keys",
        needs="ops",
        handler=list_api_keys,
        query=ApiKeysQuery,
        answer=Page[ApiKey],
    ),
    Endpoint(
        method="POST",
        path="/v1/api-keys",
        name="api-keys-create",
        summary="Create an API key",
        tag="api-keys",
        needs="ops",
        handler=create_api_key,
        body=CreateApiKey,
        answer=MadeApiKey,
        status=201,
        problems=(SpaceNotFound, AuthForbidden, StorageUnavailable),
    ),
    Endpoint(
        method="GET",
        path="/v1/api-keys/{keyId}",
        name="api-keys-get",
        summary="Get an API key",
        tag="api-keys",
        needs="ops",
        handler=get_api_key,
        answer=ApiKey,
        problems=(ApiKeyNotFound,),
    ),
    Endpoint(
        method="POST",
        path="/v1/api-keys/{keyId}/rotate",
        name="api-keys-rotate",
        summary="Put a new API key in the place of one",
        tag="api-keys",
        needs="ops",
        handler=rotate_api_key,
        body=RotateApiKey,
        answer=MadeApiKey,
        status=201,
        problems=(*_CHANGE, ApiKeyNotActive, AuthForbidden),
    ),
    Endpoint(
        method="DELETE",
        path="/v1/api-keys/{keyId}",
        name="api-keys-revoke",
        summary="Revoke an API key",
        tag="api-keys",
        needs="ops",
        handler=revoke_api_key,
        answer=ApiKey,
        problems=_CHANGE,
    ),
)
