"""How much the outbox may hold: its bound, what of it is kept for last events, and when it takes runs again. Pure."""

from __future__ import annotations

from msgspec import Struct

RESERVE_BYTES_A_PLACE = 64 * 1024
RESERVE_MARGIN_BYTES = 256 * 1024
# Full at the bound, and not full again before a quarter is free: runs must not be taken only to be ended at once.
FREE_SHARE = 0.25


def reserve_bytes(places: int, limit_bytes: int) -> int:
    """Enough for the last events of a run at every place, and never more than a quarter of all."""
    return min(places * RESERVE_BYTES_A_PLACE + RESERVE_MARGIN_BYTES, limit_bytes // 4)


class Room(Struct):
    """What is taken of the bound. `ceiling_bytes` is how far events may go now: nowhere while it is full."""

    bound_bytes: int
    ceiling_bytes: int
    used_bytes: int = 0

    @classmethod
    def of(cls, limit_bytes: int, reserve: int) -> Room:
        """All of it free."""
        return cls(limit_bytes - reserve, limit_bytes - reserve)

    @property
    def is_full(self) -> bool:
        """Whether nothing is taken for now."""
        return self.ceiling_bytes < 0

    def close(self) -> None:
        """Take nothing any more."""
        self.ceiling_bytes = -1

    def reopen(self) -> None:
        """Take events again."""
        self.ceiling_bytes = self.bound_bytes

    def may_reopen(self, disk_free_bytes: int, disk_bytes: int) -> bool:
        """Whether a quarter came free: of the bound, and on the disk that others fill too, where that is smaller."""
        below = self.used_bytes <= self.bound_bytes * (1 - FREE_SHARE)
        return below and disk_free_bytes >= min(self.bound_bytes, disk_bytes) * FREE_SHARE
