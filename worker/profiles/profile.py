"""The profile that a run has: opened before its browser starts, saved after it has closed.

A hold is an entry in the `profiles` bucket, written under the revision that was read, for as long as the run's claim
stands. To save is to write that entry again, under the revision of the hold: whoever was shut out meanwhile cannot.
Objects are never written over: each run saves under a path of its own, and the entry says which one counts.
"""

from __future__ import annotations

import asyncio
import math
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO

import msgspec
import structlog
from msgspec import Struct

from schemas import subjects
from schemas.events.profile import NotSaved, ProfileOpened, ProfileSaved, ProfileSaveFailed
from schemas.problems import ProfileInUse
from schemas.profiles import ProfileHold, ProfileRecord
from schemas.requests import StartRun
from schemas.sealing import CannotUnseal, sealing_key
from schemas.times import rfc3339
from worker.artifacts import Artifacts, ArtifactsUnreachable
from worker.background import Background
from worker.bus import Bus
from worker.profiles.files import MOST_BYTES, PackUnreadable, ProfileTooLarge, pack, unpack
from worker.profiles.sealed import SealingWriter, UnsealingReader
from worker.publisher import LinkDown

log = structlog.get_logger(__name__)

FETCH_SECONDS = 20.0
SAVE_SECONDS = 20.0
RETRY_SECONDS = 0.5
# What a pack that did not get smaller and its seals take beside the files themselves.
SEALED_BYTES = MOST_BYTES + 64 * 1024**2


class ProfileUnreadable(Exception):
    """It could not be fetched or opened; the message says why."""


class Wanted(Struct, frozen=True):
    """A profile by its space and name, and the run that wants it."""

    space_id: str
    name: str
    runtime_id: str
    run_id: str

    @classmethod
    def by(cls, request: StartRun, run_id: str) -> Wanted | None:
        """What a request asks for; None where that is nothing."""
        if request.profile is None:
            return None
        return cls(request.space_id, request.profile, request.runtime_id, run_id)

    @property
    def key(self) -> str:
        """In the bucket."""
        return subjects.profile_key(self.space_id, self.name)

    @property
    def directory(self) -> str:
        """Where its objects are, in the artifact store."""
        return "profiles/" + self.key.replace(".", "/")


class Profiles:
    """All that a worker does with profiles."""

    def __init__(
        self, bus: Bus, artifacts: Artifacts, *, secret: str, worker_id: str, scratch: Path
    ) -> None:
        self.bus = bus
        self.artifacts = artifacts
        self.key = sealing_key(secret, "profile")
        self.background = Background()
        self._worker_id = worker_id
        self._scratch = scratch
        self._saving: set[asyncio.Timeout] = set()
        self._until = math.inf

    async def hold(self, wanted: Wanted) -> Profile:
        """Take a profile for a run whose claim stands. Raises ProfileInUse, LinkDown."""
        ours = ProfileHold(
            runtime_id=wanted.runtime_id, run_id=wanted.run_id, worker_id=self._worker_id
        )
        while True:
            record, revision = await self.bus.find_profile(wanted.key)
            if record.hold is not None and await self._lives(record.hold):
                raise ProfileInUse(f"Run {record.hold.run_id} has the profile {wanted.name}.")
            held = msgspec.structs.replace(record, hold=ours)
            at = await self.bus.put_profile(wanted.key, held, revision)
            if at is not None:
                return Profile(self, wanted, held, at)

    async def _lives(self, hold: ProfileHold) -> bool:
        return await self.bus.is_claimed_for(hold.runtime_id, hold.run_id)

    def scratch(self) -> IO[bytes]:
        """A file without a name, which is gone when it is closed, or when we are killed."""
        return tempfile.TemporaryFile(dir=self._scratch)

    @asynccontextmanager
    async def time_to_save(self) -> AsyncIterator[None]:
        """SAVE_SECONDS, or what is left of them in a hurry. Raises TimeoutError."""
        until = min(asyncio.get_running_loop().time() + SAVE_SECONDS, self._until)
        async with asyncio.timeout_at(until) as limit:
            self._saving.add(limit)
            try:
                yield
            finally:
                self._saving.discard(limit)

    def hurry(self, seconds: float) -> None:
        """Let no save go on for longer than so many seconds from now."""
        self._until = asyncio.get_running_loop().time() + seconds
        for limit in self._saving:
            if not limit.expired():
                limit.reschedule(min(limit.when() or self._until, self._until))

    async def finished(self) -> None:
        """Wait until what is not needed any more is removed."""
        await self.background.finished()


