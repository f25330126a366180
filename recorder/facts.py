"""What a recorder writes itself: what was set up, on CONTROL, and the end of a run that nobody else can end.

What is on CONTROL is fenced: it is stored only if nobody has written about its resource since we looked.
What any recorder may write has an id derived from what it is about, so that many writers make one event.
"""

from __future__ import annotations

import time
from contextlib import suppress

import msgspec
import uuid_utils
from msgspec import structs

from recorder.bus import Bus, FactConflict
from recorder.news import News
from recorder.queries.runs import OpenRun
from schemas import codec, subjects
from schemas.ends import End
from schemas.envelope import Event, recorder_source, sequence_text
from schemas.events import EventData, type_of
from schemas.events.run import RunFinalised
from schemas.events.runtime import RuntimeCreated, RuntimeLifecycle
from schemas.events.space import SpaceCreated
from schemas.ids import DEFAULT_SPACE_ID, fact_id
from schemas.problems import RequestInvalid
from schemas.resources import CreateRuntime
from schemas.runtime_config import RuntimeConfig
from schemas.times import rfc3339
from schemas.types import EVENT_LIMIT_BYTES

SHOWN_SECONDS = 2.0
FIRST_SHOWN_SECONDS = 10.0


class Facts:
    """Writes facts and waits until this recorder's tables show them."""

    def __init__(self, bus: Bus, news: News, recorder_id: str) -> None:
        self._bus = bus
        self._news = news
        self._source = recorder_source(recorder_id)

    async def create_space(self, name: str) -> str:
        """Make a space; its id. Raises StorageUnavailable."""
        space_id = str(uuid_utils.uuid7())
        data = SpaceCreated(space_id=space_id, name=name)
        event = self._event(data, space_id=space_id, event_id=str(uuid_utils.uuid7()))
        await self._write(event, "space", space_id)
        return space_id

    async def ensure_default_space(self) -> None:
        """Make the default space, unless any recorder of the fleet has done so."""
        data = SpaceCreated(space_id=DEFAULT_SPACE_ID, name="default")
        event_id = fact_id("space", DEFAULT_SPACE_ID, "created")
        event = self._event(data, space_id=DEFAULT_SPACE_ID, event_id=event_id)
        with suppress(FactConflict):  # it is there, and more was written about it since
            await self._write(event, "space", DEFAULT_SPACE_ID, FIRST_SHOWN_SECONDS)

    async def create_runtime(
        self, wanted: CreateRuntime, space_id: str, runtime_id: str, config: RuntimeConfig
    ) -> None:
        """Make a runtime, stopped. Raises StorageUnavailable, RequestInvalid (too large)."""
        data = RuntimeCreated(
            runtime_id=runtime_id,
            name=wanted.name or f"browser-{runtime_id[-6:]}",
            runtime_type=wanted.type,
            profile=wanted.profile,
            config=config,
            metadata=wanted.metadata,
        )
        event = self._event(data, space_id=space_id, event_id=str(uuid_utils.uuid7()))
        await self._write(event, "runtime", runtime_id)

    async def end_run(self, run: OpenRun, end: End) -> int:
        """End a run whose worker cannot; the position of its end. Raises StorageUnavailable."""
        data = RuntimeLifecycle(phase="ended", code=end.code, message=end.message)
        event = structs.replace(
            self._event(data, space_id=run.space_id, event_id=_end_id(run.id, end)),
            runid=run.id,
            runtimeid=run.runtime_id,
            sequence=sequence_text(1),  # it is the only one that a recorder writes about a run
            status=end.status,
        )
        subject = subjects.run_event(run.space_id, run.id, subjects.RECORDER, event.type)
        return await self._bus.publish_agreed_fact(subject, event)

    async def finalise_run(self, digest: RunFinalised, space_id: str) -> None:
        """Put the digest of a run that has ended on CONTROL. Raises StorageUnavailable."""
        run_id = digest.run_id
        event = structs.replace(
            self._event(digest, space_id=space_id, event_id=fact_id("run", run_id, "finalised")),
            runid=run_id,
            runtimeid=digest.runtime_id,
        )
        subject = subjects.control_event(space_id, "run", run_id, "finalised")
        await self._bus.publish_agreed_fact(subject, event)

    def _event(self, data: EventData, *, space_id: str, event_id: str) -> Event:
        kind = type_of(data)
        return Event(
            id=event_id,
            source=self._source,
            type=kind.name,
            time=rfc3339(time.time_ns()),
            spaceid=space_id,
            data=msgspec.Raw(codec.encode(data)),
            dataversion=kind.version,
        )

    async def _write(
        self, event: Event, resource: str, resource_id: str, shown_seconds: float = SHOWN_SECONDS
    ) -> None:
        if len(event.data) > EVENT_LIMIT_BYTES:
            raise RequestInvalid(f"The {resource} is too large to be stored (256 KiB).")
        happening = event.type.rpartition(".")[2]
        position = await self._bus.publish_fact(
            subjects.control_event(event.spaceid, resource, resource_id, happening),
            event,
            fence=subjects.control_events_of(event.spaceid, resource, resource_id),
        )
        await self._news.wait_until_shown(subjects.CONTROL, position, shown_seconds)


def _end_id(run_id: str, end: End) -> str:
    return fact_id("run", run_id, end.code.rpartition(".")[2])
