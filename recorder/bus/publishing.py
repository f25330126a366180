"""How facts come on a stream: once, though recorders race and answers get lost."""

from __future__ import annotations

import asyncio

import structlog
from nats.aio.client import Client
from nats.js import JetStreamContext
from nats.js import errors as js_errors

from recorder.bus.arrivals import MESSAGE_ID
from recorder.bus.errors import DOWN, WRONG_LAST_SEQUENCE, FactConflict, words
from schemas import codec, envelope, subjects
from schemas.envelope import Event
from schemas.problems import StorageUnavailable

log = structlog.get_logger()

# While a stream's leader is elected nobody answers; the Go client waits as long.
PAUSES_SECONDS = (0.25, 0.25, 0.0)


class Publishing:
    """Puts facts on streams. Everything here raises StorageUnavailable when it is not known whether a fact was stored;
    with the same event it may then be tried again.
    """

    def __init__(self, client: Client, js: JetStreamContext) -> None:
        self._client = client
        self._js = js

    async def fenced(self, subject: str, event: Event, *, fence: str, last: int = 0) -> int:
        """Put a fact on CONTROL; its position.

        `last` is the sequence that the newest message under the filter `fence` must have. Raises FactConflict when it
        is another event's.
        """
        try:
            return await self._publish(subject, event, _expected(fence, last))
        except FactConflict:
            return await self._position_of(event.id, fence)

    async def agreed(self, subject: str, event: Event) -> int:
        """Put a fact on CONTROL that any recorder may write; its position, or that of another's copy.

        Nobody is fenced off, for all give it one id, and the first in the stream counts.
        """
        return await self._publish(subject, event, {})

    async def first(self, subject: str, event: Event) -> int:
        """Put a fact on RUNS unless there is one of its subject; the position of the one that stands.

        That only recorders write on the subject holds it: an id which all agree on could be taken by a worker before.
        """
        try:
            return await self._publish(subject, event, _expected(subject, 0))
        except FactConflict:
            return (await self._find_newest(subjects.RUNS, subject))[0]

    async def find_newest(self, fence: str) -> tuple[int, str]:
        """Position and event id of the newest fact under a filter of CONTROL, `(0, "")` where there is none.

        The stream's leader says so.
        """
        return await self._find_newest(subjects.CONTROL, fence)

    async def _publish(self, subject: str, event: Event, expected: dict[str, str]) -> int:
        if not self._client.is_connected:
            raise StorageUnavailable
        headers = {MESSAGE_ID: event.id, "Content-Type": envelope.CONTENT_TYPE, **expected}
        body = codec.encode_event(event)
        for pause in PAUSES_SECONDS:
            try:
                return int((await self._js.publish(subject, body, headers=dict(headers))).seq)
            except DOWN as error:
                if getattr(error, "err_code", None) in WRONG_LAST_SEQUENCE:
                    raise FactConflict from error
                log.warning("bus.publish_failed", subject=subject, reason=words(error))
            await asyncio.sleep(pause)
        raise StorageUnavailable

    async def _position_of(self, event_id: str, fence: str) -> int:
        """Where our earlier try stands: a retry that expects a sequence is answered as a conflict."""
        position, newest = await self.find_newest(fence)
        if newest != event_id:
            raise FactConflict
        return position

    async def _find_newest(self, stream: str, fence: str) -> tuple[int, str]:
        if not self._client.is_connected:
            raise StorageUnavailable
        try:
            newest = await self._js.get_msg(stream, subject=fence)
        except js_errors.NotFoundError:
            return 0, ""
        except DOWN as error:
            raise StorageUnavailable from error
        return int(newest.seq or 0), (newest.headers or {}).get(MESSAGE_ID, "")


def _expected(fence: str, last: int) -> dict[str, str]:
    return {
        "Nats-Expected-Last-Subject-Sequence": str(last),
        "Nats-Expected-Last-Subject-Sequence-Subject": fence,
    }
