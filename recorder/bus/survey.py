"""Looks at streams, consumers and buckets, for operators. Changes nothing, and gives up soon."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field
from nats.aio.client import Client
from nats.js import api

from recorder.bus.arrivals import UNREADABLE
from recorder.bus.buckets import PROBE
from recorder.bus.configs import differences, stream_config
from recorder.bus.connection import connected
from recorder.bus.errors import StreamUnreachable, reaching
from recorder.checkpoint import StreamFacts
from schemas.nats_users import NatsAddress
from schemas.requests import Claim, Heartbeat
from schemas.streams import CLAIMS, WORKERS, Stream

SECONDS = 5.0
NOT_FOUND = (10014, 10037, 10059)  # no such consumer, message, stream
MESSAGE_ID = b"nats-msg-id"

T = TypeVar("T")


class _State(Struct, kw_only=True):
    messages: int
    size_bytes: int = field(name="bytes")
    first_seq: int
    last_seq: int
    first_ts: datetime
    last_ts: datetime
    consumer_count: int = 0


class _Stream(Struct):
    created: datetime
    ts: datetime
    config: dict[str, Any]
    state: _State


class StreamFound(Struct, frozen=True, kw_only=True):
    """A stream as the server has it now; times are the server's. `differences`: field, wanted, found."""

    epoch: int
    messages: int
    size_bytes: int
    first: int
    last: int
    first_at: datetime
    last_at: datetime
    max_bytes: int
    max_age_seconds: float
    duplicate_window_seconds: float
    now: datetime
    differences: tuple[tuple[str, Any, Any], ...]


class ClockReading(Struct, frozen=True):
    """The server's clock, read between two moments of ours (ns since 1970, and how long it took)."""

    sent_ns: int
    theirs_ns: int
    round_trip_ns: int


class _Sequences(Struct):
    stream_seq: int = 0


class ConsumerFound(Struct, frozen=True):
    """A consumer of a stream. `num_pending` messages were not delivered to it yet."""

    name: str
    config: dict[str, Any]
    num_pending: int = 0
    num_ack_pending: int = 0
    num_waiting: int = 0
    ack_floor: _Sequences = field(default_factory=_Sequences)

    @property
    def is_durable(self) -> bool:
        """Whether it stays when nobody asks."""
        return bool(self.config.get("durable_name"))


class _Limits(Struct):
    max_storage: int = -1


class Account(Struct, frozen=True):
    """What our account has stored and reserved on disk, in bytes; `limits.max_storage` -1: no limit."""

    storage: int = 0
    reserved_storage: int = 0
    limits: _Limits = field(default_factory=_Limits)


class KeyFound(Struct, frozen=True):
    """A key of a bucket with its value; `age_seconds` by the server's clock."""

    key: str
    value: bytes
    age_seconds: float


