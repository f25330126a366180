"""What pages download is kept: when the browser has it whole, and while it fits into what the run may keep."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from mimetypes import MimeTypes
from pathlib import Path

import structlog
from msgspec import UNSET, Struct, UnsetType

from schemas.ends import End
from schemas.events.download import Download
from worker.background import Background
from worker.fact import Fact
from worker.files.laid import Laid
from worker.files.names import safe_name
from worker.files.pending import About
from worker.files.run_files import NotKept, RunFiles
from worker.translate.browser import DownloadProgress

log = structlog.get_logger(__name__)

BROWSERS_DISK_FULL = "The disk that has the browser's files has no room for it."
NOT_TAKEN = "It could not be taken from the browser's directory."
UNKNOWN_TYPE = "application/octet-stream"
# Python's own table, so that a type does not depend on the host.
_TYPES = MimeTypes(filenames=())

Cancel = Callable[[str, str | UnsetType], None]


class _UnderWay(Struct):
    """A download, what of it is there, and whether we had it cancelled."""

    name: str
    page_id: str | UnsetType = UNSET
    context_id: str | UnsetType = UNSET
    size_bytes: int = 0
    cancelled: bool = False


class Downloads:
    """Those of one run. `cancel` ends one, by its guid and browser context."""

    def __init__(self, files: RunFiles, directory: Path, cancel: Cancel) -> None:
        self.background = Background()
        self._files = files
        self._directory = directory
        self._cancel = cancel
        self._under_way: dict[str, _UnderWay] = {}

    def hear(self, fact: Fact, download: Download) -> None:
        """One begins; how it comes on is heard from the browser itself, in smaller steps."""
        if download.phase == "began":
            name = download.suggested_filename or ""
            self._under_way[download.guid] = _UnderWay(name, fact.page_id, fact.context_id)

    def came_on(self, progress: DownloadProgress) -> None:
        """One comes on, or ends."""
        under = self._under_way.get(progress.guid)
        if under is None:
            return
        if progress.state == "inProgress":
            under.size_bytes = int(max(progress.received_bytes, progress.total_bytes))
            self._cancel_beyond_limit(progress.guid, under)
            return
        del self._under_way[progress.guid]
        if progress.state == "completed":
            source = Laid(self._directory, Path(progress.file_path).name or progress.guid)
            self.background.start(self._keep(source, progress.guid, under))
        elif under.cancelled:
            return
        elif not self._has_room_for(under.size_bytes):
            about = _about(progress.guid, under)
            self._files.refuse(about, "artifact.disk_full", BROWSERS_DISK_FULL, under.size_bytes)

    def _has_room_for(self, size_bytes: int) -> bool:
        """Chromium does not say why one failed. What it had of it is removed, so that much is free again."""
        try:
            disk = os.statvfs(self._directory)
        except OSError:  # it is the browser's, to remove too
            return True
        return disk.f_bavail * disk.f_frsize >= size_bytes

    def _cancel_beyond_limit(self, guid: str, under: _UnderWay) -> None:
        """One that cannot be kept takes nobody's disk and time: the one that grows beyond what there is room for goes,
        and those that fit beside the others go on.
        """
        on_the_way = sum(each.size_bytes for each in self._under_way.values() if not each.cancelled)
        if under.cancelled or on_the_way <= self._files.room_bytes:
            return
        under.cancelled = True
        self._cancel(guid, under.context_id)
        self._files.refuse_for_limit(_about(guid, under), under.size_bytes)

    async def _keep(self, source: Laid, guid: str, under: _UnderWay) -> None:
        """Whatever a page made of it, that is told and ends here: other runs have nothing to do with it."""
        try:
            if not under.cancelled:  # else it was whole before Chromium heard of that
                await self._files.hand_over(source, _about(guid, under))
                return
        except NotKept as error:  # and the log says so
            log.info("download.not_kept", code=error.code)
        except Exception as error:  # of this file only
            log.exception("download.broke", reason=repr(error))
            about = _about(guid, under)
            self._files.refuse(about, "artifact.unreadable", NOT_TAKEN, under.size_bytes)
        await asyncio.to_thread(source.remove)

    async def stop(self, end: End) -> None:
        """What is complete is kept already; what is not will never be."""

    async def end(self, end: End, detail: str) -> None:
        """Wait until what was complete is ours: the browser's directory goes."""
        await self.background.finished()


def _about(guid: str, under: _UnderWay) -> About:
    name = safe_name(under.name, "download")
    return About(
        kind="download",
        name=name,
        content_type=_TYPES.guess_type(name)[0] or UNKNOWN_TYPE,
        guid=guid,
        page_id=under.page_id,
    )
