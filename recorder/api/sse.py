"""Frames of server-sent events. Pure. Lines end in LF: known clients split at two of them."""

from __future__ import annotations

import msgspec

from recorder.api.spelling import spelled
from schemas import codec


def frame(event: str, data: object, event_id: str | None = None) -> bytes:
    """One frame; without an id it does not move a client's Last-Event-ID."""
    line = b"" if event_id is None else b"id: %b\n" % event_id.encode()
    return b"event: %b\n%bdata: %b\n\n" % (event.encode(), line, _one_line(codec.encode(data)))


def _one_line(json: bytes) -> bytes:
    """A body is passed on as its writer spelled it; spelled over lines it would break the frame."""
    if b"\n" in json or b"\r" in json:
        json = msgspec.json.format(json, indent=-1)
    return spelled(
        json
    )  # many clients take U+2028 and others for line ends, as Python's `splitlines` does
