"""Who reads one space from the stream itself."""

from __future__ import annotations

from recorder.bus.connection import connected
from recorder.bus.errors import StreamUnreachable
from recorder.bus.readers import Reader, place_reader
from recorder.ops.reaching import CONNECT_SECONDS
from schemas.nats_users import NatsAddress
from schemas.problems import CannotReach


async def make_reader(nats: NatsAddress | str, space_id: str, *, only_new: bool) -> Reader:
    """Have the consumer of a space's reader. Raises CannotReach."""
    async with connected(nats, "runreel-reader", seconds=CONNECT_SECONDS) as client:
        try:
            return await place_reader(client.jetstream(), space_id, only_new=only_new)
        except StreamUnreachable as error:
            raise CannotReach(
                f"The consumer cannot be made: {error}.", "Has a recorder made the streams?"
            ) from error
