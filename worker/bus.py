"""The worker's only door to NATS: publishing, requests it answers, its heartbeat and its claims."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import msgspec
import structlog
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.client import JetStreamContext
from nats.js.errors import (
    BucketNotFoundError,
    KeyNotFoundError,
    KeyWrongLastSequenceError,
    NoKeysError,
    NotFoundError,
)
from nats.js.kv import KV_OP, KeyValue

from schemas import subjects
from schemas.codec import EventUnreadable, decode_event, encode
from schemas.envelope import CONTENT_TYPE, Event
from schemas.problems import CannotStart, ServerError
from schemas.requests import Answer, Claim, Heartbeat, Refused
from schemas.streams import refuse_newer
from worker.publisher import LinkDown, Lost, Message, Take

log = structlog.get_logger(__name__)

CONNECT_SECONDS = 30
UNREGISTER_SECONDS = 1
PING_SECONDS = 10
# Room for what is sent while a broken connection is not noticed yet; beyond it the outbox keeps everything anyway.
LINK_SECONDS = 5
CLOSE_SECONDS = 1
PENDING_BYTES = 16 * 1024 * 1024
HEADERS_BYTES = 512  # more than ours ever take
NO_MESSAGE_FOUND = 10037

_claim = msgspec.json.Decoder(Claim)
_HEAD = f"NATS/1.0\r\nNats-Msg-Id: %s\r\nContent-Type: {CONTENT_TYPE}\r\n%s\r\n".encode()
_BATCH = b"Nats-Batch-Id: %s\r\nNats-Batch-Sequence: %d\r\n"
_COMMIT = b"Nats-Batch-Commit: 1\r\n"


class Stored(Struct, frozen=True, kw_only=True):
    """What the stream has of a worker in a run: how many events, and the newest, at its position."""

    newest: Event
    position: int
    count: int

    @property
    def is_whole(self) -> bool:
        """Whether all up to the newest are there. Of a stream that lost some, or has some twice, that is not said."""
        return self.count == self.newest.number


class Bus:
    """A connection to NATS that is made anew whenever it breaks."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._jetstream: JetStreamContext = client.jetstream()
        self._buckets: dict[str, KeyValue] = {}
        self._replies: set[asyncio.Task[None]] = set()
        self.reconnected = asyncio.Event()

    @classmethod
    async def connect(cls, url: str, name: str) -> Bus:
        """Connect, for as long as it takes within limits; raises CannotStart."""
        bus = cls(Client())
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await bus._connect(url, name)
        except (NatsError, OSError, TimeoutError) as error:
            raise CannotStart(
                f"NATS does not answer at {_without_password(url)} ({type(error).__name__}).",
                "Start it, or correct RUNREEL_NATS_URL.",
            ) from error
        return bus

    async def _connect(self, url: str, name: str) -> None:
        async def on_reconnect() -> None:
            log.info("nats.reconnected")
            self.reconnected.set()

        await self._client.connect(
            url,
            name=name,
            # The first connection too is tried for ever; how long is for the caller to say.
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,  # type: ignore[arg-type]  # they say int, and only sleep so long
            ping_interval=PING_SECONDS,
            max_outstanding_pings=2,
            pending_size=PENDING_BYTES,
            error_cb=_on_error,
            disconnected_cb=_on_disconnect,
            reconnected_cb=on_reconnect,
        )

    async def close(self) -> None:
        """Close the connection."""
        await _close(self._client)

    # requests

    async def answer(
        self, subject: str, handle: Callable[[bytes], Awaitable[Answer]]
    ) -> Subscription:
        """Answer requests on a subject with what `handle` returns, several at a time."""

        async def reply(message: Msg) -> None:
            try:
                answer: Answer = await handle(message.data)
            except Exception:  # whoever asked must hear of any failure, and the next may ask again
                log.exception("request.failed", subject=subject)
                answer = Refused(
                    code=ServerError.code, message="The worker failed; its log says why."
                )
            with contextlib.suppress(NatsError):  # whoever asked reads the run's log instead
                await message.respond(encode(answer))

        async def take(message: Msg) -> None:
            task = asyncio.get_running_loop().create_task(reply(message))
            self._replies.add(task)
            task.add_done_callback(self._replies.discard)

        return await self._client.subscribe(subject, cb=take)

    # heartbeat and claims

    async def beat(self, heartbeat: Heartbeat) -> int:
        """Show that this worker is alive, and what it has room for; the beat's revision. Raises LinkDown."""
        with _as_link_down():
            bucket = await self._bucket(subjects.WORKERS_BUCKET)
            return await bucket.put(heartbeat.worker_id, encode(heartbeat))

    async def beat_stored_at(self, revision: int) -> int | None:
        """When a beat was stored, by the stream's clock, in ns since 1970; None when it is gone. Raises LinkDown."""
        with _as_link_down():
            try:
                message = await self._jetstream.get_msg(
                    f"KV_{subjects.WORKERS_BUCKET}", seq=revision
                )
            except NotFoundError:
                return None
        return round(message.time.timestamp() * 1e6) * 1000 if message.time else None

    async def unregister(self, worker_id: str) -> None:
        """Take back the heartbeat: no new runtimes, please."""
        with contextlib.suppress(LinkDown), _as_link_down():  # it expires by itself
            async with asyncio.timeout(UNREGISTER_SECONDS):
                await (await self._bucket(subjects.WORKERS_BUCKET)).delete(worker_id)

    async def claim(self, runtime_id: str, claim: Claim) -> Claim | None:
        """Take a runtime; the claim that stands in the way, or None when it is ours now. Raises LinkDown."""
        with _as_link_down():
            bucket = await self._bucket(subjects.CLAIMS_BUCKET)
            while not await _create(bucket, runtime_id, encode(claim)):
                standing = await _find_claim(bucket, runtime_id)
                if standing is not None:  # else it was released in between
                    return standing
        return None

    async def release(self, runtime_id: str, run_id: str) -> None:
        """Give a runtime back when it is still claimed for that run. Raises LinkDown."""
        with _as_link_down():
            bucket = await self._bucket(subjects.CLAIMS_BUCKET)
            with contextlib.suppress(
                KeyNotFoundError, KeyWrongLastSequenceError
            ):  # not ours any more
                await _release(bucket, runtime_id, run_id)

    async def claims_of(self, worker_id: str) -> dict[str, Claim]:
        """What this worker held when it was here last, by runtime id. Raises LinkDown."""
        with _as_link_down():
            bucket = await self._bucket(subjects.CLAIMS_BUCKET)
            claims = {key: await _find_claim(bucket, key) for key in await _keys(bucket)}
        return {
            key: claim for key, claim in claims.items() if claim and claim.worker_id == worker_id
        }

    async def is_claimed_for(self, runtime_id: str, run_id: str) -> bool:
        """Whether a run still holds its runtime; one whose claim cannot be read does. Raises LinkDown.

        Asked of the bucket's leader: any other replica may not know of a claim that was made a moment ago.
        """
        bucket = subjects.CLAIMS_BUCKET
        with _as_link_down():
            try:
                message = await self._jetstream.get_last_msg(
                    f"KV_{bucket}", f"$KV.{bucket}.{runtime_id}"
                )
            except NotFoundError as error:
                if error.err_code != NO_MESSAGE_FOUND:
                    raise
                return False
        if message.headers and KV_OP in message.headers:
            return False
        return _is_for(message.data or b"", run_id)

    async def stored_of(self, run_id: str, worker_id: str) -> Stored | None:
        """What the stream has of a worker in a run, None for nothing that can be read. Raises LinkDown."""
        theirs = subjects.run_events_of(run_id, worker_id)
        with _as_link_down():
            try:
                message = await self._jetstream.get_last_msg(subjects.RUNS, theirs)
                newest = decode_event(message.data or b"")
            except (NotFoundError, EventUnreadable):
                return None
            info = await self._jetstream.stream_info(subjects.RUNS, subjects_filter=theirs)
        count = sum((info.state.subjects or {}).values())
        return Stored(newest=newest, position=int(message.seq or 0), count=count)

    async def _bucket(self, name: str) -> KeyValue:
        """Raises CannotStart where it is of a later version."""
        if name not in self._buckets:
            try:
                bucket = await self._jetstream.key_value(name)
                status = await bucket.status()
                refuse_newer(f"The bucket {name}", status.stream_info.config.metadata)
                self._buckets[name] = bucket
            except BucketNotFoundError as error:
                raise LinkDown(f"the bucket {name} is not there; a recorder makes it") from error
        return self._buckets[name]


