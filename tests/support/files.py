"""What lies on a disk, as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def files_with(directory: Path, text: str) -> Iterator[Path]:
    """The files below a directory that have a text in them, whatever they are."""
    for path in sorted(directory.rglob("*")):
        with suppress(FileNotFoundError):  # somebody writes there, under names that come and go
            if path.is_file() and text.encode() in path.read_bytes():
                yield path
