"""Consumers for who reads one space, made by an operator: who may make consumers may make them deliver anywhere."""

from __future__ import annotations

from msgspec import Struct
from nats.js import JetStreamContext, api
from nats.js import errors as js_errors

from recorder.bus.errors import reaching
from schemas import subjects
from schemas.nats_users import reader_consumer


class Reader(Struct, frozen=True, kw_only=True, rename="camel"):
    """A reader's consumer: whether it was made now, and how many messages it has still to take."""

    consumer: str
    made: bool
    pending: int


async def place_reader(js: JetStreamContext, space_id: str, *, only_new: bool) -> Reader:
    """Have the consumer of a space's reader; one that is there stays as it is. Raises StreamUnreachable."""
    name = reader_consumer(space_id)
    with reaching():
        try:
            found = await js.consumer_info(subjects.RUNS, name)
            made = False
        except js_errors.NotFoundError:
            found = await js.add_consumer(subjects.RUNS, _config(name, space_id, only_new))
            made = True
    return Reader(consumer=name, made=made, pending=found.num_pending or 0)


def _config(name: str, space_id: str, only_new: bool) -> api.ConsumerConfig:
    policy = api.DeliverPolicy.NEW if only_new else api.DeliverPolicy.ALL
    return api.ConsumerConfig(
        durable_name=name,
        filter_subject=subjects.run_events_in(space_id),
        deliver_policy=policy,
        ack_policy=api.AckPolicy.EXPLICIT,
    )
