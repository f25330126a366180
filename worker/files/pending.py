"""Files of runs on this worker's disk, until the artifact store has them and the log says so.

<artifact id>        the content; without the file beside it nobody finished writing it, and it is removed
<artifact id>.json   whose it is and what it is; written as a whole, after the content
aside/               both, of what cannot be told any more: a person may want them
"""

from __future__ import annotations

import errno
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import IO

import msgspec
import structlog
from msgspec import UNSET, Struct, UnsetType

from schemas.events.artifact import ArtifactKind
from worker.files.laid import Laid, SourceUnreadable

log = structlog.get_logger(__name__)

# So much of the disk stays free for the events of runs, which count more.
MARGIN_BYTES = 256 * 1024**2
MARGIN_SHARE = 0.05
COPY_BYTES = 1024**2
ASIDE = "aside"
_SIDECAR = ".json"
_ID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class DiskFull(OSError):
    """The disk has no room for it."""


class About(Struct, frozen=True, kw_only=True, rename="camel"):
    """What is known of a file before it is one. `command_id` is what it came of, `guid` that of a download."""

    kind: ArtifactKind
    name: str
    content_type: str
    command_id: str | UnsetType = UNSET
    guid: str | UnsetType = UNSET
    page_id: str | UnsetType = UNSET


class Pending(Struct, frozen=True, kw_only=True, rename="camel"):
    """A file on its way to the store. `path` is where it belongs among the files of its run."""

    artifact_id: str
    run_id: str
    runtime_id: str
    space_id: str
    path: str
    size_bytes: int
    about: About


_pending = msgspec.json.Decoder(Pending)