class Profile:
    """A profile that one run has."""

    def __init__(
        self, profiles: Profiles, wanted: Wanted, record: ProfileRecord, revision: int
    ) -> None:
        self._profiles = profiles
        self._wanted = wanted
        self._record = record
        self._revision = revision
        self._path = f"{wanted.directory}/{wanted.run_id}"

    # before the browser starts

    async def open(self, user_data: Path, uid: int | None) -> ProfileOpened:
        """Put what was saved into a directory that no browser uses yet. Raises ProfileUnreadable."""
        record = self._record
        if record.path:
            try:
                async with asyncio.timeout(FETCH_SECONDS):
                    await self._fetch(user_data, uid)
            except (ArtifactsUnreachable, CannotUnseal, PackUnreadable, OSError) as error:
                raise ProfileUnreadable(str(error) or type(error).__name__) from error
        return ProfileOpened(
            profile=self._wanted.name, generation=record.generation, size_bytes=record.size_bytes
        )

    async def _fetch(self, user_data: Path, uid: int | None) -> None:
        with self._profiles.scratch() as sealed:
            await self._profiles.artifacts.get(self._record.path, sealed, limit_bytes=SEALED_BYTES)
            sealed.seek(0)
            await asyncio.to_thread(self._unpack, sealed, user_data, uid)

    def _unpack(self, sealed: IO[bytes], user_data: Path, uid: int | None) -> None:
        # zstandard and tarfile ask for no more of a file than to read from it.
        plain = UnsealingReader(sealed, self._profiles.key, self._record.path)
        unpack(plain, user_data, uid)  # type: ignore[arg-type]

    # after it has closed

    async def save(self, user_data: Path) -> ProfileSaved | ProfileSaveFailed:
        """Keep what a browser that has closed left. What fails is told, and leaves what was saved before."""
        try:
            async with self._profiles.time_to_save():
                return await self._save(user_data)
        except ProfileTooLarge as error:
            return self.not_saved("too_large", str(error))
        except (ArtifactsUnreachable, LinkDown, TimeoutError, OSError) as error:
            return self.not_saved("unreachable", str(error) or type(error).__name__)
        except Exception as error:  # whatever it was, the run has to end
            log.exception("profile.save_broke", run_id=self._wanted.run_id)
            return self.not_saved("unreachable", type(error).__name__)

    def not_saved(self, reason: NotSaved, message: str = "") -> ProfileSaveFailed:
        """What is told where nothing was kept."""
        return ProfileSaveFailed(profile=self._wanted.name, reason=reason, message=message)

    async def _save(self, user_data: Path) -> ProfileSaved | ProfileSaveFailed:
        artifacts = self._profiles.artifacts
        with self._profiles.scratch() as sealed:
            # What is there while the hold is ours is nobody's once we have saved.
            there, size_bytes = await asyncio.gather(
                artifacts.find(self._wanted.directory),
                asyncio.to_thread(self._pack, user_data, sealed),
            )
            sealed.seek(0)
            await artifacts.put(self._path, sealed)
        record = ProfileRecord(
            generation=self._record.generation + 1,
            path=self._path,
            size_bytes=size_bytes,
            saved_at=rfc3339(time.time_ns()),
        )
        if not await self._until_answered(record):
            self._remove([self._path])
            return self.not_saved("lost", "Another run has the profile by now.")
        self._remove([path for path in there if path != self._path])
        return ProfileSaved(
            profile=self._wanted.name, generation=record.generation, size_bytes=size_bytes
        )

    def _pack(self, user_data: Path, sealed: IO[bytes]) -> int:
        writer = SealingWriter(sealed, self._profiles.key, self._path)
        pack(user_data, writer)  # type: ignore[arg-type]
        writer.close()
        return sealed.tell()

    async def _until_answered(self, record: ProfileRecord) -> bool:
        """Make it what counts; whether it is. An attempt whose answer was lost may have done it."""
        bus, key = self._profiles.bus, self._wanted.key
        while True:
            try:
                if await bus.put_profile(key, record, self._revision) is not None:
                    return True
                standing, _ = await bus.find_profile(key)
                if standing.path == self._path or standing.hold != self._record.hold:
                    return standing.path == self._path
            except LinkDown as error:
                log.warning("profile.waiting_for_nats", reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)

    def _remove(self, paths: list[str]) -> None:
        for path in paths:
            self._profiles.background.start(self._remove_one(path))

    async def _remove_one(self, path: str) -> None:
        """What is left is found, and removed, when the profile is saved the next time."""
        try:
            await self._profiles.artifacts.remove(path)
        except ArtifactsUnreachable as error:
            log.warning("profile.object_left", path=path, reason=str(error))
