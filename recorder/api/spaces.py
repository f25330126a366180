"""/v1/spaces"""

from __future__ import annotations

from functools import partial

from msgspec import UNSET

from recorder.api.endpoint import Call, Endpoint
from recorder.api.lists import PageQuery
from recorder.parts import Recorder
from recorder.queries import spaces as queries
from recorder.queries.runtimes import is_space_empty
from schemas.events.space import SpaceDeleted, SpaceUpdated
from schemas.ids import DEFAULT_SPACE_ID
from schemas.problems import RequestInvalid, SpaceNotEmpty, SpaceNotFound, StorageUnavailable
from schemas.resources import CreateSpace, Deleted, Page, Space, UpdateSpace


async def list_spaces(call: Call[PageQuery, None]) -> Page[Space]:
    """All spaces, oldest first; those that the key sees."""
    if (space_id := call.key.space_id) is not None:
        return Page(data=[await queries.get_space(call.recorder.store, space_id)], next_cursor=None)
    return await queries.list_spaces(call.recorder.store, call.query.cursor, call.query.limit)


async def create_space(call: Call[object, CreateSpace]) -> Space:
    """A new space."""
    space_id = await call.recorder.facts.create_space(call.body.name, call.body.egress.allowed)
    return await queries.get_space(call.recorder.store, space_id)


async def get_space(call: Call[object, None]) -> Space:
    """One space; `default` names the default one."""
    return await queries.get_space(call.recorder.store, call.path["spaceId"])


async def update_space(call: Call[object, UpdateSpace]) -> Space:
    """Another name for a space, or other networks that its browsers may reach: from their next start on."""
    space = await queries.get_space(call.recorder.store, call.path["spaceId"])
    decide = partial(_changed, call.recorder, space.id, call.body)
    await call.recorder.facts.change_space(space.id, decide)
    return await queries.get_space(call.recorder.store, space.id)


async def delete_space(call: Call[object, None]) -> Deleted:
    """Delete a space in which there is no runtime any more; what runs recorded stays."""
    space = await queries.get_space(call.recorder.store, call.path["spaceId"])
    if space.id == DEFAULT_SPACE_ID:
        raise RequestInvalid("The default space is always there.")
    await call.recorder.facts.delete_space(space.id, partial(_deleted, call.recorder, space.id))
    return Deleted(id=space.id)


async def _changed(recorder: Recorder, space_id: str, wanted: UpdateSpace) -> SpaceUpdated | None:
    space = await queries.get_space(recorder.store, space_id)
    name = space.name if wanted.name is UNSET else wanted.name
    allow = space.egress.allow if wanted.egress is UNSET else wanted.egress.allowed
    if (name, allow) == (space.name, space.egress.allow):
        return None
    return SpaceUpdated(space_id=space_id, name=name, egress_allow=allow)


async def _deleted(recorder: Recorder, space_id: str) -> SpaceDeleted:
    await queries.get_space(recorder.store, space_id)
    if not await is_space_empty(recorder.store, space_id):
        raise SpaceNotEmpty
    return SpaceDeleted(space_id=space_id)


ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/spaces",
        name="spaces-list",
        summary="List spaces",
        tag="spaces",
        needs="read",
        handler=list_spaces,
        query=PageQuery,
        answer=Page[Space],
        narrows_itself=True,
    ),
    Endpoint(
        method="POST",
        path="/v1/spaces",
        name="spaces-create",
        summary="Create a space",
        tag="spaces",
        needs="ops",
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
        needs="read",
        handler=get_space,
        answer=Space,
        problems=(SpaceNotFound,),
    ),
    Endpoint(
        method="PATCH",
        path="/v1/spaces/{spaceId}",
        name="spaces-update",
        summary="Change a space",
        tag="spaces",
        needs="ops",
        handler=update_space,
        body=UpdateSpace,
        answer=Space,
        problems=(SpaceNotFound, StorageUnavailable),
    ),
    Endpoint(
        method="DELETE",
        path="/v1/spaces/{spaceId}",
        name="spaces-delete",
        summary="Delete a space",
        tag="spaces",
        needs="ops",
        handler=delete_space,
        answer=Deleted,
        problems=(SpaceNotFound, SpaceNotEmpty, StorageUnavailable),
    ),
)
