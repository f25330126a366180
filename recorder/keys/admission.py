"""Whose request it is, and whether that key may ask now."""

from __future__ import annotations

import time
from collections.abc import Callable

from recorder.keys.failures import Failures
from recorder.keys.key import Key, digest
from recorder.keys.keyring import Keyring
from schemas.allowance import Allowance
from schemas.ids import FIRST_KEY_ID
from schemas.problems import AuthRequired, RateLimited, StorageUnavailable

BURST_SECONDS = 10


class Admission:
    """Asks the keyring, and counts. `requests_per_second` of one key, ten seconds' worth of it at once; 0: any.

    `is_behind`: many keys may be missing from the tables now, as while they are filled for the first time.
    """

    def __init__(
        self, keyring: Keyring, requests_per_second: int, is_behind: Callable[[], bool]
    ) -> None:
        self._keyring = keyring
        self._is_behind = is_behind
        self._failures = Failures()
        self._requests = (
            Allowance(per_second=requests_per_second, at_once=BURST_SECONDS * requests_per_second)
            if requests_per_second
            else None
        )

    async def admit(self, secret: str, address: str) -> Key:
        """The key. Raises AuthRequired, also as ApiKeyEnded, RateLimited, and StorageUnavailable where it cannot be
        told.
        """
        now, hashed = time.monotonic(), digest(secret)
        key = await self._keyring.find_key(hashed)
        if key is None or key.id == FIRST_KEY_ID:  # which people choose: it may be guessed
            self._failures.check(address, hashed, now)
        if key is None and self._is_behind():
            raise StorageUnavailable(
                "This recorder has not read all API keys yet.", hint="Try again in a moment."
            )
        if key is None:
            self._failures.failed(address, hashed, now)
            raise AuthRequired("This is no API key of ours.")
        self._keyring.check(key)
        if key.id == FIRST_KEY_ID:
            self._failures.opened(address, hashed)
        self._check_rate(key, now)
        self._keyring.use(key)
        return key

    def _check_rate(self, key: Key, now: float) -> None:
        if self._requests is not None and (wait := self._requests.take(key.id, now)):
            raise RateLimited(
                "This API key asks too often.",
                hint="Follow a run by its stream instead of asking again and again.",
                retry_after_seconds=wait,
            )
