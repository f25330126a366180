"""How much of the disk the streams of `runreel up` may take. Pure.

NATS reserves a stream's `max_bytes` against `max_file_store` when it is created (error 10047 when
the sum does not fit), and answers publishers with silence when the disk is full: so both stay
well under what is free.
"""

from __future__ import annotations

from msgspec import Struct

from schemas.problems import CannotStart
from schemas.streams import BUCKETS

MIB = 1024**2
SHARE_OF_THE_DISK = 0.7
LEAST_RUNS_BYTES = 256 * MIB
LEAST_CONTROL_BYTES = 512 * MIB
MOST_CONTROL_BYTES = 2048 * MIB
LEAST_FREE_BYTES = 128 * MIB
BUCKET_BYTES = sum(each.max_bytes for each in BUCKETS)


class Store(Struct, frozen=True, kw_only=True):
    """What the NATS server may keep, in bytes. Kept in DIR/nats/limits.json: streams do not
    change size by themselves.
    """

    runs_max_bytes: int
    control_max_bytes: int

    @property
    def max_file_store(self) -> int:
        """The sum that the server must be able to reserve."""
        return self.runs_max_bytes + self.control_max_bytes + BUCKET_BYTES


def first_store(free_bytes: int, wanted: Store, *, insist: bool) -> Store:
    """The limits for a new data directory: as wanted, or with less where the disk is small.

    With `insist` the operator has set a size. Raises CannotStart when it does not fit.
    """
    budget = int(free_bytes * SHARE_OF_THE_DISK)
    if wanted.max_file_store <= budget:
        return wanted
    if insist:
        raise _too_small(free_bytes, wanted.max_file_store)
    left = budget - BUCKET_BYTES
    control_max_bytes = min(wanted.control_max_bytes, max(LEAST_CONTROL_BYTES, left // 5))
    left_for_runs = left - control_max_bytes
    if left_for_runs < LEAST_RUNS_BYTES:
        raise _too_small(free_bytes, LEAST_RUNS_BYTES + control_max_bytes + BUCKET_BYTES)
    return Store(
        runs_max_bytes=left_for_runs // MIB * MIB,
        control_max_bytes=control_max_bytes // MIB * MIB,
    )


def control_beside(runs_max_bytes: int) -> int:
    """Bytes for CONTROL where only the size of RUNS was set: a fourth of it, within limits."""
    return min(MOST_CONTROL_BYTES, max(LEAST_CONTROL_BYTES, runs_max_bytes // 4))


def _too_small(free_bytes: int, reserved_bytes: int) -> CannotStart:
    needed = int(reserved_bytes / SHARE_OF_THE_DISK)
    return CannotStart(
        f"The disk is too small: {size(free_bytes)} are free, {size(needed)} are needed.",
        "Free some space, name a directory on another disk with --data, "
        "or set RUNREEL_RUNS_MAX_BYTES and RUNREEL_CONTROL_MAX_BYTES.",
    )


def check_free(free_bytes: int) -> None:
    """Raises CannotStart when the disk of a data directory in use is as good as full."""
    if free_bytes < LEAST_FREE_BYTES:
        raise CannotStart(
            f"The disk is full: {size(free_bytes)} are free.",
            f"Free at least {size(LEAST_FREE_BYTES)}; NATS stores no event on a full disk.",
        )


def size(count: int) -> str:
    """Bytes for people: `870 MB`, `8.6 GB`."""
    gigabytes = count / 1000**3
    return f"{gigabytes:.1f} GB" if gigabytes >= 1 else f"{count / 1000**2:.0f} MB"
