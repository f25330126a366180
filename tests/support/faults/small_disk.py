"""A disk of its own for one directory, small enough to be filled."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

KIB = 1024
SIZE_KIB = 32 * KIB


class SmallDisk:
    """It takes 32 MiB; `fill` leaves so much of that, `free` gives it back."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._ballast = directory / "ballast"

    def fill(self, leave_kib: int) -> None:
        """Somebody else takes all but so much."""
        free = shutil.disk_usage(self._directory).free
        descriptor = os.open(self._ballast, os.O_WRONLY | os.O_CREAT)
        try:
            os.posix_fallocate(descriptor, 0, free - leave_kib * KIB)
        finally:
            os.close(descriptor)

    def free(self) -> None:
        """Somebody makes room."""
        self._ballast.unlink()


@contextmanager
def small_disk(directory: Path) -> Iterator[SmallDisk]:
    """A tmpfs there for as long as the block lasts. Needs to be root."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a disk")
    directory.mkdir(parents=True)
    options = f"size={SIZE_KIB}k,mode=755"
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "small", str(directory)], check=True)
    try:
        yield SmallDisk(directory)
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
