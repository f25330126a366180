"""What one may ask a running recorder, and what it answers. A line of JSON each.

{"ask":"state"}                                    → {"answer":"state","pid":4711,…}
{"ask":"nonsense"}                                 → {"answer":"refused","code":"request.invalid",…}
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from recorder.parking import Culprit
from recorder.search.indexing import IndexState

MOST_REQUEST_BYTES = 64 * 1024
MOST_ANSWER_BYTES = 16 * 1024 * 1024


class State(Struct, frozen=True, rename="camel", tag_field="ask", tag="state"):
    """How is it? Answered with `RecorderState`."""


class RetryParked(Struct, frozen=True, kw_only=True, rename="camel", tag_field="ask", tag="retry"):
    """Go on with an owner's parked messages. Answered with `WentOn`."""

    owner: str


class SkipParked(Struct, frozen=True, kw_only=True, rename="camel", tag_field="ask", tag="skip"):
    """Take a message of the quarantine as one that nobody understands, and go on. `WentOn`."""

    stream: str
    epoch: int
    position: int


class Adopt(Struct, frozen=True, kw_only=True, rename="camel", tag_field="ask", tag="adopt"):
    """Take this file, made anew beside the database, as the database. Answered with `Adopted`.

    Before, it is completed by what the tables have beyond it of these streams.
    """

    file: str
    streams: tuple[str, ...]


class GiveUp(Struct, frozen=True, kw_only=True, rename="camel", tag_field="ask", tag="giveUp"):
    """End the runs of a host that is gone for good. Answered with `GivenUp`.

    With `dry_run` only say which.
    """

    worker_id: str
    dry_run: bool = False


Request = State | RetryParked | SkipParked | Adopt | GiveUp


class ConsumerState(Struct, frozen=True, kw_only=True, rename="camel"):
    """How far one stream is read. `lag` counts messages, None before the first one is known; `never_read`
    those that the stream dropped by age before this process came to them.
    """

    stream: str
    state: Literal["starting", "following", "reconnecting", "rolled_back", "made_anew"]
    position: int
    lag: int | None
    failing_seconds: float
    never_read: int = 0


class RecorderState(
    Struct, frozen=True, kw_only=True, rename="camel", tag_field="answer", tag="state"
):
    """What only the process itself knows. `hosts` are the workers that it takes for alive.

    `alarms` are sentences, each about something that it leaves to a person.
    """

    pid: int
    recorder_id: str
    nats_connected: bool
    consumers: tuple[ConsumerState, ...]
    hosts: tuple[str, ...]
    alarms: tuple[str, ...] = ()
    search: IndexState | None = None


class Refused(Struct, frozen=True, kw_only=True, rename="camel", tag_field="answer", tag="refused"):
    """It was not done: why, and what to do instead."""

    code: str
    message: str
    hint: str = ""


class WentOn(Struct, frozen=True, kw_only=True, rename="camel", tag_field="answer", tag="wentOn"):
    """An owner's parked messages went on; with `stopped_by` it is still parked, at these."""

    owner: str
    messages: int
    stopped_by: tuple[Culprit, ...] = ()


class Adopted(Struct, frozen=True, kw_only=True, rename="camel", tag_field="answer", tag="adopted"):
    """It goes on with the file. `brought` is how many messages had been committed while it was made.

    `paused_seconds`: for so long nothing was committed; readers waited for a part of it.
    """

    brought: int
    paused_seconds: float


class GivenUp(Struct, frozen=True, kw_only=True, rename="camel", tag_field="answer", tag="givenUp"):
    """The ids of the runs that were ended, or with a dry run would be."""

    runs: tuple[str, ...]


Answer = RecorderState | Adopted | WentOn | GivenUp | Refused
