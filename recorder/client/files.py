"""Files, and what runs produced: they are the same things, with the same ids."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

from schemas.resources import Artifact, File

from .handle import Handle
from .pages import Listing
from .transport import Transport, path_to

K = TypeVar("K", Artifact, File)


class FileHandle(Handle[K]):
    """One file or artifact."""

    @property
    def name(self) -> str:
        """Its name, safe to be that of a file."""
        return self.resource.name

    def content(self) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """`async with file.content() as chunks: async for chunk in chunks`. Raises NotFound, CannotConnect."""
        return self._transport.content(path_to("files", self.id, "content"))

    async def read(self) -> bytes:
        """All of it, in memory. Raises as `content` does."""
        async with self.content() as chunks:
            return b"".join([chunk async for chunk in chunks])

    async def save(self, directory: Path) -> Path:
        """Into a directory, under its name; half of it is not left. Raises FileExistsError, and as `content` does."""
        path = directory / Path(self.name).name
        with path.open("xb") as file:
            try:
                await self._write_to(file)
            except BaseException:  # also a cancellation leaves half of it; it goes on
                path.unlink()
                raise
        return path

    async def _write_to(self, file: BinaryIO) -> None:
        async with self.content() as chunks:
            async for chunk in chunks:
                file.write(chunk)


class RunArtifacts:
    """`run.artifacts`."""

    def __init__(self, transport: Transport, run_id: str) -> None:
        self._transport = transport
        self._path = path_to("runs", run_id, "artifacts")

    def list(
        self, *, kind: str | list[str] | None = None, limit: int | None = None
    ) -> Listing[FileHandle[Artifact]]:
        """Newest first."""
        query = {"kind": kind, "limit": limit}
        handle = partial(FileHandle[Artifact], self._transport)
        return Listing(self._transport, self._path, Artifact, query, handle)


class RunFiles:
    """`run.files`."""

    def __init__(self, transport: Transport, run_id: str) -> None:
        self._transport = transport
        self._path = path_to("runs", run_id, "files")

    def list(
        self, *, type: str | list[str] | None = None, limit: int | None = None
    ) -> Listing[FileHandle[File]]:
        """Newest first."""
        query = {"type": type, "limit": limit}
        handle = partial(FileHandle[File], self._transport)
        return Listing(self._transport, self._path, File, query, handle)


class Files:
    """`runreel.files`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def get(self, file_id: str) -> FileHandle[File]:
        """One. Raises NotFound."""
        found = await self._transport.call("GET", path_to("files", file_id), File)
        return FileHandle(self._transport, found)

    def list(
        self,
        *,
        space_id: str | None = None,
        runtime_id: str | None = None,
        run_id: str | None = None,
        type: str | list[str] | None = None,
        prefix: str | None = None,
        text: str | None = None,
        limit: int | None = None,
    ) -> Listing[FileHandle[File]]:
        """Newest first; `prefix` is how a path begins, `text` is looked for in name and path."""
        query = {
            "spaceId": space_id,
            "runtimeId": runtime_id,
            "runId": run_id,
            "type": type,
            "prefix": prefix,
            "q": text,
            "limit": limit,
        }
        handle = partial(FileHandle[File], self._transport)
        return Listing(self._transport, "/v1/files", File, query, handle)
