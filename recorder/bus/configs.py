"""How streams and consumers are set up on the server. Pure."""

from __future__ import annotations

from typing import Any

from nats.js import api

from schemas.streams import METADATA, Bucket, Stream

ACK_WAIT_SECONDS = 300.0
READER_SECONDS = 60.0  # a reader that nobody asks for messages is gone after this


def stream_config(stream: Stream, replicas: int) -> api.StreamConfig:
    """A stream as `schemas.streams` wants it."""
    return api.StreamConfig(
        name=stream.name,
        subjects=list(stream.subjects),
        storage=api.StorageType.FILE,
        discard=api.DiscardPolicy.NEW,
        max_age=stream.max_age_seconds,
        max_bytes=stream.max_bytes,
        max_msg_size=stream.max_message_bytes,
        duplicate_window=stream.duplicate_window_seconds,
        num_replicas=replicas,
        allow_direct=True,
        allow_atomic=True,
        metadata=METADATA,
    )


_COMPARED = (
    "subjects",
    "storage",
    "discard",
    "max_age",
    "max_bytes",
    "max_msg_size",
    "duplicate_window",
    "num_replicas",
    "allow_direct",
    "allow_atomic",
)


def differences(wanted: api.StreamConfig, found: api.StreamConfig) -> list[tuple[str, Any, Any]]:
    """Where a stream that is there is not as wanted: field, wanted, found."""
    pairs = [(name, getattr(wanted, name), getattr(found, name)) for name in _COMPARED]
    return [(name, wants, has) for name, wants, has in pairs if wants != has]


def bucket_config(bucket: Bucket, replicas: int) -> api.KeyValueConfig:
    """A bucket as `schemas.streams` wants it."""
    return api.KeyValueConfig(
        bucket=bucket.name,
        ttl=bucket.ttl_seconds or None,
        max_bytes=bucket.max_bytes,
        storage=api.StorageType.FILE,
        replicas=replicas,
        direct=True,
    )


def consumer_config(durable: str) -> api.ConsumerConfig:
    """A recorder's consumer. One acknowledgement stands for all before it; none is waited for."""
    return api.ConsumerConfig(
        durable_name=durable,
        ack_policy=api.AckPolicy.ALL,
        ack_wait=ACK_WAIT_SECONDS,
        max_ack_pending=-1,
    )


def starting_at(config: api.ConsumerConfig, start: int) -> api.ConsumerConfig:
    """The same consumer, made to begin at a position: for servers that cannot reset one."""
    return config.evolve(
        deliver_policy=api.DeliverPolicy.BY_START_SEQUENCE, opt_start_seq=max(1, start)
    )


def reader_config(start: int) -> api.ConsumerConfig:
    """A consumer that leaves no trace: the server forgets it with its reader."""
    config = api.ConsumerConfig(
        ack_policy=api.AckPolicy.NONE, inactive_threshold=READER_SECONDS, mem_storage=True
    )
    return starting_at(config, start)
