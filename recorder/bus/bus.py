"""What a recorder does over NATS: streams and buckets, consuming, facts, requests to workers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress

import msgspec
import nats.errors
import structlog
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api
from nats.js import errors as js_errors

from recorder.bus.again import Again, publish_again
from recorder.bus.arrivals import (
    MESSAGE_ID,
    UNREADABLE,
    Arrival,
    Beat,
    Delivery,
    arrival,
    beat,
    claim,
)
from recorder.bus.buckets import Cells, Claims, Keys, Texts
from recorder.bus.configs import (
    bucket_config,
    consumer_config,
    differences,
    reader_config,
    starting_at,
    stream_config,
)
from recorder.bus.errors import (
    DOWN,
    AnswerTimedOut,
    NobodyAnswered,
    StreamUnreachable,
    reaching,
    words,
)
from recorder.bus.publishing import Publishing
from recorder.bus.room import Room, room_of
from recorder.checkpoint import StreamFacts
from schemas import streams
from schemas.problems import RequestTooLarge, StorageUnavailable
from schemas.requests import Answer, Claim
from schemas.streams import METADATA, Bucket, Stream, refuse_newer

log = structlog.get_logger()

FIRST_SERVER_WITH_RESET = (2, 14)
API_SECONDS = 5.0
SILENT_WATCH_SECONDS = 20.0
NANOSECONDS = 1_000_000_000


class Bus:
    """A connection to NATS that comes back by itself."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._js: JetStreamContext = client.jetstream(timeout=API_SECONDS)
        self._on_reconnect: set[Callable[[], None]] = set()
        self.publishing = Publishing(client, self._js)
        self.keys = Keys(self._js)
        self.claims = Claims(client)
        self.idempotency = Cells(self._js, streams.IDEMPOTENCY.name)
        self.revoked_keys = Texts(client, self._js, streams.REVOKED_KEYS.name)
        self.key_uses = Texts(client, self._js, streams.KEY_USES.name)

    @property
    def is_connected(self) -> bool:
        """Whether the server can be reached now."""
        return bool(self._client.is_connected)

    def reconnected(self) -> None:
        """Tell all who asked that deliveries may have been lost."""
        for tell in tuple(self._on_reconnect):
            tell()

    @contextmanager
    def reconnects_told(self, tell: Callable[[], None]) -> Iterator[None]:
        """Call `tell` at each reconnect within the block."""
        self._on_reconnect.add(tell)
        try:
            yield
        finally:
            self._on_reconnect.discard(tell)

    # ── streams and buckets ──────────────────────────────────────────────────────────────────────

    async def ensure_stream(self, stream: Stream, replicas: int) -> None:
        """Create the stream, or check it: each difference is logged, none is changed. Raises CannotStart
        where it is of a later version.
        """
        wanted = stream_config(stream, replicas)
        with reaching():
            found = await self._find_or_create(wanted)
        refuse_newer(f"The stream {stream.name}", found.metadata)
        for field, wants, has in differences(wanted, found):
            log.warning("stream.differs", stream=stream.name, field=field, wanted=wants, found=has)

    async def _find_or_create(self, wanted: api.StreamConfig) -> api.StreamConfig:
        name = str(wanted.name)
        try:
            return (await self._js.stream_info(name)).config
        except js_errors.NotFoundError:
            with suppress(js_errors.BadRequestError):  # a worker was faster: then it is checked
                return (await self._js.add_stream(wanted)).config
        return (await self._js.stream_info(name)).config

    async def ensure_bucket(self, bucket: Bucket, replicas: int) -> None:
        """Create the bucket if it is not there. Raises CannotStart where it is of a later version."""
        with reaching():
            found = await self._find_or_create_bucket(bucket, replicas)
        refuse_newer(f"The bucket {bucket.name}", found.metadata)

    async def _find_or_create_bucket(self, bucket: Bucket, replicas: int) -> api.StreamConfig:
        name = f"KV_{bucket.name}"
        try:
            return (await self._js.stream_info(name)).config
        except js_errors.NotFoundError:
            with suppress(js_errors.BadRequestError):  # another was faster
                await self._js.create_key_value(bucket_config(bucket, replicas))
        made = (await self._js.stream_info(name)).config
        # nats-py makes buckets without metadata. Whoever dies here leaves one that counts as version 1.
        return (await self._js.update_stream(made.evolve(metadata=METADATA))).config

    async def stream_facts(self, stream: str, position: int) -> StreamFacts:
        """What the server says of a stream, and of its message at `position` (0: of none)."""
        with reaching():
            info = await self._js.stream_info(stream)
            message_id = await self._find_message_id(stream, position)
        assert info.created is not None  # every server there is tells it
        return StreamFacts(
            epoch=round(info.created.timestamp() * 1000),
            first=info.state.first_seq,
            last=info.state.last_seq,
            message_id=message_id,
        )

    async def room(self, stream: str) -> Room:
        """How full a stream is, and who has read how much of it. Raises StreamUnreachable."""
        with reaching():
            return await room_of(self._js, stream)

    async def purge(self, stream: str, before: int) -> None:
        """Remove all messages before a position. Raises StreamUnreachable."""
        with reaching():
            await self._js.purge_stream(stream, seq=before)

    async def _find_message_id(self, stream: str, position: int) -> str | None:
        if not position:
            return None
        try:
            message = await self._js.get_msg(stream, seq=position)
        except js_errors.NotFoundError:
            return None
        return str((message.headers or {}).get(MESSAGE_ID, ""))

    # ── consuming ────────────────────────────────────────────────────────────────────────────────

    async def place_consumer(self, stream: str, durable: str, start: int) -> None:
        """Have a durable consumer whose next message is the first at `start` or after it."""
        config = consumer_config(durable)
        with reaching():
            if server_version(self._client) < FIRST_SERVER_WITH_RESET:
                await self._replace(stream, starting_at(config, start))
            else:
                await self._create_consumer(stream, config)
                await self._js.reset_consumer(stream, durable, start)

    async def _create_consumer(self, stream: str, config: api.ConsumerConfig) -> None:
        try:
            await self._js.add_consumer(stream, config)
        except js_errors.BadRequestError:  # one of another shape has that name
            await self._replace(stream, config)

    async def _replace(self, stream: str, config: api.ConsumerConfig) -> None:
        with suppress(js_errors.NotFoundError):
            await self._js.delete_consumer(stream, str(config.durable_name))
        await self._js.add_consumer(stream, config)

    @asynccontextmanager
    async def reader(self, stream: str, start: int) -> AsyncIterator[str]:
        """The name of a consumer for this block only, from `start` on; nothing is acknowledged to it."""
        config = reader_config(start)
        with reaching():
            info = await self._js.add_consumer(stream, config)
        try:
            yield info.name
        finally:
            with suppress(
                *DOWN
            ):  # else it goes by itself, for nobody asks it for messages any more
                await self._js.delete_consumer(stream, info.name)

    @asynccontextmanager
    async def inbox(self, arrived: Arrival, lost: Callable[[], None]) -> AsyncIterator[str]:
        """A subject to have messages sent to; `lost` is called when some may have gone missing."""

        async def on_message(message: Msg) -> None:
            arrived(arrival(message))

        name = self._client.new_inbox()
        # The pull bounds what may be under way; a limit here would drop messages silently.
        subscription = await self._client.subscribe(
            name, cb=on_message, pending_msgs_limit=-1, pending_bytes_limit=-1
        )
        try:
            with self.reconnects_told(lost):
                yield name
        finally:
            with suppress(nats.errors.Error):  # closed already: then nothing is sent to it either
                await subscription.unsubscribe()

    async def ask_for_messages(
        self,
        stream: str,
        durable: str,
        inbox: str,
        *,
        batch: int,
        expires_seconds: float,
        heartbeat_seconds: float,
    ) -> None:
        """Ask for up to `batch` messages, to come to `inbox` as they appear."""
        wish = {
            "batch": batch,
            "expires": int(expires_seconds * NANOSECONDS),
            "idle_heartbeat": int(heartbeat_seconds * NANOSECONDS),
        }
        subject = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{durable}"
        await self._send(subject, json.dumps(wish).encode(), inbox)

    async def acknowledge(self, delivery: Delivery) -> None:
        """Say that this message and all before it are safe here. Shows the lag, no more."""
        await self._send(delivery.reply, b"+ACK", "")

    async def _send(self, subject: str, body: bytes, reply: str) -> None:
        with reaching():
            await self._client.publish(subject, body, reply=reply)

    # ── repair and requests ──────────────────────────────────────────────────────────────────────

    async def publish_again(self, messages: Sequence[Again]) -> None:
        """Put back what a stream lost, at most 500 messages, in their order. Raises StreamUnreachable."""
        with reaching():
            await publish_again(self._client, self._js, messages)

    async def request(self, subject: str, body: bytes, timeout: float) -> Answer:
        """Ask a worker. Raises NobodyAnswered, AnswerTimedOut, RequestTooLarge."""
        if len(body) > (most := self._client.max_payload):
            raise RequestTooLarge(
                f"The request is larger than {most // 1000} kB, what NATS carries."
            )
        try:
            message = await self._client.request(subject, body, timeout=timeout)
            answer: Answer = msgspec.json.decode(message.data, type=Answer)
        except nats.errors.NoRespondersError as error:
            raise NobodyAnswered from error
        except (*DOWN, *UNREADABLE) as error:
            raise AnswerTimedOut(words(error)) from error
        return answer

    # ── buckets ──────────────────────────────────────────────────────────────────────────────────

    async def find_claim(self, runtime_id: str) -> Claim | None:
        """Who runs a runtime now. Raises StorageUnavailable, also where that cannot be read."""
        if not self.is_connected:
            raise StorageUnavailable
        try:
            claims = await self._js.key_value(streams.CLAIMS.name)
            entry = await claims.get(runtime_id)
        except js_errors.KeyNotFoundError:
            return None
        except DOWN as error:
            raise StorageUnavailable from error
        if (found := claim(runtime_id, entry.value or b"")) is None:
            raise StorageUnavailable(
                "The claim on this runtime cannot be read.",
                hint="A newer worker may have written it; the recorder's log says what is wrong.",
            )
        return found

    async def drop_claim(self, runtime_id: str, run_id: str) -> None:
        """Take back a runtime's claim if it is still that run's. Raises StorageUnavailable."""
        try:
            claims = await self._js.key_value(streams.CLAIMS.name)
            entry = await claims.get(runtime_id)
            found = claim(runtime_id, entry.value or b"")
            if found is not None and found.run_id == run_id:
                await self.keys.release(runtime_id, int(entry.revision or 0))
        except js_errors.KeyNotFoundError:
            return  # its worker was faster
        except (*DOWN, StreamUnreachable) as error:
            raise StorageUnavailable from error

    async def heartbeats(self) -> AsyncIterator[Beat]:
        """Workers' heartbeats as they come; what cannot be read is passed over.

        Ends after 20 s of silence, for the library's watch does not notice when it went deaf: begin
        again. Then, as at first, the newest of each worker comes at once, and is not `fresh`.
        """
        try:
            workers = await self._js.key_value(streams.WORKERS.name)
            watch = await workers.watch("*")  # not what recorders put there to probe
        except DOWN as error:
            log.warning("bus.watch_failed", reason=words(error))
            return
        fresh = False
        try:
            while True:
                entry = await watch.updates(SILENT_WATCH_SECONDS)  # type: ignore[no-untyped-call]
                if entry is None:  # all that was there has been told
                    fresh = True
                elif told := beat(entry, fresh=fresh):
                    yield told
        except DOWN:
            return
        finally:
            with suppress(*DOWN):
                await watch.stop()  # type: ignore[no-untyped-call]


def server_version(client: Client) -> tuple[int, int]:
    """The version of the server that a client is connected to."""
    version = client.connected_server_version
    return version.major, version.minor
