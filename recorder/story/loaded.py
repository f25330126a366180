"""How much a page's visit has loaded, written into the rows that tell of it: when it settles, and when it is left."""

from __future__ import annotations

from recorder.story.state import Row, Visit


def count_traffic(row: Row, visit: Visit) -> bool:
    """How much it is so far; whether the row did not know."""
    told = {"requests": visit.requests, "bytes": visit.bytes}
    if not visit.requests or told.items() <= row.data.items():
        return False
    row.data |= told
    return True


def tell_traffic(row: Row, visit: Visit) -> None:
    """The same in the row of its requests."""
    row.data |= {"requests": visit.requests, "bytes": visit.bytes, "hosts": dict(visit.hosts)}
    if visit.failed:
        row.data["failed"] = visit.failed
