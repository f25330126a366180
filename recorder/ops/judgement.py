"""Do the streams still have what the tables were made of?"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from recorder.bus import Bus
from recorder.checkpoint import SENTENCES, Checkpoint, Verdict, judge


class Broken(Struct, frozen=True, kw_only=True):
    """A stream that does not. `verdict` is one of `checkpoint.Verdict`."""

    stream: str
    verdict: str
    message: str


async def broken_streams(bus: Bus, checkpoints: Mapping[str, Checkpoint]) -> tuple[Broken, ...]:
    """Those that were rolled back or made anew since the tables read them."""
    found = []
    for stream, checkpoint in checkpoints.items():
        verdict = judge(checkpoint, await bus.stream_facts(stream, checkpoint.position))
        if not verdict.may_consume:
            found.append(_broken(stream, verdict))
    return tuple(found)


def _broken(stream: str, verdict: Verdict) -> Broken:
    return Broken(stream=stream, verdict=verdict.value, message=SENTENCES[verdict])
