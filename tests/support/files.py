"""What lies on a disk, as it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def everything_below(directory: Path) -> Iterator[Path]:
    """All below a directory; unlike `rglob` it does not mind that directories go while one looks."""
    for at, directories, files in os.walk(directory):
        yield from (Path(at, name) for name in (*directories, *files))


def files_with(directory: Path, text: str) -> Iterator[Path]:
    """The files below a directory that have a text in them, as bytes or, as Chromium keeps some, as UTF-16."""
    marks = (text.encode(), text.encode("utf-16-le"))
    for path in sorted(everything_below(directory)):
        with suppress(FileNotFoundError):  # somebody writes there, under names that come and go
            content = path.read_bytes() if path.is_file() else b""
            if any(mark in content for mark in marks):
                yield path
