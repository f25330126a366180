"""The directory of one run: profile, home, downloads and temporary files of its browser, and nothing else's."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

PARTS = ("profile", "home", "tmp", "downloads")
LOG = "chromium.log"
LOG_TAIL_BYTES = 2000


def default_root(state_dir: Path) -> Path:
    """Where the runs of the worker with that state directory live: short, reachable by other uids, the same each time."""
    owner = hashlib.sha256(str(state_dir.resolve()).encode()).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"runreel-{owner}"


def make_root(root: Path) -> None:
    """Make the root; other uids may pass through it and list nothing."""
    root.mkdir(parents=True, exist_ok=True)
    root.chmod(0o711)


def make(root: Path, run_id: str, uid: int | None) -> Path:
    """An empty directory for a run, owned by the uid that its browser will have."""
    directory = root / run_id
    for path in (directory, *(directory / part for part in PARTS)):
        path.mkdir(mode=0o700)
        if uid is not None:
            os.chown(path, uid, uid)
    return directory


def remove(directory: Path) -> None:
    """Remove a run's directory. A dying browser may still be writing, so what is left is tried again."""
    for _ in range(3):
        shutil.rmtree(directory, ignore_errors=True)
        if not directory.exists():
            return
    shutil.rmtree(directory)


def sweep(root: Path) -> list[str]:
    """Remove what an earlier worker left in the root; the run ids it belonged to."""
    left = [path for path in root.iterdir() if path.is_dir()] if root.is_dir() else []
    for path in left:
        remove(path)
    return [path.name for path in left]


def log_tail(directory: Path) -> str:
    """The last lines that Chromium wrote to its standard error."""
    try:
        text = (directory / LOG).read_bytes()[-LOG_TAIL_BYTES:]
    except OSError:
        return ""
    return text.decode(errors="replace").strip()
