"""The keys there are, in memory: each request asks. The table is read where it has changed.

That a key was revoked is heard in two ways, by the table and by the bucket that workers read: a recorder whose tables
are far behind, or are being filled anew, keeps out what was revoked all the same.
"""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

from recorder.keys.key import EVERY_SCOPE, Key, digest
from recorder.news import News
from recorder.queries.api_keys import changed_keys
from recorder.queries.events import BEGINNING
from recorder.store import Store
from schemas import subjects
from schemas.ids import FIRST_KEY_ID
from schemas.problems import ApiKeyEnded


class Keyring:
    """Keys by what is kept of them. The first one is a setting: nothing on CONTROL ends it."""

    def __init__(self, store: Store, news: News, first_key: str) -> None:
        self._store = store
        self._news = news
        self._first = {digest(first_key): Key(id=FIRST_KEY_ID, scopes=EVERY_SCOPE)}
        self._keys: dict[str, Key] = {}
        self._ended: set[str] = set()
        self._holds: defaultdict[str, set[asyncio.Timeout]] = defaultdict(set)
        self._uses: dict[str, float] = {}
        self._place, self._position = BEGINNING, -1
        self._reading = asyncio.Lock()

    async def find_key(self, hashed: str) -> Key | None:
        """The key with that hash, whether it opens anything or not; None where there is none.

        As it is the hash that is looked up, the time this takes tells nothing about a key.
        """
        if key := self._first.get(hashed) or self._keys.get(hashed):
            return key
        await self.read()  # it may have been made just now
        return self._keys.get(hashed)

    def check(self, key: Key) -> None:
        """Raises ApiKeyEnded unless it opens something now."""
        if key.id in self._ended:
            raise ApiKeyEnded
        if key.has_expired(time.time()):
            raise ApiKeyEnded("This API key has expired.")

    def use(self, key: Key) -> None:
        """It has opened something just now."""
        self._uses[key.id] = time.time()

    @property
    def uses(self) -> dict[str, float]:
        """When each key opened something last, at this recorder, in seconds since 1970."""
        return dict(self._uses)

    @asynccontextmanager
    async def held(self, key: Key) -> AsyncIterator[None]:
        """A block that ends with ApiKeyEnded where it stands, as soon as the key opens nothing any more.

        It must be left in the task that entered it.
        """
        self.check(key)
        holds, hold = self._holds[key.id], asyncio.timeout(None)
        try:
            async with hold:
                holds.add(hold)
                yield
        except TimeoutError:
            if hold.expired():
                raise ApiKeyEnded from None
            raise
        finally:
            holds.discard(hold)
            if not holds:
                self._holds.pop(key.id, None)

    async def read(self) -> None:
        """Take what the table says that is new. Keys that were revoked end."""
        async with self._reading:
            if (position := self._news.position(subjects.CONTROL)) == self._position:
                return
            changed, self._place = await changed_keys(self._store, self._place)
            self._position = position
            self._keys.update(changed)
        self.end(key.id for _, key in changed if key.revoked)

    def revoked(self) -> set[str]:
        """Keys that were revoked, by what the table says."""
        return {key.id for key in self._keys.values() if key.revoked}

    def expired(self) -> dict[str, float]:
        """Keys that expired by our clock, and when, in seconds since 1970. What goes on by them ends."""
        now = time.time()
        expired = {
            key.id: key.expires_at
            for key in self._keys.values()
            if key.expires_at is not None and key.has_expired(now) and not key.revoked
        }
        self._break_off(expired)
        return expired

    def end(self, key_ids: Iterable[str]) -> None:
        """These open nothing any more: whatever was opened by them and goes on, ends."""
        ended = set(key_ids) - {FIRST_KEY_ID}
        self._ended |= ended
        self._break_off(ended)

    def _break_off(self, key_ids: Iterable[str]) -> None:
        for key_id in key_ids:
            for hold in self._holds.get(key_id, ()):
                if hold.when() is None:  # one that was told, and is ending, cannot be told again
                    hold.reschedule(asyncio.get_running_loop().time())