class Survey:
    """One look around, over a connection of its own. Raises StreamUnreachable."""

    def __init__(self, client: Client) -> None:
        self._client = client

    @property
    def server_version(self) -> str:
        """Such as `2.15.1`."""
        version = self._client.connected_server_version
        return f"{version.major}.{version.minor}.{version.patch}"

    @property
    def max_payload(self) -> int:
        """The longest message that the server takes, in bytes."""
        return int(self._client.max_payload)

    async def find_stream(self, stream: Stream, replicas: int) -> StreamFound | None:
        """A stream beside what it should be; None where it is not."""
        found = await self._find(f"STREAM.INFO.{stream.name}", {}, _Stream)
        if found is None:
            return None
        config = api.StreamConfig.from_response(dict(found.config))
        state = found.state
        return StreamFound(
            epoch=round(found.created.timestamp() * 1000),
            messages=state.messages,
            size_bytes=state.size_bytes,
            first=state.first_seq,
            last=state.last_seq,
            first_at=state.first_ts,
            last_at=state.last_ts,
            max_bytes=config.max_bytes or -1,
            max_age_seconds=config.max_age or 0,
            duplicate_window_seconds=config.duplicate_window,
            now=found.ts,
            differences=tuple(differences(stream_config(stream, replicas), config)),
        )

    async def clock(self, stream: str) -> ClockReading | None:
        """The clock of the server that leads a stream; None where there is no such stream."""
        sent_ns, begun_ns = time.time_ns(), time.monotonic_ns()
        found = await self._find(f"STREAM.INFO.{stream}", {}, _Stream)
        took_ns = time.monotonic_ns() - begun_ns
        if found is None:
            return None
        return ClockReading(sent_ns, round(found.ts.timestamp() * 1e9), took_ns)

    async def facts(self, found: StreamFound, stream: str, position: int) -> StreamFacts:
        """What a checkpoint at `position` is judged by."""
        subject, wish = f"STREAM.MSG.GET.{stream}", {"seq": position}
        message = await self._find(subject, wish, _Got) if position else None
        return StreamFacts(
            epoch=found.epoch,
            first=found.first,
            last=found.last,
            message_id=_message_id(message.message.hdrs) if message else None,
        )

    async def find_time_after(self, stream: str, position: int) -> datetime | None:
        """When the first message after a position was stored; None where none is."""
        wish = {"seq": position + 1, "next_by_subj": ">"}
        found = await self._find(f"STREAM.MSG.GET.{stream}", wish, _Got)
        return found.message.time if found else None

    async def consumers(self, stream: str) -> list[ConsumerFound]:
        """All of a stream's consumers."""
        consumers: list[ConsumerFound] = []
        while True:
            page = await self._find(
                f"CONSUMER.LIST.{stream}", {"offset": len(consumers)}, _ConsumerPage
            )
            consumers += page.consumers if page else []
            if page is None or not page.consumers or len(consumers) >= page.total:
                return sorted(consumers, key=lambda consumer: consumer.name)

    async def account(self) -> Account:
        """What is stored and reserved."""
        return await self._find("INFO", {}, Account) or Account()

    async def heartbeats(self) -> list[tuple[str, float, Heartbeat | None]]:
        """Each worker, how many seconds ago it beat, and its heartbeat; None: it cannot be read."""
        keys = await self._keys(WORKERS.name)
        return [
            (found.key, found.age_seconds, _read(found, Heartbeat))
            for found in keys
            if not found.key.startswith(PROBE)
        ]

    async def claims(self) -> list[tuple[str, Claim | None]]:
        """Each claimed runtime, and who says that he runs it; None: it cannot be read."""
        keys = await self._keys(CLAIMS.name)
        return [(found.key, _read(found, Claim)) for found in keys]

    async def _keys(self, bucket: str) -> list[KeyFound]:
        """All keys of a bucket that are there now."""
        stream = f"KV_{bucket}"
        wish = {"subjects_filter": f"$KV.{bucket}.>"}
        page = await self._find(f"STREAM.INFO.{stream}", wish, _Subjects)
        if page is None:
            return []
        found = []
        for subject in sorted(page.state.subjects):
            wish = {"last_by_subj": subject}
            got = await self._find(f"STREAM.MSG.GET.{stream}", wish, _Got)
            if got and b"kv-operation" not in got.message.hdrs.lower():
                age = (page.ts - got.message.time).total_seconds()
                key = subject.removeprefix(f"$KV.{bucket}.")
                found.append(KeyFound(key, got.message.data, max(0.0, age)))
        return found

    async def _find(self, subject: str, wish: dict[str, Any], kind: type[T]) -> T | None:
        """An answer of JetStream's API; None where it knows no such thing."""
        with reaching():
            message = await self._client.request(
                f"$JS.API.{subject}", msgspec.json.encode(wish) if wish else b"", timeout=SECONDS
            )
        try:
            error = msgspec.json.decode(message.data, type=_Answer).error
            if error is None:
                return msgspec.json.decode(message.data, type=kind)
        except UNREADABLE as strange:
            raise StreamUnreachable(f"{subject} was answered strangely: {strange}") from strange
        if error.err_code in NOT_FOUND:
            return None
        raise StreamUnreachable(f"{subject}: {error.description}")


class _Error(Struct):
    description: str = ""
    err_code: int = 0


class _Answer(Struct):
    error: _Error | None = None


class _ConsumerPage(Struct):
    total: int
    consumers: list[ConsumerFound]


class _Message(Struct):
    time: datetime
    hdrs: bytes = b""
    data: bytes = b""


class _Got(Struct):
    message: _Message


class _SubjectsState(Struct):
    subjects: dict[str, int] = {}


class _Subjects(Struct):
    ts: datetime
    state: _SubjectsState


@asynccontextmanager
async def survey(
    nats: NatsAddress | str, name: str, *, seconds: float = SECONDS
) -> AsyncIterator[Survey]:
    """A look around. Raises CannotReach when nobody answers within so many seconds."""
    async with connected(nats, name, seconds=seconds) as client:
        yield Survey(client)


def _read(found: KeyFound, kind: type[T]) -> T | None:
    try:
        return msgspec.json.decode(found.value, type=kind)
    except UNREADABLE:
        return None


def _message_id(headers: bytes) -> str:
    for line in headers.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == MESSAGE_ID:
            return value.strip().decode(errors="replace")
    return ""
