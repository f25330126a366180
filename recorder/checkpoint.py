"""May this recorder go on where it stopped? A judgement on its checkpoint and on the stream. Pure.

After `ROLLED_BACK` or `MADE_ANEW` this recorder may hold the only copy of what the stream lost, so
nothing is repaired by itself: it keeps serving, says so, and waits for an operator.
"""

from __future__ import annotations

from enum import Enum

from msgspec import Struct


class Checkpoint(Struct, frozen=True, kw_only=True):
    """How far one stream is in the tables. `message_id` is that of the message at `position`."""

    stream: str
    epoch: int
    position: int
    message_id: str


class StreamFacts(Struct, frozen=True, kw_only=True):
    """What the server says of a stream.

    `epoch` is its creation in ms since 1970. `message_id` is the id of the message at the
    checkpoint's position, None where there is no such message.
    """

    epoch: int
    first: int
    last: int
    message_id: str | None


class Verdict(Enum):
    """What a checkpoint is worth."""

    RESUME = "resume"
    ROLLED_BACK = "rolled_back"
    MADE_ANEW = "made_anew"
    EXPIRED = "expired"
    ERASED = "erased"

    @property
    def may_consume(self) -> bool:
        """Whether to go on; if not, an operator must decide."""
        return self not in (Verdict.ROLLED_BACK, Verdict.MADE_ANEW)


SENTENCES = {
    Verdict.ROLLED_BACK: "The stream has lost messages that this recorder holds.",
    Verdict.MADE_ANEW: "The stream was deleted and made anew; this recorder holds the former one.",
    Verdict.EXPIRED: "The stream dropped messages, by age, that this recorder never read.",
    Verdict.ERASED: "The last message read was erased from the stream; reading goes on after it.",
}


def judge(checkpoint: Checkpoint | None, facts: StreamFacts) -> Verdict:
    """What to make of a checkpoint; without one, one begins at the stream's beginning."""
    if checkpoint is None:
        return Verdict.RESUME
    if checkpoint.epoch != facts.epoch:
        return Verdict.MADE_ANEW
    if facts.last < checkpoint.position:
        return Verdict.ROLLED_BACK
    if facts.message_id is not None:
        same = facts.message_id == checkpoint.message_id
        return Verdict.RESUME if same else Verdict.ROLLED_BACK
    # All there was up to the next message has aged out: nothing is lost while that one is the next.
    if facts.first == checkpoint.position + 1:
        return Verdict.RESUME
    return Verdict.EXPIRED if facts.first > checkpoint.position else Verdict.ERASED
