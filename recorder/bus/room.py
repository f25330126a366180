"""How full a stream is, and who has read how much of it."""

from __future__ import annotations

from msgspec import Struct
from nats.js import JetStreamContext, api

CONSUMERS_AT_ONCE = 256  # what the server answers with at most


class Room(Struct, frozen=True, kw_only=True):
    """`epoch` is the stream's creation in ms since 1970; `max_bytes` and `max_age_seconds` are 0 or less where
    there is no such limit.

    `ack_floors`: up to where each durable consumer has acknowledged everything that is for it, by name.
    """

    epoch: int
    first: int
    messages: int
    bytes: int
    max_bytes: int
    max_age_seconds: float
    ack_floors: dict[str, int]


async def room_of(js: JetStreamContext, stream: str) -> Room:
    """The stream as it is now."""
    info = await js.stream_info(stream)
    assert info.created is not None  # every server there is tells it
    return Room(
        epoch=round(info.created.timestamp() * 1000),
        first=info.state.first_seq,
        messages=info.state.messages,
        bytes=info.state.bytes,
        max_bytes=info.config.max_bytes or 0,
        max_age_seconds=info.config.max_age or 0,
        ack_floors={
            str(each.config.durable_name): _floor(each, info.state.last_seq)
            for each in await _consumers(js, stream)
            if each.config.durable_name
        },
    )


def _floor(consumer: api.ConsumerInfo, last: int) -> int:
    """One that filters may have nothing left to read, and have acknowledged nothing for long."""
    if not (consumer.num_pending or consumer.num_ack_pending):
        return last
    return consumer.ack_floor.stream_seq if consumer.ack_floor else 0


async def _consumers(js: JetStreamContext, stream: str) -> list[api.ConsumerInfo]:
    found = await js.consumers_info(stream)
    while len(found) % CONSUMERS_AT_ONCE == 0 and found:
        more = await js.consumers_info(stream, offset=len(found))
        if not more:
            break
        found += more
    return found
