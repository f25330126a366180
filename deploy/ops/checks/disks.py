"""Is there room for what may be kept?"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from deploy.disk import BUCKET_BYTES, LEAST_FREE_BYTES
from deploy.ops.checks.check import Check
from deploy.terminal_text import size

LITTLE_FREE_BYTES = 1024**3
FREE_THEM = (
    "Free some space, or move the directory to a larger disk: on a full one nothing is stored."
)


def free(places: Mapping[str, Path]) -> Iterator[Check]:
    """Free space where database, spool and stream stand, once a disk."""
    seen: dict[int, list[str]] = {}
    paths: dict[int, Path] = {}
    for name, path in places.items():
        there = _existing(path)
        device = there.stat().st_dev
        seen.setdefault(device, []).append(name)
        paths.setdefault(device, there)
    for device, names in seen.items():
        yield of_disk(names, shutil.disk_usage(paths[device]).free)


def of_disk(names: list[str], free_bytes: int) -> Check:
    """One disk, by what stands on it."""
    found = f"{size(free_bytes)} free for {' and '.join([', '.join(names[:-1]), names[-1]][-len(names) :])}"
    if free_bytes < LEAST_FREE_BYTES:
        return Check("disk.free", "disk", "problem", found, FREE_THEM)
    if free_bytes < LITTLE_FREE_BYTES:
        return Check("disk.free", "disk", "notice", found, FREE_THEM)
    return Check("disk.free", "disk", "fine", found)


def store(
    limits: Mapping[str, int], store_limit_bytes: int, free_bytes: int, stored_bytes: int
) -> Check:
    """Do the streams' limits fit into the server's, and that onto the disk? `limits` is bytes by stream."""
    code, name = "limits.store", "store"
    reserved = sum(limits.values()) + BUCKET_BYTES
    if reserved > store_limit_bytes:
        found = (
            f"streams and buckets may take {size(reserved)}, the server {size(store_limit_bytes)}"
        )
        advice = "NATS refuses to make them (error 10047): raise max_file_store, or lower RUNREEL_RUNS_MAX_BYTES."
        return Check(code, name, "problem", found, advice)
    found = f"up to {size(store_limit_bytes)}, {size(stored_bytes)} used"
    if store_limit_bytes - stored_bytes > free_bytes:
        left = f"{found}; only {size(free_bytes)} are free"
        return Check(code, name, "problem", left, FREE_THEM)
    return Check(code, name, "fine", found)


def _existing(path: Path) -> Path:
    """The path, or what there is of it."""
    return next(each for each in (path.absolute(), *path.absolute().parents) if each.exists())
