"""Files that a browser has laid: taken from a directory that is the browser's, whatever it has made of it by then."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import structlog
from msgspec import Struct

log = structlog.get_logger(__name__)

_IN = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# A pipe that nobody writes into is not waited for.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class SourceUnreadable(Exception):
    """What was to be kept is not there, or is no ordinary file with one name, or not the browser's own."""


class Laid(Struct, frozen=True):
    """A file by its name in `directory`. That, and all in the directory around it, may be the browser's work; what is
    above is ours.
    """

    directory: Path
    name: str

    @contextmanager
    def opened(self) -> Iterator[tuple[IO[bytes], int]]:
        """The file and the descriptor of its directory, with no link followed to either. Raises SourceUnreadable."""
        with self._opened_directory() as directory:
            try:
                descriptor = os.open(_plain(self.name), _FILE, dir_fd=directory)
            except (OSError, ValueError) as error:
                raise SourceUnreadable(_why(error)) from error
            try:
                _ensure_ordinary(os.fstat(descriptor), os.fstat(directory))
            except SourceUnreadable:
                os.close(descriptor)
                raise
            with os.fdopen(descriptor, "rb") as file:
                yield file, directory

    def size_bytes(self) -> int:
        """How large it is. Raises SourceUnreadable."""
        with self.opened() as (file, _directory):
            return os.fstat(file.fileno()).st_size

    def remove(self) -> None:
        """Nobody wants it. One that is gone, or cannot be removed, goes with its directory."""
        try:
            with self._opened_directory() as directory:
                os.unlink(_plain(self.name), dir_fd=directory)
        except (SourceUnreadable, OSError, ValueError) as error:
            log.info("files.laid_not_removed", reason=_why(error))

    @contextmanager
    def _opened_directory(self) -> Iterator[int]:
        descriptors: list[int] = []
        try:
            try:
                descriptors.append(os.open(self.directory.parent, _IN))
                descriptors.append(os.open(self.directory.name, _IN, dir_fd=descriptors[0]))
            except (OSError, ValueError) as error:
                raise SourceUnreadable(_why(error)) from error
            around, directory = (os.fstat(descriptor) for descriptor in descriptors)
            if directory.st_uid != around.st_uid:
                raise SourceUnreadable("its directory is not the browser's")
            yield descriptors[1]
        finally:
            for descriptor in descriptors:
                os.close(descriptor)


def _plain(name: str) -> str:
    if "/" in name:  # an absolute path would leave the directory
        raise ValueError("its name is a path")
    return name


def _ensure_ordinary(found: os.stat_result, directory: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1:
        raise SourceUnreadable("it is no ordinary file")
    if found.st_uid != directory.st_uid:
        raise SourceUnreadable("it is not the browser's")


def _why(error: Exception) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