class PendingFiles:
    """The directory. Calls block as disks do: they belong into threads. `margin_bytes` of the disk stay free."""

    def __init__(self, directory: Path, *, margin_bytes: int = MARGIN_BYTES) -> None:
        self._directory = directory
        self._margin_bytes = margin_bytes
        self.left: list[Pending] = []
        self.aside_count = 0

    @classmethod
    def open(cls, directory: Path, *, margin_bytes: int = MARGIN_BYTES) -> PendingFiles:
        """That directory, with `left` what an earlier worker did not get away, and `aside_count` what no worker ever
        will. Raises OSError.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = cls(directory, margin_bytes=margin_bytes)
        found._count_aside()
        found._take_up()
        return found

    def take(self, source: Laid | bytes, file: Pending) -> None:
        """Keep bytes, or a file, which is then gone from where it was. Raises SourceUnreadable, DiskFull, and then
        nothing is left behind.
        """
        try:
            if isinstance(source, bytes):
                self._ensure_room(len(source))
                self._content(file).write_bytes(source)
            else:
                self._move(source, file)
            self._seal(file)
        except Exception as error:  # whatever broke, nothing half-written stays
            self.remove(file)
            if isinstance(error, OSError) and not isinstance(error, DiskFull):
                why = f"{type(error).__name__}: {error.strerror or error}"
                raise DiskFull(why) from error
            raise

    def _move(self, source: Laid, file: Pending) -> None:
        """What we have is what we looked at: a browser may lay something else there meanwhile."""
        to = self._content(file)
        with source.opened() as (origin, directory):
            found = os.fstat(origin.fileno())
            if found.st_size != file.size_bytes:
                raise SourceUnreadable("it changed while it was taken")
            to.touch(mode=0o600, exist_ok=False)  # no directory can be renamed to a file
            try:
                os.rename(source.name, to, src_dir_fd=directory)
            except OSError:  # it is on another file system
                self._copy(origin, to, file.size_bytes)
                source.remove()
                return
        moved = to.lstat()
        if (moved.st_dev, moved.st_ino) != (found.st_dev, found.st_ino):
            raise SourceUnreadable("it was another file when it was taken")
        os.chown(to, os.geteuid(), os.getegid(), follow_symlinks=False)
        to.chmod(0o600)

    def _copy(self, origin: IO[bytes], to: Path, size_bytes: int) -> None:
        """So much and no more, however it grows."""
        self._ensure_room(size_bytes)
        left = size_bytes
        with to.open("wb") as copy:
            while part := origin.read(min(COPY_BYTES, left)):
                copy.write(part)
                left -= len(part)
        if left or origin.read(1):
            raise SourceUnreadable("it changed while it was taken")

    def open_content(self, file: Pending) -> IO[bytes]:
        """Its content, from the beginning. Raises OSError, also where it is not what was kept."""
        content = self._content(file).open("rb")
        found = os.fstat(content.fileno()).st_size
        if found != file.size_bytes:
            content.close()
            raise OSError(errno.EIO, f"it has {found} bytes, of {file.size_bytes}")
        return content

    def read(self, file: Pending) -> bytes:
        """All of its content, in memory. Raises OSError, as above."""
        with self.open_content(file) as content:
            found = content.read(file.size_bytes + 1)
        if len(found) != file.size_bytes:  # whoever laid it may still write into it
            raise OSError(errno.EIO, "its size changed while it was read")
        return found

    def remove(self, file: Pending) -> None:
        """The store has it, or nobody will. First what says whose it is: content alone is nobody's."""
        self._unlink(self._sidecar(file))
        self._unlink(self._content(file))

    def set_aside(self, artifact_id: str) -> None:
        """Nobody can be told of it, and it may be wanted. The content first: it would go without the file beside it."""
        aside = self._directory / ASIDE
        try:
            aside.mkdir(mode=0o700, exist_ok=True)
            for name in (artifact_id, f"{artifact_id}{_SIDECAR}"):
                with suppress(FileNotFoundError):
                    (self._directory / name).rename(aside / name)
        except OSError as error:
            log.error("files.not_set_aside", artifact_id=artifact_id, error=str(error))
        self._count_aside()

    def _count_aside(self) -> None:
        self.aside_count = len(list((self._directory / ASIDE).glob(f"*{_SIDECAR}")))

    def _unlink(self, path: Path) -> None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            log.error("files.not_removed", path=str(path), error=str(error))

    def _seal(self, file: Pending) -> None:
        """From here on it survives us."""
        sidecar = self._sidecar(file)
        written = sidecar.with_suffix(".tmp")
        written.write_bytes(msgspec.json.encode(file))
        written.rename(sidecar)

    def _ensure_room(self, size_bytes: int) -> None:
        ensure_room(self._directory, size_bytes, self._margin_bytes)

    def _take_up(self) -> None:
        """What is not named as we name it is not ours, and one that resists keeps no worker from starting."""
        names = {path.name for path in self._directory.iterdir() if _ID.fullmatch(path.stem)}
        sealed = sorted(name for name in names if name.endswith(_SIDECAR))
        for name in sealed:
            self._take_up_one(name.removesuffix(_SIDECAR))
        for name in names.difference(sealed, (name.removesuffix(_SIDECAR) for name in sealed)):
            self._unlink(self._directory / name)

    def _take_up_one(self, artifact_id: str) -> None:
        try:
            file = _pending.decode((self._directory / f"{artifact_id}{_SIDECAR}").read_bytes())
            if file.artifact_id != artifact_id:
                raise ValueError(f"it is of {file.artifact_id}")
        except (OSError, ValueError) as error:  # of which msgspec's are
            log.error("files.unreadable", artifact_id=artifact_id, error=str(error))
            self.set_aside(artifact_id)
        else:
            self.left.append(file)

    def _content(self, file: Pending) -> Path:
        return self._directory / file.artifact_id

    def _sidecar(self, file: Pending) -> Path:
        return self._directory / f"{file.artifact_id}{_SIDECAR}"


def ensure_room(directory: Path, size_bytes: int, margin_bytes: int) -> None:
    """Raises DiskFull where no more than what events need would be left of that directory's disk."""
    disk = os.statvfs(directory)
    free, whole = disk.f_bavail * disk.f_frsize, disk.f_blocks * disk.f_frsize
    if free - size_bytes < min(margin_bytes, whole * MARGIN_SHARE):
        raise DiskFull(f"{free} bytes are free on the worker's disk, and some are for events")
