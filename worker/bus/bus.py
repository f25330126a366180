"""Over NATS: the requests that a worker answers, its heartbeat and its claims."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import structlog
from msgspec import Struct
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error as NatsError
from nats.js.api import RawStreamMsg
from nats.js.client import JetStreamContext
from nats.js.errors import (
    BadRequestError,
    BucketNotFoundError,
    KeyNotFoundError,
    KeyWrongLastSequenceError,
    NotFoundError,
)
from nats.js.kv import KV_OP, KeyValue

from schemas import subjects
from schemas.codec import EventUnreadable, decode_event, encode
from schemas.envelope import Event
from schemas.nats_users import NatsAddress, address_of
from schemas.problems import CannotStart, ServerError
from schemas.profiles import ProfileRecord
from schemas.requests import Answer, Claim, Heartbeat, Refused
from schemas.streams import refuse_newer
from worker.bus.connection import as_link_down, close, new_client, on_error, reach
from worker.bus.keys import read_keys
from worker.publisher import LinkDown

WRONG_LAST_SEQUENCE = 10071  # JetStream's own code
log = structlog.get_logger(__name__)

CONNECT_SECONDS = 30
UNREGISTER_SECONDS = 3
NO_MESSAGE_FOUND = 10037
REPLICA_PAUSES_SECONDS = (0.05, 0.2, 0.5)  # so far a replica may be behind

_claim = msgspec.json.Decoder(Claim)
_profile = msgspec.json.Decoder(ProfileRecord)


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

    def __init__(self, client: Client, api: str) -> None:
        self._client = client
        self._api = api
        self._jetstream: JetStreamContext = client.jetstream(prefix=api)
        self._buckets: dict[str, KeyValue] = {}
        self._replies: set[asyncio.Task[None]] = set()
        self.reconnected = asyncio.Event()

    @classmethod
    async def connect(cls, nats: NatsAddress | str, name: str) -> Bus:
        """Connect, for as long as it takes within limits; raises CannotStart."""
        address = address_of(nats)
        bus = cls(new_client(), address.api)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await bus._connect(address, name)
        except (NatsError, OSError, TimeoutError) as error:
            raise CannotStart(
                f"NATS does not answer at {address.shown} ({type(error).__name__}).",
                "Start it, or correct RUNREEL_NATS_URL.",
            ) from error
        return bus

    async def _connect(self, nats: NatsAddress, name: str) -> None:
        async def on_reconnect() -> None:
            log.info("nats.reconnected")
            self.reconnected.set()

        await self._client.connect(
            **reach(nats),
            name=name,
            # The first connection too is tried for ever; how long is for the caller to say.
            max_reconnect_attempts=-1,
            reconnect_time_wait=0.5,  # type: ignore[arg-type]  # they say int, and only sleep so long
            error_cb=on_error,
            disconnected_cb=_on_disconnect,
            reconnected_cb=on_reconnect,
        )

    async def close(self) -> None:
        """Close the connection."""
        await close(self._client)

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
        with as_link_down():
            bucket = await self._bucket(subjects.WORKERS_BUCKET)
            return await bucket.put(heartbeat.worker_id, encode(heartbeat))

    async def beat_stored_at(self, revision: int) -> int | None:
        """When a beat was stored, by the stream's clock, in ns since 1970; None when it is gone. Raises LinkDown."""
        with as_link_down():
            try:
                message = await self._jetstream.get_msg(
                    f"KV_{subjects.WORKERS_BUCKET}", seq=revision
                )
            except NotFoundError:
                return None
        return round(message.time.timestamp() * 1e6) * 1000 if message.time else None

    async def unregister(self, worker_id: str) -> None:
        """Take back the heartbeat: no new runtimes, please."""
        with contextlib.suppress(LinkDown), as_link_down():  # it expires by itself
            async with asyncio.timeout(UNREGISTER_SECONDS):
                await (await self._bucket(subjects.WORKERS_BUCKET)).delete(worker_id)

    async def claim(self, runtime_id: str, claim: Claim) -> Claim | None:
        """Take a runtime; the claim that stands in the way, or None when it is ours now. Raises LinkDown."""
        with as_link_down():
            bucket = await self._bucket(subjects.CLAIMS_BUCKET)
            while not await _create(bucket, runtime_id, encode(claim)):
                standing = await _find_claim(bucket, runtime_id)
                if standing is not None:  # else it was released in between
                    return standing
        return None

    async def release(self, runtime_id: str, run_id: str) -> None:
        """Give a runtime back when it is still claimed for that run. Raises LinkDown."""
        with as_link_down():
            message = await self._find_newest(subjects.CLAIMS_BUCKET, runtime_id)
            if message is None or (message.headers and KV_OP in message.headers):
                return
            claim = _claim_in(runtime_id, message.data)
            if claim is None or claim.run_id != run_id:
                return
            bucket = await self._bucket(subjects.CLAIMS_BUCKET)
            try:
                await bucket.delete(runtime_id, last=message.seq)
            except BadRequestError as error:
                if error.err_code != WRONG_LAST_SEQUENCE:
                    raise
                # It is not ours any more: it was given back at two places at once.

    async def claims_of(self, worker_id: str) -> dict[str, Claim]:
        """What this worker held when it was here last, by runtime id. Raises LinkDown."""
        claims = await self._claims()
        return {key: claim for key, claim in claims if claim.worker_id == worker_id}

    async def rank(self, runtime_id: str, space_id: str) -> int:
        """The how many-th of its space's claims ours on this runtime is, the oldest being the first. Raises LinkDown.

        Whoever reads ours reads all that were made before it, too, unless they are gone by now.
        """
        for pause in REPLICA_PAUSES_SECONDS:
            theirs = [key for key, claim in await self._claims() if claim.space_id == space_id]
            if runtime_id in theirs:
                return theirs.index(runtime_id) + 1
            await asyncio.sleep(pause)
        raise LinkDown("the claims that were read are not the newest")

    async def _claims(self) -> list[tuple[str, Claim]]:
        """Every claim and the runtime it is on, the oldest first. Raises LinkDown."""
        with as_link_down():
            await self._bucket(subjects.CLAIMS_BUCKET)  # of a version that we know
        values = await read_keys(self._client, self._api, subjects.CLAIMS_BUCKET)
        found = [(key, _claim_in(key, value)) for key, value in values]
        return [(key, claim) for key, claim in found if claim is not None]

    async def is_claimed_for(self, runtime_id: str, run_id: str) -> bool:
        """Whether a run still holds its runtime; one whose claim cannot be read does. Raises LinkDown."""
        with as_link_down():
            message = await self._find_newest(subjects.CLAIMS_BUCKET, runtime_id)
        if message is None or (message.headers and KV_OP in message.headers):
            return False
        return _is_for(message.data or b"", run_id)

    async def _find_newest(self, bucket: str, key: str) -> RawStreamMsg | None:
        """The last that was written under a key.

        Asked of the bucket's leader: any other replica may not know of what was written a moment ago.
        """
        try:
            return await self._jetstream.get_last_msg(f"KV_{bucket}", f"$KV.{bucket}.{key}")
        except NotFoundError as error:
            if error.err_code != NO_MESSAGE_FOUND:
                raise
            return None

    async def is_revoked(self, key_id: str) -> bool:
        """Whether an API key was revoked. Raises LinkDown."""
        with as_link_down():
            message = await self._find_newest(subjects.REVOKED_KEYS_BUCKET, key_id)
        return message is not None and not (message.headers and KV_OP in message.headers)

    async def find_profile(self, key: str) -> tuple[ProfileRecord, int]:
        """What is known of a profile, and at which revision; 0 where nothing is. Raises LinkDown."""
        with as_link_down():
            message = await self._find_newest(subjects.PROFILES_BUCKET, key)
        if message is None:
            return ProfileRecord(), 0
        if message.headers and KV_OP in message.headers:
            return ProfileRecord(), message.seq or 0
        try:
            return _profile.decode(message.data or b""), message.seq or 0
        except msgspec.MsgspecError as error:
            raise LinkDown(f"what is known of the profile {key} cannot be read: {error}") from error

    async def put_profile(self, key: str, record: ProfileRecord, revision: int) -> int | None:
        """Change what is known of a profile, unless somebody has changed it since; its revision. Raises LinkDown."""
        with as_link_down():
            bucket = await self._bucket(subjects.PROFILES_BUCKET)
            try:
                return await bucket.update(key, encode(record), last=revision)
            except KeyWrongLastSequenceError:
                return None

    async def stored_of(self, run_id: str, worker_id: str) -> Stored | None:
        """What the stream has of a worker in a run, None for nothing that can be read. Raises LinkDown."""
        theirs = subjects.run_events_of(run_id, worker_id)
        with as_link_down():
            info = await self._jetstream.stream_info(subjects.RUNS, subjects_filter=theirs)
        count = sum((info.state.subjects or {}).values())
        newest = await self._find_newest_stored(theirs)
        for pause in REPLICA_PAUSES_SECONDS:
            if count <= (newest[0].number if newest else 0):
                break
            await asyncio.sleep(pause)  # the leader has more than this replica
            newest = await self._find_newest_stored(theirs)
        return Stored(newest=newest[0], position=newest[1], count=count) if newest else None

    async def _find_newest_stored(self, theirs: str) -> tuple[Event, int] | None:
        """The last event under a filter, and its position; None where there is none that can be read.

        A direct get, for that can be permitted for our own subjects alone; any replica answers it.
        """
        with as_link_down():
            try:
                message = await self._jetstream.get_last_msg(subjects.RUNS, theirs, direct=True)
                return decode_event(message.data or b""), int(message.seq or 0)
            except (NotFoundError, EventUnreadable):
                return None

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


async def _create(bucket: KeyValue, key: str, value: bytes) -> bool:
    try:
        await bucket.create(key, value)
    except KeyWrongLastSequenceError:
        return False
    return True


async def _find_claim(bucket: KeyValue, runtime_id: str) -> Claim | None:
    try:
        entry = await bucket.get(runtime_id)
    except KeyNotFoundError:
        return None
    return _claim_in(runtime_id, entry.value)


def _claim_in(runtime_id: str, value: bytes | None) -> Claim | None:
    try:
        return _claim.decode(value or b"")
    except msgspec.MsgspecError as error:  # somebody else's; it must not keep us from starting
        log.error("claim.unreadable", runtime_id=runtime_id, reason=str(error))
        return None


def _is_for(value: bytes, run_id: str) -> bool:
    try:
        return _claim.decode(value).run_id == run_id
    except msgspec.MsgspecError as error:
        log.error("claim.unreadable", run_id=run_id, reason=str(error))
        return True


async def _on_disconnect(*_: Any) -> None:
    log.warning("nats.disconnected")