async def _close(client: Client) -> None:
    """Whatever the connection has come to. One that broke just now says so as uvloop does, by a RuntimeError."""
    with contextlib.suppress(LinkDown, RuntimeError), _as_link_down():
        async with asyncio.timeout(CLOSE_SECONDS):  # a peer that stands still takes nothing
            await client.close()


@contextlib.contextmanager
def _as_link_down() -> Iterator[None]:
    try:
        yield
    except (NatsError, TimeoutError, OSError) as error:
        raise LinkDown(f"{type(error).__name__}: {error}".rstrip(": ")) from error


async def _create(bucket: KeyValue, key: str, value: bytes) -> bool:
    try:
        await bucket.create(key, value)
    except KeyWrongLastSequenceError:
        return False
    return True


async def _find_claim(bucket: KeyValue, runtime_id: str) -> Claim | None:
    try:
        entry = await bucket.get(runtime_id)
        return _claim.decode(entry.value or b"")
    except KeyNotFoundError:
        return None
    except msgspec.MsgspecError as error:  # somebody else's; it must not keep us from starting
        log.error("claim.unreadable", runtime_id=runtime_id, reason=str(error))
        return None


def _is_for(value: bytes, run_id: str) -> bool:
    try:
        return _claim.decode(value).run_id == run_id
    except msgspec.MsgspecError as error:
        log.error("claim.unreadable", run_id=run_id, reason=str(error))
        return True


