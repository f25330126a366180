"""The files of one run: what it produced is kept, within its limit, and told."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from msgspec import UNSET, Struct, UnsetType
from uuid_utils import uuid7

from schemas.events.artifact import ArtifactKind, NotKeptCode
from worker.fact import Fact
from worker.files.laid import Laid, SourceUnreadable
from worker.files.names import numbered, safe_name
from worker.files.pending import About, DiskFull, Pending
from worker.files.uploads import Uploads, failed
from worker.run_log import RunLog

log = structlog.get_logger(__name__)

STORED_SECONDS = 10.0
# Beside their bytes: an empty file is an object and an event, too.
MOST_FILES = 10_000
FOLDERS: dict[ArtifactKind, str] = {
    "screenshot": "screenshots",
    "download": "downloads",
    "recording": "recordings",
    "report": "reports",
    "pdf": "pdfs",
    "file": "files",
    "export": "exports",
}

Told = asyncio.Future[None]


class Kept(Struct, frozen=True):
    """It is kept: as `name`, which is safe, under that id."""

    artifact_id: str
    name: str
    size_bytes: int


class NotKept(Exception):
    """It is not kept, and the log has been told so (`artifact.failed`)."""

    def __init__(self, code: NotKeptCode, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class RunFiles:
    """What one run keeps. `record` writes into its log, until its end, also what comes just before that."""

    def __init__(self, run_log: RunLog, uploads: Uploads, record: Callable[[Fact], object]) -> None:
        self._log = run_log
        self._uploads = uploads
        self._record = record
        self._used_bytes = 0
        self._count = 0
        self._names: dict[str, int] = {}  # how many of a name there are
        self._taking: set[asyncio.Future[tuple[Pending, Told]]] = set()
        self._open: set[Told] = set()

    @property
    def room_bytes(self) -> int:
        """How much more this run may keep."""
        return self._uploads.run_limit_bytes - self._used_bytes

    async def keep(
        self,
        source: Laid | bytes,
        *,
        kind: ArtifactKind,
        name: str,
        content_type: str,
        command_id: str | UnsetType = UNSET,
        guid: str | UnsetType = UNSET,
        page_id: str | UnsetType = UNSET,
    ) -> Kept:
        """Keep bytes, or a file, which is then gone from where it was. Raises NotKept.

        Returns once the store has it and the log says so, or after STORED_SECONDS, while it is still being tried.
        """
        about = About(
            kind=kind,
            name=safe_name(name, kind),
            content_type=content_type,
            command_id=command_id,
            guid=guid,
            page_id=page_id,
        )
        return await self.keep_as(source, about)

    async def keep_as(self, source: Laid | bytes, about: About) -> Kept:
        """As `keep`, with a name that is safe already. Raises NotKept."""
        file, told = await self._take_over(source, about)
        await asyncio.wait({told}, timeout=self._uploads.time_left(STORED_SECONDS))
        return Kept(file.artifact_id, about.name, file.size_bytes)

    async def hand_over(self, source: Laid | bytes, about: About) -> Kept:
        """As `keep_as`, for who does not ask when the store has it. Raises NotKept."""
        file, _told = await self._take_over(source, about)
        return Kept(file.artifact_id, about.name, file.size_bytes)

    async def _take_over(self, source: Laid | bytes, about: About) -> tuple[Pending, Told]:
        # Who asked may give up; what was begun goes on to its end.
        taking = asyncio.ensure_future(self._take(source, about))
        self._taking.add(taking)
        taking.add_done_callback(self._taken)
        return await asyncio.shield(taking)

    def refuse(self, about: About, code: NotKeptCode, message: str, size_bytes: int) -> NotKept:
        """Tell the log that something is not kept; what says so."""
        self._record(Fact(data=failed(about, code, message, size_bytes), page_id=about.page_id))
        return NotKept(code, message)

    def refuse_for_limit(self, about: About, size_bytes: int) -> NotKept:
        """Tell the log that something would be more than the run may keep; what says so."""
        return self.refuse(about, "artifact.limit_exceeded", self._over_limit(), size_bytes)

    async def finish(self) -> None:
        """Wait for what is on its way, STORED_SECONDS at most; what comes later is told after the end of the run."""
        if self._taking:
            await asyncio.wait(self._taking)
        if self._open:
            await asyncio.wait(self._open, timeout=self._uploads.time_left(STORED_SECONDS))
        if self._open:
            log.warning("files.not_stored_in_time", run_id=self._log.run_id, count=len(self._open))

    async def _take(self, source: Laid | bytes, about: About) -> tuple[Pending, Told]:
        """Onto our own disk, and on its way to the store. Raises NotKept."""
        size_bytes = 0
        try:
            size_bytes = len(source) if isinstance(source, bytes) else source.size_bytes()
            with self._room_for(about, size_bytes):
                file = self._pending(about, size_bytes)
                await asyncio.to_thread(self._uploads.disk.take, source, file)
        except SourceUnreadable as error:
            raise self.refuse(about, "artifact.unreadable", f"{error}.", size_bytes) from error
        except DiskFull as error:
            raise self.refuse(about, "artifact.disk_full", f"{error}.", size_bytes) from error
        content = source if isinstance(source, bytes) else None
        told = self._uploads.begin(file, self._log, content)
        self._open.add(told)
        told.add_done_callback(self._open.discard)
        return file, told

    def _taken(self, taking: asyncio.Future[tuple[Pending, Told]]) -> None:
        self._taking.discard(taking)
        if not taking.cancelled():
            taking.exception()  # which who asked has heard, unless they gave up

    @contextmanager
    def _room_for(self, about: About, size_bytes: int) -> Iterator[None]:
        """Room that is taken, and given back where nothing comes of it. Raises NotKept."""
        if self._count >= MOST_FILES:
            message = f"This run has {MOST_FILES} files, and may not have more."
            raise self.refuse(about, "artifact.limit_exceeded", message, size_bytes)
        if size_bytes > self.room_bytes:
            raise self.refuse_for_limit(about, size_bytes)
        self._count += 1
        self._used_bytes += size_bytes
        try:
            yield
        except BaseException:  # also a cancellation gives the room back; it goes on
            self._count -= 1
            self._used_bytes -= size_bytes
            raise

    def _over_limit(self) -> str:
        return (
            f"With it the files of this run would be more than {self._uploads.run_limit_bytes} bytes, which"
            f" is its limit (RUNREEL_RUN_ARTIFACTS_BYTES); they are {self._used_bytes}."
        )

    def _pending(self, about: About, size_bytes: int) -> Pending:
        return Pending(
            artifact_id=str(uuid7()),
            run_id=self._log.run_id,
            runtime_id=self._log.runtime_id,
            space_id=self._log.space_id,
            path=f"{FOLDERS[about.kind]}/{self._unique(about)}",
            size_bytes=size_bytes,
            about=about,
        )

    def _unique(self, about: About) -> str:
        """Two of one name in a folder, in whatever case, are told apart."""
        name = about.name
        first = f"{about.kind}/{name.casefold()}"
        while (key := f"{about.kind}/{name.casefold()}") in self._names:
            self._names[first] += 1
            name = numbered(about.name, self._names[first])
        self._names[key] = 1
        return name
