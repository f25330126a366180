"""Which files of a browser are its profile, and how they become one stream of bytes and files again.

Both ways are on guard: a page that broke out of its renderer may have laid links in the browser's directory, which we,
with more rights than it, must not follow; and what comes out of a pack may lead nowhere but into the new directory.
"""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import IO

import zstandard

MOST_BYTES = 512 * 1024**2
MOST_FILES = 50_000
MOST_DEPTH = 32
ZSTD_LEVEL = 1  # a profile is mostly small databases; higher levels save little and cost the stop
COPY_BYTES = 256 * 1024

# Under the user data directory. Left out is what comes again by itself (caches), what belongs to tabs, which are not
# kept (sessions), and what a person's browser would know (history, icons, suggestions).
DATABASES = (
    "Default/Cookies",
    "Default/Network/Cookies",  # where other versions have it
    "Default/Login Data",
    "Default/Login Data For Account",
    "Default/Web Data",
    "Default/Trust Tokens",
)
JOURNALS = ("", "-journal", "-wal")
FILES = frozenset(
    (
        "Local State",
        "Default/Preferences",
        "Default/Secure Preferences",
        "Default/TransportSecurity",
        *(database + journal for database in DATABASES for journal in JOURNALS),
    )
)
DIRECTORIES = (
    "Default/Local Storage",
    "Default/IndexedDB",
    "Default/File System",
    "Default/Service Worker",
    "Default/WebStorage",
    "Default/databases",
)


class ProfileTooLarge(Exception):
    """It has more than a profile may have; the message says of what."""


class PackUnreadable(Exception):
    """It is no pack of ours; the message says why."""


def is_kept(path: str) -> bool:
    """Whether a file is of the profile; its path under the user data directory, with slashes. Pure."""
    return path in FILES or any(path.startswith(each + "/") for each in DIRECTORIES)


def may_lead_to_kept(path: str) -> bool:
    """Whether a directory has files of the profile in it, or under it. Pure."""
    inside = path + "/"
    return is_kept(inside) or any(each.startswith(inside) for each in (*FILES, *DIRECTORIES))


def pack(user_data: Path, to: IO[bytes]) -> None:
    """Write the profile in a user data directory that no browser uses. Raises ProfileTooLarge, OSError."""
    with (
        zstandard.ZstdCompressor(level=ZSTD_LEVEL).stream_writer(to, closefd=False) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        room = _Room()
        for name, at in _kept_names(user_data):
            with _open_regular(name, at) as file:
                _add(tar, name, file, room)


class _Room:
    """How much more a profile may have."""

    def __init__(self) -> None:
        self._bytes, self._files = MOST_BYTES, MOST_FILES

    def has(self, size_bytes: int) -> bool:
        """Take the room of one more file; whether it was there."""
        self._bytes, self._files = self._bytes - size_bytes, self._files - 1
        return self._bytes >= 0 and self._files >= 0


def _add(tar: tarfile.TarFile, name: str, file: IO[bytes] | None, room: _Room) -> None:
    if file is None:
        return
    member = tarfile.TarInfo(name)
    member.size = os.fstat(file.fileno()).st_size
    if not room.has(member.size):
        raise ProfileTooLarge(f"more than {MOST_BYTES} bytes or {MOST_FILES} files")
    tar.addfile(member, file)


def _kept_names(user_data: Path) -> Iterator[tuple[str, int]]:
    """Every name that is kept, and a descriptor of its directory. No link is followed on the way to it."""
    for directory, directories, files, at in os.fwalk(user_data, follow_symlinks=False):
        inside = Path(directory).relative_to(user_data)
        if len(inside.parts) > MOST_DEPTH:
            raise ProfileTooLarge(f"directories in directories, more than {MOST_DEPTH}")
        inner = ((each, (inside / each).as_posix()) for each in sorted(directories))
        directories[:] = [each for each, path in inner if may_lead_to_kept(path)]
        names = ((inside / each).as_posix() for each in sorted(files))
        yield from ((name, at) for name in names if is_kept(name))


@contextmanager
def _open_regular(name: str, at: int) -> Iterator[IO[bytes] | None]:
    """A file of the browser's own, or None: no link, no device, and nothing that has a name elsewhere too."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(PurePosixPath(name).name, flags, dir_fd=at)
    except OSError:
        yield None
        return
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(descriptor)
        yield file if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 else None


def unpack(packed: IO[bytes], user_data: Path, uid: int | None) -> None:
    """Make the files of a pack, that uid's, in a directory that nobody uses yet. Raises PackUnreadable, OSError."""
    try:
        with (
            zstandard.ZstdDecompressor().stream_reader(packed, closefd=False) as plain,
            tarfile.open(fileobj=plain, mode="r|") as tar,
        ):
            room = _Room()
            for member in tar:
                _refuse_strange(member, room)
                content = tar.extractfile(member)
                assert content is not None  # it is a regular file
                _write(content, user_data, PurePosixPath(member.name), uid)
    except (tarfile.TarError, zstandard.ZstdError, EOFError) as error:
        raise PackUnreadable(f"{type(error).__name__}: {error}") from error


def _refuse_strange(member: tarfile.TarInfo, room: _Room) -> None:
    if not room.has(member.size):
        raise PackUnreadable("there is more in it than a profile may have")
    if member.type not in (tarfile.REGTYPE, tarfile.AREGTYPE) or member.issparse():
        raise PackUnreadable(f"{member.name!r} is no ordinary file")
    parts = member.name.split("/")
    if any(part in ("", ".", "..") for part in parts) or "\0" in member.name:
        raise PackUnreadable(f"{member.name!r} leads elsewhere")
    if not is_kept(member.name):
        raise PackUnreadable(f"{member.name!r} is not part of a profile")


def _write(content: IO[bytes], user_data: Path, name: PurePosixPath, uid: int | None) -> None:
    for parent in reversed(name.parents[:-1]):
        _make_directory(user_data / parent, uid)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    try:
        descriptor = os.open(user_data / name, flags, 0o600)
    except FileExistsError as error:
        raise PackUnreadable(f"{str(name)!r} is there twice") from error
    with os.fdopen(descriptor, "wb") as file:
        while part := content.read(COPY_BYTES):
            file.write(part)
        if uid is not None:
            os.fchown(descriptor, uid, uid)


def _make_directory(path: Path, uid: int | None) -> None:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        return
    if uid is not None:
        os.chown(path, uid, uid, follow_symlinks=False)
