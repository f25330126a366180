"""What a recorder writes itself: what was set up, on CONTROL, and the end of a run that nobody else can end.

What is on CONTROL is fenced: it is stored only if nobody has written about its resource since we looked.
What any recorder may write there has an id derived from what it is about, so that many writers make one event. On
RUNS no id can do that, for workers choose the ids there: the first end on its subject stands.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import NamedTuple

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
from schemas.events.file import FileCreated
from schemas.events.key import KeyCreated
from schemas.events.run import RunFinalised
from schemas.events.runtime import RuntimeLifecycle
from schemas.events.space import SpaceCreated
from schemas.ids import DEFAULT_SPACE_ID, fact_id
from schemas.problems import RequestInvalid, StorageUnavailable
from schemas.times import rfc3339
from schemas.types import EVENT_LIMIT_BYTES

SHOWN_SECONDS = 2.0
FIRST_SHOWN_SECONDS = 10.0
MOST_TRIES = 20


# What to write about a resource, by what the tables show now; None: nothing. It raises why it may not be.
Decide = Callable[[], Awaitable[EventData | None]]


class About(NamedTuple):
    """A resource that facts are written about. `fence` is the filter for all of them."""

    kind: str
    id: str
    space_id: str

    @property
    def fence(self) -> str:
        return subjects.control_events_of(self.space_id, self.kind, self.id)


class Facts:
    """Writes facts and waits until this recorder's tables show them."""

    def __init__(self, bus: Bus, news: News, recorder_id: str) -> None:
        self._bus = bus
        self._news = news
        self._source = recorder_source(recorder_id)

    async def create_space(self, name: str, egress_allow: list[str]) -> str:
        """Make a space; its id. Raises StorageUnavailable."""
        space_id = str(uuid_utils.uuid7())
        data = SpaceCreated(space_id=space_id, name=name, egress_allow=egress_allow)
        event = self._event(data, space_id=space_id, event_id=str(uuid_utils.uuid7()))
        await self._write(event, "space", space_id)
        return space_id

    async def ensure_default_space(self) -> None:
        """Make the default space, unless any recorder of the fleet has done so."""
        data = SpaceCreated(space_id=DEFAULT_SPACE_ID, name="default")
        event_id = fact_id("space", DEFAULT_SPACE_ID, "created")
        event = self._event(data, space_id=DEFAULT_SPACE_ID, event_id=event_id)
        with suppress(FactConflict):  # it is there, and more was written about it since
            await self._write(event, "space", DEFAULT_SPACE_ID, shown_seconds=FIRST_SHOWN_SECONDS)

    async def create_runtime(self, runtime_id: str, space_id: str, decide: Decide) -> int:
        """Make a runtime in a space that `decide` finds there; its position. Doing it again changes nothing.

        Raises what `decide` does, StorageUnavailable, RequestInvalid (too large).
        """
        about = About("runtime", runtime_id, space_id)
        event_id = fact_id("runtime", runtime_id, "created")
        return await self._write_decided(about, _about_space(space_id).fence, decide, event_id)

    async def change_runtime(self, runtime_id: str, space_id: str, decide: Decide) -> None:
        """Change or delete a runtime, as `decide` says. Raises as `create_runtime` does."""
        about = About("runtime", runtime_id, space_id)
        await self._write_decided(about, about.fence, decide)

    async def change_space(self, space_id: str, decide: Decide) -> None:
        """Change a space, as `decide` says. Raises as `create_runtime` does."""
        about = _about_space(space_id)
        await self._write_decided(about, about.fence, decide)

    async def delete_space(self, space_id: str, decide: Decide) -> None:
        """Delete a space in which, as `decide` finds, there is nothing; nothing is made in it meanwhile.

        Raises as `create_runtime` does.
        """
        await self._write_decided(_about_space(space_id), subjects.control_of(space_id), decide)

    async def create_key(self, key: KeyCreated) -> None:
        """Make an API key. Raises StorageUnavailable."""
        event_id = fact_id("key", key.key_id, "created")
        event = self._event(key, space_id=subjects.ORGANIZATION, event_id=event_id)
        await self._write(event, "key", key.key_id)

    async def change_key(self, key_id: str, decide: Decide) -> None:
        """End an API key, or say when it ends, as `decide` says. Raises as `create_runtime` does."""
        about = About("key", key_id, subjects.ORGANIZATION)
        await self._write_decided(about, about.fence, decide)

    async def end_run(self, run: OpenRun, end: End) -> int:
        """End a run whose worker cannot; the position of its end. Raises StorageUnavailable."""
        data = RuntimeLifecycle(phase="ended", code=end.code, message=end.message)
        event = structs.replace(
            self._event(data, space_id=run.space_id, event_id=str(uuid_utils.uuid7())),
            runid=run.id,
            runtimeid=run.runtime_id,
            sequence=sequence_text(1),  # it is the only one that a recorder writes about a run
            status=end.status,
        )
        subject = subjects.run_event(run.space_id, run.id, subjects.RECORDER, event.type)
        return await self._bus.publishing.first(subject, event)

    async def finalise_run(self, digest: RunFinalised, space_id: str) -> None:
        """Put the digest of a run that has ended on CONTROL. Raises StorageUnavailable."""
        run_id = digest.run_id
        event = structs.replace(
            self._event(digest, space_id=space_id, event_id=fact_id("run", run_id, "finalised")),
            runid=run_id,
            runtimeid=digest.runtime_id,
        )
        subject = subjects.control_event(space_id, "run", run_id, "finalised")
        await self._bus.publishing.agreed(subject, event)

    async def create_file(self, file: FileCreated, space_id: str) -> None:
        """Put a file that a run produced on CONTROL. Raises StorageUnavailable."""
        event_id = fact_id("file", file.file_id, "created")
        event = self._event(file, space_id=space_id, event_id=event_id)
        subject = subjects.control_event(space_id, "file", file.file_id, "created")
        await self._bus.publishing.agreed(subject, event)

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

    async def _write_decided(
        self, about: About, fence: str, decide: Decide, event_id: str | None = None
    ) -> int:
        """Write what is decided while the tables show all that is under the fence; the newest position there.

        When somebody has written under it meanwhile, it is decided anew.
        """
        for _ in range(MOST_TRIES):
            last, _ = await self._bus.publishing.find_newest(fence)
            await self._wait_for(last)
            if (data := await decide()) is None:
                return last
            given = event_id or str(uuid_utils.uuid7())
            event = self._event(data, space_id=about.space_id, event_id=given)
            with suppress(FactConflict):
                return await self._write(event, about.kind, about.id, fence=fence, last=last)
        raise StorageUnavailable(
            f"Others change this {about.kind} all the time.", hint="Try again in a moment."
        )

    async def _wait_for(self, position: int) -> None:
        """Until the tables show what is to be decided by."""
        try:
            await self._news.wait_until_shown(subjects.CONTROL, position, SHOWN_SECONDS)
        except StorageUnavailable as problem:
            raise StorageUnavailable(
                "This recorder has not read yet what others have set up; nothing was changed.",
                hint="Try again in a moment, or at another recorder.",
            ) from problem

    async def _write(
        self,
        event: Event,
        resource: str,
        resource_id: str,
        *,
        fence: str | None = None,
        last: int = 0,
        shown_seconds: float | None = None,
    ) -> int:
        """Write a fact, fenced by its resource's own history unless another fence is given; its position."""
        if len(event.data) > EVENT_LIMIT_BYTES:
            raise RequestInvalid(f"The {resource} is too large to be stored (256 KiB).")
        happening = event.type.rpartition(".")[2]
        position = await self._bus.publishing.fenced(
            subjects.control_event(event.spaceid, resource, resource_id, happening),
            event,
            fence=fence or subjects.control_events_of(event.spaceid, resource, resource_id),
            last=last,
        )
        await self._news.wait_until_shown(
            subjects.CONTROL, position, shown_seconds or SHOWN_SECONDS
        )
        return position


def _about_space(space_id: str) -> About:
    return About("space", space_id, space_id)