async def _release(bucket: KeyValue, runtime_id: str, run_id: str) -> None:
    entry = await bucket.get(runtime_id)
    if _claim.decode(entry.value or b"").run_id == run_id:
        await bucket.delete(runtime_id, last=entry.revision)


async def _keys(bucket: KeyValue) -> list[str]:
    try:
        return await bucket.keys()
    except NoKeysError:
        return []


class PublishLink:
    """A `publisher.Link`: connections for publishing alone, each given up for good when it breaks."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._client: Client | None = None
        self._inbox = ""

    async def open(self, take: Take, lost: Lost) -> None:
        """Connect anew. Raises LinkDown."""

        async def on_answer(message: Msg) -> None:
            take(message.subject.rpartition(".")[2], message.data)

        async def on_closed() -> None:
            lost("NATS is away")

        async def on_error(error: Exception) -> None:
            await _on_error(error)
            if "permissions violation" in str(error).lower():  # that is all there is of an answer
                lost(str(error))

        with _as_link_down():
            async with asyncio.timeout(LINK_SECONDS):
                self._client = Client()  # known before it is connected, so that `close` finds it
                await self._client.connect(
                    self._url,
                    name=self._name,
                    allow_reconnect=False,
                    ping_interval=PING_SECONDS,
                    max_outstanding_pings=2,
                    pending_size=PENDING_BYTES,
                    error_cb=on_error,
                    closed_cb=on_closed,
                )
                self._inbox = self._client.new_inbox()
                await self._client.subscribe(f"{self._inbox}.*", cb=on_answer)
                await (
                    self._client.flush()
                )  # what is published goes another way, and must not overtake

    def publish(self, messages: Sequence[Message], token: str) -> None:
        """Send one message, or several as an atomic batch, to be answered under the token. Raises LinkDown.

        It is written to the socket at once: `Client.publish` would leave that to a task, a turn of the loop later.
        """
        client = self._client
        if client is None or not client.is_connected or client._transport is None:
            raise LinkDown("NATS is away")
        with _as_link_down():
            client._transport.write(b"".join(_commands(messages, f"{self._inbox}.{token}")))

    @property
    def largest_bytes(self) -> int:
        """The longest event with its subject that this server surely takes. Raises LinkDown."""
        if self._client is None:
            raise LinkDown("NATS is away")
        return self._client.max_payload - HEADERS_BYTES

    async def close(self) -> None:
        """Close the connection without sending what it held back."""
        client, self._client = self._client, None
        if client is not None:
            await _close(client)


def _commands(messages: Sequence[Message], reply: str) -> Iterator[bytes]:
    """One message, or an atomic batch (NATS ADR-50) whose last message commits it; only that one is answered."""
    if len(messages) == 1:
        yield _hpub(messages[0], reply, b"")
        return
    batch_id = reply.partition(".")[2].encode()
    for number, message in enumerate(messages, 1):
        headers = _BATCH % (batch_id, number)
        last = number == len(messages)
        yield _hpub(message, reply if last else "", headers + _COMMIT if last else headers)


def _hpub(message: Message, reply: str, headers: bytes) -> bytes:
    subject, event_id, event = message
    head = _HEAD % (event_id.encode(), headers)
    command = f"HPUB {subject} {reply} {len(head)} {len(head) + len(event)}\r\n"
    return b"%s%s%s\r\n" % (command.encode(), head, event)


def _without_password(url: str) -> str:
    return url.rpartition("@")[2] or url


async def _on_error(error: Exception) -> None:
    log.warning("nats.error", error=f"{type(error).__name__}: {error}")


async def _on_disconnect(*_: Any) -> None:
    log.warning("nats.disconnected")
