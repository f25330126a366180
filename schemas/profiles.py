"""What the `profiles` bucket says of each profile: where its last good state is, and which run has it."""

from __future__ import annotations

from msgspec import Struct


class ProfileHold(Struct, frozen=True, kw_only=True, rename="camel"):
    """A run that has the profile. It counts for as long as that run's claim stands in the `claims` bucket."""

    runtime_id: str
    run_id: str
    worker_id: str


class ProfileRecord(Struct, frozen=True, kw_only=True, rename="camel"):
    """The value under a profile's key. `generation` counts how often it was saved; `path` is in the artifact store.

    Every change is made under the revision that was read. So whoever takes the hold over shuts out who had it before,
    however late that one comes to save.
    """

    generation: int = 0
    path: str = ""
    size_bytes: int = 0
    saved_at: str = ""
    hold: ProfileHold | None = None
