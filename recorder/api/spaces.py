"""/v1/spaces"""

from __future__ import annotations

from recorder.api.endpoint import Call, Endpoint
from recorder.api.lists import PageQuery
from recorder.queries import spaces as queries
from schemas.problems import SpaceNotFound, StorageUnavailable
from schemas.resources import CreateSpace, Page, Space


async def list_spaces(call: Call[PageQuery, None]) -> Page[Space]:
    """All spaces, oldest first."""
    return await queries.list_spaces(call.recorder.store, call.query.cursor, call.query.limit)


async def create_space(call: Call[object, CreateSpace]) -> Space:
    """A new space."""
    space_id = await call.recorder.facts.create_space(call.body.name)
    return await queries.get_space(call.recorder.store, space_id)


async def get_space(call: Call[object, None]) -> Space:
    """One space; `default` names the default one."""
    return await queries.get_space(call.recorder.store, call.path["spaceId"])


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/spaces",
        name="spaces-list",
        summary="List spaces",
        tag="spaces",
        handler=list_spaces,
        query=PageQuery,
        answer=Page[Space],
    ),
    Endpoint(
        method="POST",
        path="/v1/spaces",
        name="spaces-create",
        summary="Create a space",
        tag="spaces",
        handler=create_space,
        body=CreateSpace,
        answer=Space,
        status=201,
        problems=(StorageUnavailable,),
    ),
    Endpoint(
        method="GET",
        path="/v1/spaces/{spaceId}",
        name="spaces-get",
        summary="Get a space",
        tag="spaces",
        handler=get_space,
        answer=Space,
        problems=(SpaceNotFound,),
    ),
)
