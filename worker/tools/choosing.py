"""Files for pages: laid where the browser can read them, and chosen."""

from __future__ import annotations

import os
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from uuid_utils import uuid7

from schemas.actions import FileToUpload
from schemas.problems import FileNotFound, StorageUnavailable
from schemas.requests import StoredFile
from worker.artifacts import ArtifactsUnreachable
from worker.files.names import safe_name
from worker.tools.doing import Doing
from worker.tools.failures import Failed

if TYPE_CHECKING:
    from playwright.async_api import Locator

_IS_INPUT = "element => (element.control ?? element).type === 'file'"


async def upload(do: Doing, element: Locator, files: Sequence[FileToUpload]) -> list[str]:
    """Choose these files there; their names. What was laid down for it goes with the run. Raises Failed."""
    is_input = await element.evaluate(_IS_INPUT, timeout=do.left_ms)
    async with do.in_time():
        paths = [await _laid(do, each) for each in files]
    if is_input:
        await element.set_input_files(list(paths), timeout=do.left_ms)
    else:
        async with do.page.expect_file_chooser(timeout=do.left_ms) as chooser:
            await element.click(timeout=do.left_ms)
        await (await chooser.value).set_files(list(paths), timeout=do.left_ms)
    return [path.name for path in paths]


async def _laid(do: Doing, file: FileToUpload) -> Path:
    """On the browser's disk, in a directory of its own, so that it has its name."""
    stored = None if file.file_id is None else _find(do.stored, file.file_id)
    name = safe_name(file.name or (stored.name if stored else ""))
    path = do.place.scratch / str(uuid7()) / name
    try:
        path.parent.mkdir(mode=0o711)
        if stored is None:
            path.write_bytes(b64decode(file.content_base64 or ""))
        else:
            with path.open("wb") as into:
                await do.place.artifacts.get(
                    stored.object_path, into, limit_bytes=stored.size_bytes
                )
        _give(path, do.place.uid)
    except (OSError, ArtifactsUnreachable) as error:
        raise Failed(
            StorageUnavailable.code, f"The file {name} cannot be fetched: {error}"
        ) from error
    return path


def _find(stored: Sequence[StoredFile], file_id: str) -> StoredFile:
    for each in stored:
        if each.file_id == file_id:
            return each
    raise Failed(FileNotFound.code, f"There is no file {file_id}.")


def _give(path: Path, uid: int | None) -> None:
    """The file is the browser's to read; the directory it is in is not the browser's to change."""
    path.chmod(0o400)
    if uid is not None:
        os.chown(path, uid, uid)
