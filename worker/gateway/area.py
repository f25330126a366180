"""The part of the host's disk that one run may name in its calls: its downloads, and what was laid down for it."""

from __future__ import annotations

import os
from pathlib import Path


class Area:
    """`downloads` is where a browser puts what pages download; it may also read there, and in what `open` adds."""

    def __init__(self, downloads: Path) -> None:
        self.downloads = downloads
        self._open = [_canonical(str(downloads))]

    def open(self, directory: Path) -> None:
        """Files in there may be given to pages."""
        self._open.append(_canonical(str(directory)))

    def found(self, path: str) -> str | None:
        """Where an ordinary file of this area really lies, without links and `..`; None for what is none of it."""
        if "\0" in path or not path.startswith("/"):
            return None
        try:
            real = _canonical(path)
        except (OSError, ValueError):  # a loop of links; not to be written in this file system
            return None
        inside = any(real.startswith(each + os.sep) for each in self._open)
        return real if inside and Path(real).is_file() else None


def _canonical(path: str) -> str:
    return os.path.realpath(path)
