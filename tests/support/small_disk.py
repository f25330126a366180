"""A disk that is full soon: a tmpfs of a few megabytes, mounted for the block and never larger."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

BALLAST = "ballast"


@contextmanager
def small_disk(directory: Path, size_bytes: int) -> Iterator[Path]:
    """A mounted directory with room for so much. Skips the test where nothing may be mounted."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    directory.mkdir(parents=True)
    mounting = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(directory)]
    mounted = subprocess.run(mounting, capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"nothing can be mounted here: {mounted.stderr.strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)


def fill(disk: Path) -> None:
    """Let somebody else take all the room that is left."""
    with (disk / BALLAST).open("wb", buffering=0) as ballast:
        for size_bytes in (64 * 1024, 4096, 1):
            while _takes(ballast.fileno(), size_bytes):
                pass


def empty(disk: Path) -> None:
    """Give that room back."""
    (disk / BALLAST).unlink()


def _takes(descriptor: int, size_bytes: int) -> bool:
    try:
        return os.write(descriptor, b"x" * size_bytes) == size_bytes
    except OSError:
        return False
