"""Why a run ended: the code every terminal event carries. `stopped` is an end one asked for, `failed` any other."""

from __future__ import annotations

from msgspec import Struct


class End(Struct, frozen=True):
    """`status` is stopped or failed; `message` is a sentence for people."""

    status: str
    code: str
    message: str


REQUESTED = End("stopped", "runtime.stop_requested", "The runtime was stopped by request.")
HOST_DRAINED = End("stopped", "runtime.host_drained", "The worker host shut down.")
IDLE = End(
    "stopped", "runtime.idle_timeout", "Nobody was attached for as long as the runtime allows."
)
MAX_DURATION = End(
    "stopped", "runtime.max_duration", "The run has lasted as long as the runtime allows."
)
BROWSER_CRASHED = End("failed", "browser.crashed", "The browser process ended by itself.")
LAUNCH_FAILED = End("failed", "browser.launch_failed", "The browser could not be started.")
PROFILE_UNREADABLE = End(
    "failed", "profile.unreadable", "The runtime's profile could not be fetched or opened."
)
HOST_RESTARTED = End(
    "failed", "runtime.host_restarted", "The worker died and came back; its browser is gone."
)
HOST_LOST = End(
    "failed",
    "runtime.host_lost",
    "The worker host was out of reach for too long; the run was ended.",
)
SPOOL_FULL = End("failed", "runtime.spool_full", "The worker's disk took no more events.")

ENDS = {
    end.code: end
    for end in (
        REQUESTED,
        HOST_DRAINED,
        IDLE,
        MAX_DURATION,
        BROWSER_CRASHED,
        LAUNCH_FAILED,
        PROFILE_UNREADABLE,
        HOST_RESTARTED,
        HOST_LOST,
        SPOOL_FULL,
    )
}


def words_of(code: str, message: str) -> tuple[str, str]:
    """The code and the sentence of an end, also where it says neither."""
    known = ENDS.get(code)
    return code or "server.error", message or (known.message if known else "The run ended.")
