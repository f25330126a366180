"""Files that a run's browser may read: laid down once each, within a limit, until the run ends."""

from __future__ import annotations

import asyncio
import os
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path

from uuid_utils import uuid7

from schemas.actions import FileToUpload
from schemas.problems import FileNotFound, StorageUnavailable
from schemas.requests import StoredFile
from worker.artifacts import Artifacts, ArtifactsUnreachable
from worker.chromium import directory as browser_directory
from worker.files.names import safe_name
from worker.files.pending import MARGIN_BYTES, ensure_room
from worker.tools.failures import Failed

# A page reads what it was given when it likes, so all of it stays: so much, and so many.
MOST_BYTES = 4 * 1024**3
MOST_FILES = 10_000


class Laid:
    """A directory of one run's. `uid` is the browser's, which may pass through it and change nothing there."""

    def __init__(self, directory: Path, artifacts: Artifacts, uid: int | None) -> None:
        self.directory = directory
        self._artifacts = artifacts
        self._uid = uid
        self._used_bytes = 0
        self._count = 0
        self._stored: dict[tuple[str, str], Path] = {}  # by id and name

    async def lay(self, file: FileToUpload, stored: Sequence[StoredFile]) -> Path:
        """Where it is, under its name; `stored` has those that are named by ids. Raises Failed."""
        if file.file_id is None:
            content = b64decode(file.content_base64 or "")
            return await self._new(safe_name(file.name or ""), content, len(content))
        found = _find(stored, file.file_id)
        name = safe_name(file.name or found.name)
        known = self._stored.get((file.file_id, name))
        if known is None:
            known = await self._new(name, found, found.size_bytes)
            self._stored[file.file_id, name] = known
        return known

    async def remove(self) -> None:
        """The run is over."""
        await asyncio.to_thread(browser_directory.remove, self.directory)

    async def _new(self, name: str, content: bytes | StoredFile, size_bytes: int) -> Path:
        """In a directory of its own, so that it has its name."""
        if self._used_bytes + size_bytes > MOST_BYTES or self._count >= MOST_FILES:
            message = (
                f"This run was given {self._used_bytes} bytes of files; {MOST_BYTES} is the most."
            )
            raise Failed("invocation.too_large", message)
        path = self.directory / str(uuid7()) / name
        self._used_bytes += size_bytes
        self._count += 1
        try:
            await self._write(path, content, size_bytes)
        except (OSError, ArtifactsUnreachable) as error:
            await asyncio.to_thread(browser_directory.remove, path.parent)
            self._used_bytes -= size_bytes
            message = f"The file {name} cannot be fetched: {error}"
            raise Failed(StorageUnavailable.code, message) from error
        return path

    async def _write(self, path: Path, content: bytes | StoredFile, size_bytes: int) -> None:
        await asyncio.to_thread(_make_room, path.parent, size_bytes)
        if isinstance(content, bytes):
            await asyncio.to_thread(path.write_bytes, content)
        else:
            with path.open("wb") as into:
                await self._artifacts.get(content.object_path, into, limit_bytes=content.size_bytes)
        await asyncio.to_thread(_give, path, self._uid)


def _find(stored: Sequence[StoredFile], file_id: str) -> StoredFile:
    for each in stored:
        if each.file_id == file_id:
            return each
    raise Failed(FileNotFound.code, f"There is no file {file_id}.")


def _make_room(directory: Path, size_bytes: int) -> None:
    """Raises OSError, also DiskFull."""
    ensure_room(directory.parent, size_bytes, MARGIN_BYTES)
    directory.mkdir(mode=0o711)


def _give(path: Path, uid: int | None) -> None:
    """The file is the browser's to read; the directory it is in is not the browser's to change."""
    path.chmod(0o400)
    if uid is not None:
        os.chown(path, uid, uid)
