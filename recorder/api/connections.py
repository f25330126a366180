"""/v1/runtimes/{runtimeId}/connections: URLs of their own into a run, for a time, and revocable.

The worker that has the run lets in and keeps out; the events it writes make the table that is read here.
"""

from __future__ import annotations

import time
from contextlib import suppress
from functools import partial

from msgspec import structs

from recorder.api.endpoint import Call, Endpoint
from recorder.api.lists import PageQuery
from recorder.queries import connections as queries
from recorder.queries import runtimes
from schemas import requests
from schemas.problems import (
    ConnectionNotFound,
    RuntimeHostUnavailable,
    RuntimeNotActive,
    RuntimeNotFound,
    StorageUnavailable,
)
from schemas.requests import ConnectionStands, RevokeConnection
from schemas.resources import Connection, ConnectionEndpoint, CreateConnection, Page, Runtime
from schemas.times import rfc3339
from schemas.tokens import connection_url


async def list_connections(call: Call[PageQuery, None]) -> Page[Connection]:
    """Connections of a runtime, newest first, also those of earlier runs that are still kept."""
    runtime = await _get_runtime(call)
    query = call.query
    return await queries.list_connections(
        call.recorder.store, runtime.id, query.cursor, query.limit
    )


async def get_connection(call: Call[object, None]) -> Connection:
    """One connection. Its URL was in the answer to its creation, and is in no other."""
    runtime = await _get_runtime(call)
    return await queries.get_connection(call.recorder.store, runtime.id, call.path["connectionId"])


async def create_connection(call: Call[object, CreateConnection]) -> Connection:
    """Let clients in by a URL of its own until it expires, is revoked, or the run ends."""
    recorder = call.recorder
    runtime = await _get_runtime(call)
    run_id, answer = await recorder.fleet.ask_run(
        runtime.id, partial(_wanted, ttl_seconds=call.body.ttl_seconds, key_id=call.key.id)
    )
    if not isinstance(answer, ConnectionStands):
        raise RuntimeHostUnavailable("The worker gave an answer that belongs to something else.")
    connection_id = answer.connection_id
    try:
        made = await queries.get_connection(recorder.store, runtime.id, connection_id)
    except ConnectionNotFound:  # its run is parked: no table shows what is new of it
        made = _not_shown(runtime.id, run_id, answer)
    secret = recorder.settings.secret
    url = connection_url(answer.gateway_url, secret, run_id, connection_id, call.key.id)
    return structs.replace(made, endpoint=ConnectionEndpoint(url=url))


def _not_shown(runtime_id: str, run_id: str, answer: ConnectionStands) -> Connection:
    return Connection(
        id=answer.connection_id,
        runtime_id=runtime_id,
        run_id=run_id,
        protocol="cdp",
        status="active",
        created_at=rfc3339(time.time_ns()),
        expires_at=answer.expires_at,
        revoked_at=None,
    )


def _wanted(run_id: str, ttl_seconds: int, key_id: str) -> requests.CreateConnection:
    return requests.CreateConnection(run_id=run_id, ttl_seconds=ttl_seconds, key_id=key_id)


async def revoke_connection(call: Call[object, None]) -> Connection:
    """Let nobody in by it any more, and drop the clients that are attached by it within a second.

    One that was revoked, or whose run has ended, stays as it is.
    """
    recorder = call.recorder
    runtime = await _get_runtime(call)
    found = await queries.get_connection(recorder.store, runtime.id, call.path["connectionId"])
    if found.status in ("revoked", "ended"):
        return found
    with suppress(RuntimeNotActive):  # its run has ended meanwhile
        await recorder.fleet.ask_run(
            runtime.id,
            lambda _: RevokeConnection(run_id=found.run_id, connection_id=found.id),
        )
    return await queries.get_connection(recorder.store, runtime.id, found.id)


async def _get_runtime(call: Call[object, object]) -> Runtime:
    return await runtimes.get_runtime(call.recorder.store, call.path["runtimeId"])


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/runtimes/{runtimeId}/connections",
        name="runtimes-connections-list",
        summary="List a runtime's connections",
        tag="connections",
        needs="read",
        handler=list_connections,
        query=PageQuery,
        answer=Page[Connection],
        problems=(RuntimeNotFound,),
    ),
    Endpoint(
        method="POST",
        path="/v1/runtimes/{runtimeId}/connections",
        name="runtimes-connections-create",
        summary="Create a connection",
        tag="connections",
        needs="control",
        handler=create_connection,
        body=CreateConnection,
        answer=Connection,
        status=201,
        problems=(RuntimeNotFound, RuntimeNotActive, RuntimeHostUnavailable, StorageUnavailable),
    ),
    Endpoint(
        method="GET",
        path="/v1/runtimes/{runtimeId}/connections/{connectionId}",
        name="runtimes-connections-get",
        summary="Get a connection",
        tag="connections",
        needs="read",
        handler=get_connection,
        answer=Connection,
        problems=(RuntimeNotFound, ConnectionNotFound),
    ),
    Endpoint(
        method="DELETE",
        path="/v1/runtimes/{runtimeId}/connections/{connectionId}",
        name="runtimes-connections-revoke",
        summary="Revoke a connection",
        tag="connections",
        needs="control",
        handler=revoke_connection,
        answer=Connection,
        problems=(RuntimeNotFound, ConnectionNotFound, RuntimeHostUnavailable, StorageUnavailable),
    ),
)
