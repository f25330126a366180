"""What comes to a pull's inbox, and what stands in the buckets of heartbeats and claims."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import structlog
from msgspec import Struct
from nats.aio.msg import Msg
from nats.js import api
from nats.js.kv import KeyValue

from schemas.requests import Claim, Heartbeat

log = structlog.get_logger()

MESSAGE_ID = "Nats-Msg-Id"
# What decoding raises: text that is not UTF-8 is a ValueError, and nesting has no end.
UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError)


class Delivery(Struct, frozen=True, kw_only=True, gc=False):
    """A message a pull brought. `number` counts the consumer's deliveries; `pending` is the lag."""

    subject: str
    body: bytes
    message_id: str
    position: int
    number: int
    pending: int
    reply: str


class Notice(Struct, frozen=True, kw_only=True):
    """A status a pull brought: a heartbeat (100), a request's end (408, 409) or an error.

    `undelivered` is how many messages the ended request still could have brought, None where the
    server says nothing of it.
    """

    status: int
    text: str
    undelivered: int | None


Arrival = Callable[[Delivery | Notice], None]


def arrival(message: Msg) -> Delivery | Notice:
    """A message of the server's to an inbox, in our words."""
    headers = message.headers or {}
    if "Status" in headers and not message.reply:
        undelivered = headers.get("Nats-Pending-Messages")
        return Notice(
            status=int(headers["Status"]),
            text=headers.get(api.Header.DESCRIPTION, ""),
            undelivered=int(undelivered) if undelivered else None,
        )
    # $JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<delivered>.<position>.<number>.<time>.<lag>
    tokens = message.reply.split(".")
    at = 5 if len(tokens) == 9 else 7
    return Delivery(
        subject=message.subject,
        body=message.data,
        message_id=headers.get(MESSAGE_ID, ""),
        position=int(tokens[at]),
        number=int(tokens[at + 1]),
        pending=int(tokens[at + 3]),
        reply=message.reply,
    )


class Beat(Struct, frozen=True, kw_only=True):
    """A worker's heartbeat; None: it has taken itself off.

    `fresh`: it came while we were watching. One that was there already may be of any age. `revision` is
    that of the key's value, another one with every beat.
    """

    worker_id: str
    heartbeat: Heartbeat | None
    fresh: bool
    revision: int


def beat(entry: KeyValue.Entry, *, fresh: bool) -> Beat | None:
    """What a key of the bucket says; None where it cannot be read, which is logged."""
    found = None
    if entry.value and not entry.operation:
        try:
            found = msgspec.json.decode(entry.value, type=Heartbeat)
        except UNREADABLE as error:
            log.warning("bus.heartbeat_unreadable", worker=entry.key, reason=str(error))
            return None
    return Beat(
        worker_id=entry.key, heartbeat=found, fresh=fresh, revision=int(entry.revision or 0)
    )


def claim(runtime_id: str, value: bytes) -> Claim | None:
    """Who a key of the bucket says has a runtime; None where it cannot be read, which is logged."""
    try:
        found: Claim = msgspec.json.decode(value, type=Claim)
    except UNREADABLE as error:
        log.warning("bus.claim_unreadable", runtime=runtime_id, reason=str(error))
        return None
    return found
