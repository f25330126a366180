"""The buckets of claims and heartbeats, read and written around the library's watch, which may go deaf."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from msgspec import Struct
from nats.aio.client import Client
from nats.js import JetStreamContext, api
from nats.js import errors as js_errors
from nats.js.kv import KV_DEL, KeyValue

from recorder.bus.arrivals import Beat, claim
from recorder.bus.errors import DOWN, WRONG_LAST_SEQUENCE, reaching
from recorder.bus.mirror import Mirror
from schemas.requests import Claim
from schemas.streams import CLAIMS, WORKERS

PROBE_SECONDS = 3.0
MARKS_SECONDS = 60.0
PROBE = "probe."  # a dot, which no worker id has
CLOCK = "clock"


class Held(Struct, frozen=True):
    """A runtime's claim and the revision of its key. None: there is one, which cannot be read."""

    claim: Claim | None
    revision: int


class Claims(Mirror[Held]):
    """Every claim of the fleet, by runtime."""

    def __init__(self, client: Client) -> None:
        super().__init__(client, CLAIMS.name, _held)


def _held(runtime_id: str, body: bytes, revision: int) -> Held:
    return Held(claim(runtime_id, body), revision)


class Keys:
    """Single keys."""

    def __init__(self, js: JetStreamContext) -> None:
        self._js = js

    async def probe(self, recorder_id: str) -> bool:
        """Whether the bucket of heartbeats takes a value now: only then silence means something."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await self._js.publish(f"$KV.{WORKERS.name}.{PROBE}{recorder_id}", b"")
        except DOWN:
            return False
        return True

    async def server_time(self) -> float:
        """Seconds since 1970 by the clock of the server that writes the stream. Raises StreamUnreachable."""
        subject = f"$KV.{WORKERS.name}.{PROBE}{CLOCK}"
        with reaching():
            await self._js.publish(subject, b"")
            found = await self._js.get_msg(f"KV_{WORKERS.name}", subject=subject)
        return found.time.timestamp() if found.time else 0.0

    async def find_beat(self, worker_id: str) -> Beat:
        """What a worker's key holds now, by its stream's leader; revision 0: nothing.

        Raises StreamUnreachable. The heartbeat itself is not read, for any change is a sign of life.
        """
        with reaching():
            try:
                found = await self._js.get_msg(
                    f"KV_{WORKERS.name}", subject=f"$KV.{WORKERS.name}.{worker_id}"
                )
            except js_errors.NotFoundError:
                return Beat(worker_id=worker_id, heartbeat=None, fresh=True, revision=0)
        return Beat(worker_id=worker_id, heartbeat=None, fresh=True, revision=int(found.seq or 0))

    async def release(self, runtime_id: str, revision: int) -> None:
        """Take a claim back, if it is still that one. Raises StreamUnreachable."""
        headers = {
            "KV-Operation": "DEL",
            api.Header.EXPECTED_LAST_SUBJECT_SEQUENCE: str(revision),
        }
        with reaching():
            try:
                await self._js.publish(f"$KV.{CLAIMS.name}.{runtime_id}", b"", headers=headers)
            except js_errors.APIError as error:
                if error.err_code not in WRONG_LAST_SEQUENCE:
                    raise
                # Its worker was faster, or the runtime has its next run by now.

    async def purge_marks(self, older_than_seconds: float) -> int:
        """Remove the marks that claims leave when given back, for else one stays for each runtime that ever ran.

        How many were that old. A claim that comes meanwhile stays: only what is as old as the mark is removed. Raises
        StreamUnreachable.
        """
        before = datetime.now(tz=UTC) - timedelta(seconds=older_than_seconds)
        with reaching():
            bucket = await self._js.key_value(CLAIMS.name)
            async with asyncio.timeout(MARKS_SECONDS):  # a watch may go deaf
                marks = [each async for each in _all_of(bucket) if each.operation == KV_DEL]
            old = [each for each in marks if _created(each) < before]
            for mark in old:
                await self._js.purge_stream(
                    f"KV_{CLAIMS.name}",
                    subject=f"$KV.{CLAIMS.name}.{mark.key}",
                    seq=int(mark.revision or 0) + 1,
                )
        return len(old)


def _created(entry: KeyValue.Entry) -> datetime:
    return cast(datetime, entry.created)  # the library calls it a number


async def _all_of(bucket: KeyValue) -> AsyncIterator[KeyValue.Entry]:
    """The newest value or mark of every key."""
    watcher = await bucket.watchall(meta_only=True)
    try:
        async for entry in watcher:
            if entry is None:
                return
            yield entry
    finally:
        await watcher.stop()  # type: ignore[no-untyped-call]


class Value(Struct, frozen=True, kw_only=True):
    """What a key holds. `age_seconds` is by the server's time of writing and our clock."""

    body: bytes
    revision: int
    age_seconds: float


class Cells:
    """A bucket whose keys are written only by who knows what they hold."""

    def __init__(self, js: JetStreamContext, bucket: str) -> None:
        self._js = js
        self._bucket = bucket

    async def find(self, key: str) -> Value | None:
        """What a key holds now, by its stream's leader. Raises StreamUnreachable."""
        with reaching():
            try:
                found = await self._js.get_msg(f"KV_{self._bucket}", subject=self._subject(key))
            except js_errors.NotFoundError:
                return None
        written = found.time.timestamp() if found.time else 0.0
        return Value(
            body=found.data or b"", revision=int(found.seq or 0), age_seconds=time.time() - written
        )

    async def put(self, key: str, body: bytes, *, after: int) -> int | None:
        """Write a key that holds the revision `after` (0: nothing); the new revision.

        None: it holds another one, which may be an earlier try of ours. Raises StreamUnreachable.
        """
        headers: dict[str, Any] = {api.Header.EXPECTED_LAST_SUBJECT_SEQUENCE: str(after)}
        with reaching():
            try:
                return int((await self._js.publish(self._subject(key), body, headers=headers)).seq)
            except js_errors.APIError as error:
                if error.err_code not in WRONG_LAST_SEQUENCE:
                    raise
        return None

    async def overwrite(self, key: str, body: bytes) -> None:
        """Write a key, whatever it holds. Raises StreamUnreachable."""
        with reaching():
            await self._js.publish(self._subject(key), body)

    def _subject(self, key: str) -> str:
        return f"$KV.{self._bucket}.{key}"


class Texts(Mirror[str]):
    """A bucket of texts that any recorder may write, and all read as a whole."""

    def __init__(self, client: Client, js: JetStreamContext, bucket: str) -> None:
        super().__init__(client, bucket, _text)
        self._cells = Cells(js, bucket)

    async def put(self, key: str, text: str) -> None:
        """Write a key, whatever it holds. Raises StreamUnreachable."""
        await self._cells.overwrite(key, text.encode())


def _text(_key: str, body: bytes, _revision: int) -> str:
    return body.decode(errors="replace")
