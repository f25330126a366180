"""/v1/runtimes/{runtimeId}/targets: the pages of an active run. Its worker is asked; nothing is kept here."""

from __future__ import annotations

from collections.abc import Callable

from recorder.api.endpoint import Call, Endpoint
from recorder.api.parse import invalid
from recorder.queries import runtimes
from schemas import requests
from schemas.problems import (
    RuntimeHostUnavailable,
    RuntimeNotActive,
    RuntimeNotFound,
    StorageUnavailable,
    TargetNotFound,
)
from schemas.requests import RunRequest, TargetInfo, TargetsFound
from schemas.resources import CreateTarget, Deleted, Page, Target

BLANK = "about:blank"


async def list_targets(call: Call[object, None]) -> Page[Target]:
    """The pages there are, in the order in which they were opened; all of them."""
    found = await _ask(call, lambda run_id: requests.ListTargets(run_id=run_id))
    runtime_id = call.path["runtimeId"]
    return Page(data=[_target(runtime_id, each) for each in found], next_cursor=None)


async def create_target(call: Call[object, CreateTarget]) -> Target:
    """Open a page. `uri` is where it goes at once; `url` is another name for it."""
    body = call.body
    if body.url is not None and body.uri not in (None, body.url):
        raise invalid("$.url", "$.url: uri and url say different things")
    url = body.uri or body.url or BLANK
    return await _one(call, lambda run_id: requests.CreateTarget(run_id=run_id, url=url))


async def get_target(call: Call[object, None]) -> Target:
    """One page."""
    target_id = call.path["targetId"]
    found = await _ask(call, lambda run_id: requests.ListTargets(run_id=run_id))
    for each in found:
        if each.target_id == target_id:
            return _target(call.path["runtimeId"], each)
    raise TargetNotFound


async def activate_target(call: Call[object, None]) -> Target:
    """Bring a page to the front."""
    target_id = call.path["targetId"]
    return await _one(
        call, lambda run_id: requests.ActivateTarget(run_id=run_id, target_id=target_id)
    )


async def delete_target(call: Call[object, None]) -> Deleted:
    """Close a page."""
    target_id = call.path["targetId"]
    await _ask_run(call, lambda run_id: requests.CloseTarget(run_id=run_id, target_id=target_id))
    return Deleted(id=target_id)


async def _one(call: Call[object, object], request: Callable[[str], RunRequest]) -> Target:
    [found] = await _ask(call, request)
    return _target(call.path["runtimeId"], found)


async def _ask(
    call: Call[object, object], request: Callable[[str], RunRequest]
) -> list[TargetInfo]:
    answer = await _ask_run(call, request)
    if not isinstance(answer, TargetsFound):
        raise RuntimeHostUnavailable("The worker gave an answer that belongs to something else.")
    return answer.targets


async def _ask_run(
    call: Call[object, object], request: Callable[[str], RunRequest]
) -> requests.Answer:
    recorder, runtime_id = call.recorder, call.path["runtimeId"]
    await runtimes.get_runtime(recorder.store, runtime_id)
    _, answer = await recorder.fleet.ask_run(runtime_id, request)
    return answer


def _target(runtime_id: str, found: TargetInfo) -> Target:
    return Target(
        id=found.target_id,
        runtime_id=runtime_id,
        label=found.title,
        uri=found.url,
        active=found.active,
    )


PROBLEMS = (RuntimeNotFound, RuntimeNotActive, RuntimeHostUnavailable, StorageUnavailable)

ENDPOINTS = (
    Endpoint(
        method="GET",
        path="/v1/runtimes/{runtimeId}/targets",
        name="runtimes-targets-list",
        summary="List an active runtime's pages",
        tag="targets",
        needs="read",
        handler=list_targets,
        answer=Page[Target],
        problems=PROBLEMS,
    ),
    Endpoint(
        method="POST",
        path="/v1/runtimes/{runtimeId}/targets",
        name="runtimes-targets-create",
        summary="Open a page",
        tag="targets",
        needs="control",
        handler=create_target,
        body=CreateTarget,
        answer=Target,
        status=201,
        problems=PROBLEMS,
    ),
    Endpoint(
        method="GET",
        path="/v1/runtimes/{runtimeId}/targets/{targetId}",
        name="runtimes-targets-get",
        summary="Get a page",
        tag="targets",
        needs="read",
        handler=get_target,
        answer=Target,
        problems=(*PROBLEMS, TargetNotFound),
    ),
    Endpoint(
        method="POST",
        path="/v1/runtimes/{runtimeId}/targets/{targetId}/activate",
        name="runtimes-targets-activate",
        summary="Bring a page to the front",
        tag="targets",
        needs="control",
        handler=activate_target,
        answer=Target,
        problems=(*PROBLEMS, TargetNotFound),
    ),
    Endpoint(
        method="DELETE",
        path="/v1/runtimes/{runtimeId}/targets/{targetId}",
        name="runtimes-targets-delete",
        summary="Close a page",
        tag="targets",
        needs="control",
        handler=delete_target,
        answer=Deleted,
        problems=(*PROBLEMS, TargetNotFound),
    ),
)
