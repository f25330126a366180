"""Events to bytes and back, in two steps: the envelope always, the body once its type is known."""

from __future__ import annotations

import msgspec

from .envelope import Event
from .events import EVENT_TYPES, EventData
from .upcast import upcast

_encoder = msgspec.json.Encoder()
_event_decoder = msgspec.json.Decoder(Event)


class EventUnreadable(ValueError):
    """The message is not a CloudEvent of ours."""


class EventFromTheFuture(ValueError):
    """The event's type is known, but its version is newer than this program."""


def encode(value: object) -> bytes:
    """Any struct of `schemas` as JSON."""
    return _encoder.encode(value)


def encode_event(event: Event) -> bytes:
    """An event as the body of its message."""
    return _encoder.encode(event)


def decode_event(message: bytes) -> Event:
    """The envelope of a message; raises EventUnreadable."""
    try:
        return _event_decoder.decode(message)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise EventUnreadable(str(error)) from error
    except UnicodeDecodeError as error:
        raise EventUnreadable(f"not UTF-8: {error}") from error


def decode_data(event: Event) -> EventData | None:
    """The typed body; None for a type this program does not know (it is kept and passed on, so it must be text).

    Raises EventFromTheFuture for a newer version of a known type, EventUnreadable for a body that does not fit it.
    """
    spec = EVENT_TYPES.get(event.type)
    if spec is None:
        if not is_text(event.data):
            raise EventUnreadable(f"{event.type}: not UTF-8")
        return None
    if event.dataversion > spec.version:
        raise EventFromTheFuture(
            f"{event.type} version {event.dataversion}; this program reads up to {spec.version}"
        )
    try:
        raw = upcast(event.type, event.dataversion, spec.version, event.data)
        return msgspec.json.decode(raw, type=spec.struct)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise EventUnreadable(f"{event.type}: {error}") from error
    except Exception as error:  # of a step, which may expect anything of an old body
        raise EventUnreadable(
            f"{event.type} version {event.dataversion}: {type(error).__name__}: {error}"
        ) from error


def is_text(data: msgspec.Raw) -> bool:
    """Whether a body can be passed on as it is: JSON it is, or the envelope could not have been read."""
    try:
        bytes(data).decode()
    except UnicodeDecodeError:
        return False
    return True
