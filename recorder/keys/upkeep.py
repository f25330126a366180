"""Once a second: what was revoked anywhere ends here, what has expired is told to workers, and what was used is noted.

Every recorder does all of it. So a key that one of them revoked just before it died is out all the same, and the
workers, who read no tables, need to look at one bucket only.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import structlog

from recorder.bus import Bus, StreamUnreachable
from recorder.consumer import Consumer
from recorder.keys.keyring import Keyring
from schemas.streams import KEY_USES, REVOKED_KEYS
from schemas.times import milliseconds, rfc3339

log = structlog.get_logger()

EVERY_SECONDS = 1.0
USE_SECONDS = 60.0
MOST_LAG = 1000
AFRESH_SECONDS = 60.0


def is_behind(control: Consumer) -> bool:
    """Whether the table of keys may lack many: CONTROL is not read yet, or much of it waits."""
    return control.state == "starting" or (control.lag or 0) > MOST_LAG


class Upkeep:
    """Keeps the keyring, the table and the two buckets of keys in step."""

    def __init__(self, bus: Bus, keyring: Keyring) -> None:
        self._bus = bus
        self._keyring = keyring
        self._noted: dict[str, float] = {}
        self._afresh_at = 0.0
        self._unreached: set[str] = set()

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.tend()
            await asyncio.sleep(EVERY_SECONDS)

    async def run_notes(self) -> None:
        """For ever, by itself: what was revoked does not wait for notes."""
        while True:
            await self.note()
            await asyncio.sleep(EVERY_SECONDS)

    async def tend(self) -> None:
        """Do it now. Where NATS is away, what this recorder knows by itself holds."""
        await self._keyring.read()
        expired = self._keyring.expired()
        with self._reaching(REVOKED_KEYS.name):
            await self._tell(self._keyring.revoked(), expired)

    async def note(self) -> None:
        """Note now what was used, where NATS is there."""
        with self._reaching(KEY_USES.name):
            await self._note(self._keyring.uses)

    async def last_uses(self) -> Mapping[str, str]:
        """When each key was used last, at any recorder, true to the minute; here, to the second."""
        here = {key_id: rfc3339(int(used * 1e9)) for key_id, used in self._keyring.uses.items()}
        try:
            everywhere = await self._bus.key_uses.read()
        except StreamUnreachable:
            return here
        return {
            key_id: max(everywhere.get(key_id, ""), here.get(key_id, ""))
            for key_id in (*everywhere, *here)
        }

    @contextmanager
    def _reaching(self, bucket: str) -> Iterator[None]:
        """Says once that a bucket cannot be reached."""
        try:
            yield
        except StreamUnreachable as error:
            if bucket not in self._unreached:
                log.warning("keys.bucket_unreachable", bucket=bucket, reason=str(error))
            self._unreached.add(bucket)
        else:
            self._unreached.discard(bucket)

    async def _tell(self, over: Collection[str], expired: Mapping[str, float]) -> None:
        """The bucket of revoked keys: what is in it ends here, and what is over gets into it.

        Nothing gets out of it again. So what has expired by our clock alone, which may be wrong, does not get in.
        """
        afresh = time.monotonic() >= self._afresh_at
        revoked = await self._bus.revoked_keys.read(afresh=afresh)
        if afresh:
            self._afresh_at = time.monotonic() + AFRESH_SECONDS
        self._keyring.end(revoked)
        await self._put(set(over) - revoked.keys())
        if expired.keys() - revoked.keys():
            now = await self._bus.keys.server_time()
            past = {key_id for key_id, expires_at in expired.items() if expires_at <= now}
            await self._put(past - revoked.keys())

    async def _put(self, key_ids: Collection[str]) -> None:
        for key_id in sorted(key_ids):
            await self._bus.revoked_keys.put(key_id, rfc3339(time.time_ns()))

    async def _note(self, uses: Mapping[str, float]) -> None:
        """At most once a minute for each key, whoever of the recorders was used."""
        due = {
            id: used for id, used in uses.items() if used >= self._noted.get(id, 0) + USE_SECONDS
        }
        if not due:
            return
        known = await self._bus.key_uses.read()
        for key_id, used in due.items():
            if used >= _seconds(known.get(key_id, "")) + USE_SECONDS:
                await self._bus.key_uses.put(key_id, rfc3339(int(used * 1e9)))
            self._noted[key_id] = used


def _seconds(text: str) -> float:
    try:
        return milliseconds(text) / 1000
    except ValueError:
        return 0.0
