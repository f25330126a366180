"""From this disk to the artifact store, and then into the log: what a run's event names is there already.

What the store does not take is tried again, with pauses, for as long as it takes: also by the next worker of this name.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import math
import time
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import IO

import structlog

from schemas.artifacts import object_path
from schemas.events.artifact import ArtifactCreated, ArtifactFailed, NotKeptCode
from schemas.settings import RUN_ARTIFACTS_BYTES
from worker.artifacts import Artifacts, ArtifactsUnreachable
from worker.background import Background
from worker.fact import Fact
from worker.files.pending import About, Pending, PendingFiles
from worker.run_log import RunLog

log = structlog.get_logger(__name__)

RETRY_SECONDS = 0.5
LONGEST_RETRY_SECONDS = 30.0
# Two lanes, so that a screenshot never waits for a gigabyte.
SMALL_BYTES = 8 * 1024**2
SMALL_AT_ONCE = 8
LARGE_AT_ONCE = 2
PART_BYTES = 1024**2
HASHED_AT_ONCE_BYTES = 512 * 1024  # under a millisecond

NOT_GIVEN_BACK = "The worker's disk does not give it back."


class HashedParts:
    """A large file in parts, hashed while it is read. What reading raises ends it and is `error`; another size too."""

    def __init__(self, file: IO[bytes], size_bytes: int) -> None:
        self._file = file
        self._left = size_bytes
        self._sha256 = hashlib.sha256()
        self.error: OSError | None = None

    @property
    def sha256(self) -> str:
        """Of what was read by now, in hex."""
        return self._sha256.hexdigest()

    def _read(self) -> bytes:
        part = self._file.read(PART_BYTES)
        self._sha256.update(part)
        self._left -= len(part)
        if self._left < 0 or (not part and self._left):
            raise OSError(errno.EIO, "its size changed while it was read")
        return part

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            while part := await asyncio.to_thread(self._read):
                yield part
        except OSError as error:
            self.error = error
            raise


class Uploads:
    """All files of this worker that are not in the store yet. `run_limit_bytes` is how much one run may keep."""

    def __init__(
        self,
        artifacts: Artifacts,
        disk: PendingFiles,
        *,
        run_limit_bytes: int = RUN_ARTIFACTS_BYTES,
    ) -> None:
        self.disk = disk
        self.run_limit_bytes = run_limit_bytes
        self.background = Background()
        self._artifacts = artifacts
        self._waiting: dict[str, Pending] = {}
        self._since: dict[str, float] = {}  # by the monotonic clock, oldest first
        self._small = asyncio.Semaphore(SMALL_AT_ONCE)
        self._large = asyncio.Semaphore(LARGE_AT_ONCE)
        self._until = math.inf

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def waiting_bytes(self) -> int:
        """How many bytes are on this disk only."""
        return sum(file.size_bytes for file in self._waiting.values())

    @property
    def oldest_seconds(self) -> float:
        """For how long the oldest has been waiting."""
        return time.monotonic() - next(iter(self._since.values())) if self._since else 0.0

    def begin(
        self, file: Pending, run_log: RunLog, content: bytes | None = None
    ) -> asyncio.Future[None]:
        """Upload a file, and tell the log of its run; done once that has been told. `content` is what it has."""
        told: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[file.artifact_id] = file
        self._since[file.artifact_id] = time.monotonic()
        # Held by that alone, which lets go of it.
        outcome = self._outcome(file, content)
        self.background.start(self._until_told(file, run_log, told, outcome))
        return told

    def resume(self, file: Pending, run_log: RunLog) -> None:
        """As `begin`, for what an earlier worker may have been uploading when it died."""
        self._artifacts.discard_parts(object_path(file.space_id, file.artifact_id))
        self.begin(file, run_log)

    def time_left(self, seconds: float) -> float:
        """So many seconds, or what is left of them in a hurry."""
        return max(0.0, min(seconds, self._until - asyncio.get_running_loop().time()))

    def hurry(self, seconds: float) -> None:
        """Nobody shall wait for longer than so many seconds from now."""
        self._until = asyncio.get_running_loop().time() + seconds

    async def _until_told(
        self,
        file: Pending,
        run_log: RunLog,
        told: asyncio.Future[None],
        outcome: Awaitable[ArtifactCreated | ArtifactFailed],
    ) -> None:
        news = await outcome
        for pause in _pauses():
            if self._tell(file, run_log, news):
                break
            await asyncio.sleep(pause)
        del self._waiting[file.artifact_id], self._since[file.artifact_id]
        if not told.done():
            told.set_result(None)

    async def _outcome(
        self, file: Pending, content: bytes | None
    ) -> ArtifactCreated | ArtifactFailed:
        """What is to be told, once the store has it or nobody ever will. `content` is let go of at the first failure:
        it may take memory for as long as the store is away.
        """
        for pause in _pauses():
            try:
                return _created(file, await self._upload(file, content))
            except ArtifactsUnreachable as error:
                log.warning("files.not_uploaded", artifact_id=file.artifact_id, reason=str(error))
            except OSError as error:  # our own disk does not give it back
                log.error("files.lost", artifact_id=file.artifact_id, error=str(error))
                return failed(file.about, "artifact.unreadable", NOT_GIVEN_BACK, file.size_bytes)
            except Exception as error:  # other files, and all runs, go on
                log.exception(
                    "files.upload_broke", artifact_id=file.artifact_id, reason=repr(error)
                )
            content = None
            await asyncio.sleep(pause)
        raise AssertionError("pauses never end")

    async def _upload(self, file: Pending, content: bytes | None) -> str:
        """Its hash. Raises ArtifactsUnreachable, OSError."""
        path = object_path(file.space_id, file.artifact_id)
        if file.size_bytes > SMALL_BYTES:
            async with self._large:
                return await self._upload_in_parts(file, path)
        async with self._small:
            if content is None:
                content = await asyncio.to_thread(self.disk.read, file)
            await self._artifacts.put(path, content)
        if len(content) <= HASHED_AT_ONCE_BYTES:
            return hashlib.sha256(content).hexdigest()
        return (await asyncio.to_thread(hashlib.sha256, content)).hexdigest()

    async def _upload_in_parts(self, file: Pending, path: str) -> str:
        with await asyncio.to_thread(self.disk.open_content, file) as stored:
            parts = HashedParts(stored, file.size_bytes)
            try:
                await self._artifacts.put(path, parts)
            except ArtifactsUnreachable:
                if parts.error is not None:
                    raise parts.error from None
                raise
            return parts.sha256

    def _tell(self, file: Pending, run_log: RunLog, data: ArtifactCreated | ArtifactFailed) -> bool:
        """Nothing is awaited between the event and the removal: of what is told, a worker that dies here leaves at most
        what the newest event of its run names."""
        try:
            run_log.record(Fact(data=data, page_id=file.about.page_id))
        except OSError as error:  # the spool is full: it has room again some time
            log.warning("files.not_told", artifact_id=file.artifact_id, reason=str(error))
            return False
        except Exception as error:  # as above
            log.exception("files.not_told", artifact_id=file.artifact_id, reason=repr(error))
            return False
        self.disk.remove(file)
        return True


def _pauses() -> Iterator[float]:
    pause = RETRY_SECONDS
    while True:
        yield pause
        pause = min(pause * 2, LONGEST_RETRY_SECONDS)


def _created(file: Pending, sha256: str) -> ArtifactCreated:
    about = file.about
    return ArtifactCreated(
        artifact_id=file.artifact_id,
        kind=about.kind,
        name=about.name,
        path=file.path,
        content_type=about.content_type,
        size_bytes=file.size_bytes,
        sha256=sha256,
        command_id=about.command_id,
        guid=about.guid,
    )


def failed(about: About, code: NotKeptCode, message: str, size_bytes: int) -> ArtifactFailed:
    """What is told of a file that is not kept."""
    return ArtifactFailed(
        kind=about.kind,
        name=about.name,
        code=code,
        message=message,
        size_bytes=size_bytes,
        command_id=about.command_id,
        guid=about.guid,
    )
