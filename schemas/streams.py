"""The two streams and the buckets, as data: recorders and workers create or check them from here.

Each carries the version of its format in its metadata; one without is of version 1. Bodies of events have versions
of their own: this one is raised when an older program would misread what a newer one does, such as other subjects.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from . import subjects
from .problems import CannotStart

FORMAT = 1
FORMAT_KEY = "runreel-format"
METADATA = {FORMAT_KEY: str(FORMAT)}
DAY_SECONDS = 24 * 3600
GIB = 1024**3


class Stream(Struct, frozen=True, kw_only=True):
    """What a stream must be. `max_age_seconds` 0 keeps for ever; `max_bytes` is reserved on the server's disk."""

    name: str
    subjects: tuple[str, ...]
    max_age_seconds: int
    max_bytes: int
    duplicate_window_seconds: int = 120
    max_message_bytes: int = 1024 * 1024


class Bucket(Struct, frozen=True, kw_only=True):
    """A key-value bucket. `ttl_seconds` 0: keys stay until removed."""

    name: str
    ttl_seconds: int = 0
    max_bytes: int = 64 * 1024 * 1024


def runs_stream(*, max_age_days: int, max_bytes: int) -> Stream:
    """The stream of what browsers did."""
    return Stream(
        name=subjects.RUNS,
        subjects=(subjects.ALL_RUNS,),
        max_age_seconds=max_age_days * DAY_SECONDS,
        max_bytes=max_bytes,
    )


def control_stream(*, max_bytes: int) -> Stream:
    """The stream of what was set up; kept for ever."""
    return Stream(
        name=subjects.CONTROL,
        subjects=(subjects.ALL_CONTROL,),
        max_age_seconds=0,
        max_bytes=max_bytes,
    )


# The TTL only tidies up after hosts that are gone for good; who is lost is judged elsewhere.
WORKERS = Bucket(name=subjects.WORKERS_BUCKET, ttl_seconds=30)
CLAIMS = Bucket(name=subjects.CLAIMS_BUCKET)
# What was asked with an Idempotency-Key, and what it came to: some 540 bytes an invocation, so 23 a second all day.
IDEMPOTENCY = Bucket(name=subjects.IDEMPOTENCY_BUCKET, ttl_seconds=DAY_SECONDS, max_bytes=GIB)
PROFILES = Bucket(name=subjects.PROFILES_BUCKET)
# A key of the bucket for each API key that opens nothing any more, for workers, who read no table.
REVOKED_KEYS = Bucket(name=subjects.REVOKED_KEYS_BUCKET)
# When each API key was used last, to the minute, by whichever recorder; a time (RFC 3339).
KEY_USES = Bucket(name=subjects.KEY_USES_BUCKET)
BUCKETS = (WORKERS, CLAIMS, IDEMPOTENCY, PROFILES, REVOKED_KEYS, KEY_USES)


def refuse_newer(name: str, metadata: Mapping[str, str] | None) -> None:
    """Raise CannotStart if a stream or bucket is of a later version, or of one that cannot be read."""
    found = (metadata or {}).get(FORMAT_KEY, "1")
    if not (found.isdecimal() and int(found) <= FORMAT):
        raise CannotStart(
            f"{name} on the NATS server is of format {found[:40]}; this program knows up to {FORMAT}.",
            "Use the Runreel that made it, or a newer one.",
        )
