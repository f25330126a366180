"""The recorder's only door to the artifact store: contents by path, from a directory or a provider. It only reads.

Contents are read in parts, each a request of its own with a deadline: a slow reader holds no connection to the
store, and memory is bounded by two parts a reader: one read, one on its way out. (To read one ahead was measured:
on two cores it costs more than it gains.)
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import obstore
import structlog
from msgspec import Struct
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore, from_url

from schemas.artifacts import directory_of
from schemas.problems import CannotStart, ContentMissing, StorageUnavailable

log = structlog.get_logger()

MIB = 1024 * 1024
FROM_DISK_BYTES = MIB
FROM_PROVIDER_BYTES = 4 * MIB  # where each request takes its time
RETRY_SECONDS = timedelta(seconds=10)
PART_SECONDS = 20.0  # with what is tried again
LISTED_AT_ONCE = 1000
READERS_AT_ONCE = 64
TURN_SECONDS = 20.0


class Listed(Struct, frozen=True):
    """An object there is. `modified_at` has a time zone."""

    path: str
    size_bytes: int
    modified_at: datetime


class Artifacts:
    """A store of objects; `directory` is None at a provider. It need not be there before something is read: a worker
    makes it.
    """

    def __init__(self, url: str) -> None:
        self.directory = directory_of(url)
        self._store = None if self.directory else _provider(url)
        self._part_bytes = FROM_DISK_BYTES if self.directory else FROM_PROVIDER_BYTES
        self._readers = asyncio.Semaphore(READERS_AT_ONCE)

    async def check(self, path: str, size_bytes: int) -> None:
        """Raises ContentMissing where an object is not there or has another size, StorageUnavailable."""
        async with self._asked():
            meta = await obstore.head_async(self._opened(), path)
        if meta["size"] != size_bytes:
            raise _other_size(size_bytes, meta["size"])

    async def parts(self, path: str, first: int, end: int) -> AsyncGenerator[memoryview, None]:
        """The bytes from `first` up to `end`, which is left out, once it is this reader's turn.

        Raises ContentMissing, StorageUnavailable; then what was given is only a beginning.
        """
        await self._wait_for_turn()
        try:
            after = first
            while after < end:
                part = await self._part(path, after, end)
                after += len(part)
                yield part
        finally:
            self._readers.release()

    async def _wait_for_turn(self) -> None:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                await self._readers.acquire()
        except TimeoutError as error:
            raise StorageUnavailable(
                f"{READERS_AT_ONCE} contents are being read from this recorder.",
                hint="Try again in a moment, or at another recorder.",
                retry_after_seconds=1,
            ) from error

    async def _part(self, path: str, start: int, end: int) -> memoryview:
        length = min(self._part_bytes, end - start)
        async with self._asked():
            read = await obstore.get_range_async(self._opened(), path, start=start, length=length)
        if len(read) != length:
            raise _other_size(start + length, start + len(read))
        return memoryview(read)

    async def listed(self, prefix: str) -> AsyncIterator[list[Listed]]:
        """All objects under a prefix, some at a time. Raises StorageUnavailable."""
        async with self._asked():
            stream = obstore.list(self._opened(), prefix, chunk_size=LISTED_AT_ONCE)
        while True:
            async with self._asked():
                try:
                    some = await stream.__anext__()
                except StopAsyncIteration:
                    return
            yield [Listed(each["path"], each["size"], each["last_modified"]) for each in some]

    def _opened(self) -> ObjectStore:
        if self._store is None:
            assert self.directory is not None
            self._store = LocalStore(self.directory)
        return self._store

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(PART_SECONDS):
                yield
        except TimeoutError as error:
            raise _unreachable("it does not answer") from error
        except ValueError as error:  # a path that no object can have
            raise ContentMissing from error
        except FileNotFoundError as error:
            await self._check_directory()
            raise ContentMissing from error
        except (BaseError, OSError) as error:
            await self._check_directory()
            log.warning("artifacts.unreachable", reason=_first_line(error))
            raise _unreachable(type(error).__name__) from error

    async def _check_directory(self) -> None:
        """One that is not there is a disk that is not mounted rather than one on which all was lost."""
        if self.directory and not await asyncio.to_thread(self.directory.is_dir):
            log.warning("artifacts.unreachable", reason=f"no directory {self.directory}")
            raise _unreachable("its directory is not there")


def _provider(url: str) -> ObjectStore:
    try:
        # Not with time-outs of its own: options of a client put aside what AWS_ALLOW_HTTP and its like say.
        return from_url(url, retry_config={"max_retries": 2, "retry_timeout": RETRY_SECONDS})
    except (BaseError, OSError, ValueError) as error:
        raise CannotStart(
            f"The artifact store cannot be used: {type(error).__name__}.",
            "Set RUNREEL_ARTIFACTS_URL to a directory, or to a URL such as s3://bucket/prefix.",
        ) from error


def _other_size(expected: int, found: int) -> ContentMissing:
    return ContentMissing(
        f"The artifact store has another content for this file: {found} bytes instead of {expected}.",
        details={"expectedBytes": expected, "foundBytes": found},
    )


def _unreachable(reason: str) -> StorageUnavailable:
    return StorageUnavailable(
        f"The artifact store cannot be read ({reason}).",
        hint="Try again once it is back; RUNREEL_ARTIFACTS_URL says where it is.",
    )


def _first_line(error: Exception) -> str:
    """What obstore raises goes on with the insides of its error, over many lines."""
    return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}".rstrip(": ")
