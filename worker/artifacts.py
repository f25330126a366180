"""The worker's only door to the artifact store: objects by path, in a directory or at a provider."""

from __future__ import annotations

import asyncio
import glob
from collections.abc import AsyncIterable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from schemas.artifacts import directory_of
from schemas.problems import CannotStart

if TYPE_CHECKING:
    from obstore.store import RetryConfig

# What is larger goes in chunks. S3 takes 10,000 of them, so objects of 80 GB.
CHUNK_BYTES = 8 * 1024**2
CHUNKS_AT_ONCE = 2
# A provider that is away is told soon; whoever stores tries again by its own pauses.
RETRY: RetryConfig = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}


class ArtifactsUnreachable(Exception):
    """The store does not answer, refuses, or does not have it; the message says which."""


class Artifacts:
    """A store of objects. What is put is there whole or not at all."""

    def __init__(self, store: ObjectStore, directory: Path | None = None) -> None:
        self._store = store
        self._directory = directory

    @classmethod
    def open(cls, url: str) -> Artifacts:
        """By a directory, which is made, or a URL. Raises CannotStart."""
        try:
            return cls(_store(url), directory_of(url))
        except (BaseError, OSError, ValueError) as error:
            raise CannotStart(
                f"The artifact store {_shown(url)} cannot be used: {_why(error, url)}.",
                "Set RUNREEL_ARTIFACTS_URL to a directory that may be written, or to a URL such as s3://bucket/prefix.",
            ) from error

    async def put(self, path: str, content: bytes | IO[bytes] | AsyncIterable[bytes]) -> None:
        """Store bytes, a file from where it stands to its end, or parts as they come, of which a few are in memory.

        Raises ArtifactsUnreachable.
        """
        with _as_unreachable():
            await obstore.put_async(
                self._store, path, content, chunk_size=CHUNK_BYTES, max_concurrency=CHUNKS_AT_ONCE
            )

    def discard_parts(self, path: str) -> None:
        """Remove what a put that was killed left of an object in a directory: parts, which nobody lists. A provider's
        own rules remove theirs.
        """
        if self._directory is not None:
            whole = self._directory / path
            for part in whole.parent.glob(f"{glob.escape(whole.name)}#*"):
                part.unlink(missing_ok=True)

    async def get(self, path: str, into: IO[bytes], *, limit_bytes: int) -> None:
        """Write an object into a file. Raises ArtifactsUnreachable, also where it is larger than that."""
        with _as_unreachable():
            found = await obstore.get_async(self._store, path)
            if found.meta["size"] > limit_bytes:
                raise ArtifactsUnreachable(f"it has {found.meta['size']} bytes")
            async for part in found.stream():
                await asyncio.to_thread(into.write, part)

    async def find(self, prefix: str) -> list[str]:
        """The paths of all objects under one. Raises ArtifactsUnreachable."""
        with _as_unreachable():
            return [
                each["path"] for each in await obstore.list(self._store, prefix).collect_async()
            ]

    async def remove(self, path: str) -> None:
        """Remove an object, if it is there. Raises ArtifactsUnreachable."""
        with _as_unreachable(), suppress(FileNotFoundError):
            await obstore.delete_async(self._store, path)


def _store(url: str) -> ObjectStore:
    directory = directory_of(url)
    if directory is None:
        return from_url(url, retry_config=RETRY)
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return LocalStore(directory)


@contextmanager
def _as_unreachable() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise ArtifactsUnreachable(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    """What obstore raises goes on with the insides of its error, over many lines."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}".rstrip(": ")


def _shown(url: str) -> str:
    """Without what may be an account's key."""
    scheme, there, rest = url.partition("?")[0].rpartition("://")
    return scheme + there + rest.rpartition("@")[2]


def _why(error: Exception, url: str) -> str:
    return _first_line(error) if _shown(url) == url else type(error).__name__
