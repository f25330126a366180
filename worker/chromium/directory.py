"""The directory of one browser: profile, home, downloads and temporary files, and nothing else's."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
from pathlib import Path

import msgspec

from worker.redact import redact_text

_NAME = re.compile(r"[0-9a-f]{12}")
PARTS = ("profile", "home", "tmp", "downloads")
LOG = "chromium.log"
LOG_TAIL_BYTES = 8000

# A Unix socket's path has at most 107 bytes, and Chromium makes one in its TMPDIR under a long name.
NAME_CHARS = 12
LONGEST_ROOT = 107 - len(f"/{'x' * NAME_CHARS}/tmp/org.chromium.Chromium.XXXXXX/SingletonSocket")


def default_root(state_dir: Path) -> Path:
    """Where a worker with that state directory keeps browsers' files: short, the same each time, open to other uids."""
    owner = hashlib.sha256(str(state_dir.resolve()).encode()).hexdigest()[:8]
    return Path(tempfile.gettempdir()) / f"runreel-{owner}"


def path_of(root: Path, browser_id: str) -> Path:
    """The directory of a browser, named after the random end of its id, a UUIDv7."""
    return root / browser_id[-NAME_CHARS:]


def make_root(root: Path) -> None:
    """Make the root; other uids may pass through it and list nothing. Raises OSError.

    Its name can be guessed and it lies where anyone may write, so one that is there already must be ours.
    """
    if len(os.fsencode(root)) > LONGEST_ROOT:
        raise OSError(errno.ENAMETOOLONG, f"the path has more than {LONGEST_ROOT} bytes")
    root.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        root.mkdir(mode=0o711)
    found = root.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise OSError(errno.EPERM, "it is there already, and is not a directory of this user")
    root.chmod(0o711)


def remove_root(root: Path) -> None:
    """Remove the root when nothing is in it any more."""
    with contextlib.suppress(OSError):  # what is left there is swept at the next start
        root.rmdir()


def make(directory: Path, uid: int | None) -> None:
    """An empty directory for a browser, owned by the uid that it will have. Raises OSError."""
    for path in (directory, *(directory / part for part in PARTS)):
        path.mkdir(mode=0o700)
        if uid is not None:
            os.chown(path, uid, uid)


def prefer(directory: Path, local_state: dict[str, object], uid: int | None) -> None:
    """What Chromium finds as its own settings, unless a profile brought some. Raises OSError."""
    path = directory / "profile" / "Local State"
    with contextlib.suppress(FileExistsError), path.open("xb") as file:
        file.write(msgspec.json.encode(local_state))
        if uid is not None:
            os.fchown(file.fileno(), uid, uid)


def remove(directory: Path) -> None:
    """Remove a browser's directory. A dying browser may still be writing, so what is left is tried again."""
    for _ in range(3):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
    shutil.rmtree(directory)


def sweep(root: Path) -> list[str]:
    """Remove the directories of browsers that an earlier worker left in the root, and nothing else; their names."""
    left = [path for path in root.iterdir() if _is_of_a_browser(path)] if root.is_dir() else []
    for path in left:
        remove(path)
    return [path.name for path in left]


def _is_of_a_browser(path: Path) -> bool:
    return _NAME.fullmatch(path.name) is not None and path.is_dir() and not path.is_symlink()


def last_words(log: int) -> str:
    """What Chromium last wrote to that open file, without secrets: the line that says FATAL, else the last one."""
    start = max(0, os.fstat(log).st_size - LOG_TAIL_BYTES)
    text = os.pread(log, LOG_TAIL_BYTES, start)
    lines = text.decode(errors="replace").strip().splitlines() or [""]
    return redact_text(next((line for line in lines if "FATAL" in line), lines[-1]))
