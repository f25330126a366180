"""What is written about a runtime when it is made, changed (PATCH) and deleted (DELETE /v1/runtimes/{id})."""

from __future__ import annotations

from contextlib import suppress
from functools import partial

import structlog
from msgspec import UNSET, structs

from recorder.api import configs
from recorder.api.endpoint import Call, Endpoint
from recorder.api.parse import invalid
from recorder.parts import Recorder
from recorder.queries import spaces
from recorder.queries.runtimes import get_runtime, get_setup
from schemas.events.runtime import RuntimeCreated, RuntimeDeleted, RuntimeUpdated
from schemas.problems import (
    RuntimeHostUnavailable,
    RuntimeNotActive,
    RuntimeNotFound,
    RuntimeNotStopped,
    StorageUnavailable,
)
from schemas.resources import MOST_METADATA, CreateRuntime, Deleted, Runtime, UpdateRuntime
from schemas.runtime_config import RuntimeConfig
from schemas.types import Metadata

log = structlog.get_logger()


async def created(
    recorder: Recorder, wanted: CreateRuntime, space_id: str, runtime_id: str
) -> RuntimeCreated:
    """What a new runtime is. Raises SpaceNotFound, RequestInvalid."""
    await spaces.get_space(recorder.store, space_id)
    if wanted.profile is not None and wanted.config.profile is False:
        path = "$.config.profile"
        raise invalid(path, f"{path}: it names a profile and says to keep none")
    return RuntimeCreated(
        runtime_id=runtime_id,
        name=wanted.name or f"browser-{runtime_id[-6:]}",
        runtime_type=wanted.type,
        profile=wanted.profile,
        config=configs.sealed(wanted.config, runtime_id, recorder.settings.secret),
        metadata=wanted.metadata,
    )


async def update_runtime(call: Call[object, UpdateRuntime]) -> Runtime:
    """Change name, metadata and idle time-out at any time, the rest of its configuration while it is stopped."""
    recorder, change = call.recorder, call.body
    runtime = await _get(recorder, call.path["runtimeId"])
    decide = partial(_updated, recorder, runtime.id, change)
    await recorder.facts.change_runtime(runtime.id, runtime.space_id, decide)
    if _is_about_idling(change):  # also if nothing was written: the worker may not know it yet
        idle = (await get_setup(recorder.store, runtime.id)).config.idle_timeout_seconds
        await recorder.fleet.reconfigure(runtime.id, None if idle is UNSET else idle)
    return await get_runtime(recorder.store, runtime.id, call.connect_url)


async def delete_runtime(call: Call[object, None]) -> Deleted:
    """Delete a runtime that is stopped. Its runs, and what they recorded, stay."""
    recorder = call.recorder
    runtime = await _get(recorder, call.path["runtimeId"])
    decide = partial(_deleted, recorder, runtime.id)
    await recorder.facts.change_runtime(runtime.id, runtime.space_id, decide)
    await _stop_what_started_meanwhile(recorder, runtime.id)
    return Deleted(id=runtime.id)


async def _updated(
    recorder: Recorder, runtime_id: str, change: UpdateRuntime
) -> RuntimeUpdated | None:
    runtime = await _get(recorder, runtime_id)
    before = (await get_setup(recorder.store, runtime_id)).config
    config = before
    if change.config is not UNSET:
        config = configs.changed(before, change.config, runtime_id, recorder.settings.secret)
    name = runtime.name if change.name is UNSET else change.name
    metadata = _metadata(runtime.metadata, change)
    if (name, config, metadata) == (runtime.name, before, runtime.metadata):
        return None
    if _differs_beside_idling(before, config) and await recorder.fleet.is_active(runtime_id):
        raise RuntimeNotStopped(
            "While a runtime is active, nothing of its config but the idle time-out can change."
        )
    return RuntimeUpdated(runtime_id=runtime_id, name=name, config=config, metadata=metadata)


async def _deleted(recorder: Recorder, runtime_id: str) -> RuntimeDeleted:
    await _get(recorder, runtime_id)
    if await recorder.fleet.is_active(runtime_id):
        raise RuntimeNotStopped
    return RuntimeDeleted(runtime_id=runtime_id)


async def _stop_what_started_meanwhile(recorder: Recorder, runtime_id: str) -> None:
    """A start that was under way; one that claims later still is stopped by `leftovers`."""
    try:
        with suppress(RuntimeNotActive):
            await recorder.fleet.stop(runtime_id)
    except (RuntimeHostUnavailable, StorageUnavailable) as problem:
        log.warning("runtime.deleted_and_active", runtime_id=runtime_id, reason=problem.message)


async def _get(recorder: Recorder, runtime_id: str) -> Runtime:
    return await get_runtime(recorder.store, runtime_id)


def _metadata(before: Metadata, change: UpdateRuntime) -> Metadata:
    if change.metadata is UNSET:
        return before
    after = {} if change.metadata is None else configs.merge(before, change.metadata)
    if len(after) > max(MOST_METADATA, len(before)):
        raise invalid("$.metadata", f"$.metadata: more than {MOST_METADATA} fields")
    return after


def _is_about_idling(change: UpdateRuntime) -> bool:
    config = change.config
    return config is None or (config is not UNSET and config.idle_timeout_seconds is not UNSET)


def _differs_beside_idling(before: RuntimeConfig, after: RuntimeConfig) -> bool:
    idle = before.idle_timeout_seconds
    return structs.replace(after, idle_timeout_seconds=idle) != before


ENDPOINTS = (
    Endpoint(
        method="PATCH",
        path="/v1/runtimes/{runtimeId}",
        name="runtimes-update",
        summary="Change a runtime",
        tag="runtimes",
        needs="control",
        handler=update_runtime,
        body=UpdateRuntime,
        answer=Runtime,
        problems=(RuntimeNotFound, RuntimeNotStopped, RuntimeHostUnavailable, StorageUnavailable),
    ),
    Endpoint(
        method="DELETE",
        path="/v1/runtimes/{runtimeId}",
        name="runtimes-delete",
        summary="Delete a runtime",
        tag="runtimes",
        needs="control",
        handler=delete_runtime,
        answer=Deleted,
        problems=(RuntimeNotFound, RuntimeNotStopped, StorageUnavailable),
    ),
)
