"""The only door to nats-py: none of its types or errors leaves this package."""

from __future__ import annotations

from recorder.bus.again import Again
from recorder.bus.arrivals import Beat, Delivery, Notice
from recorder.bus.buckets import Cells, Held
from recorder.bus.bus import Bus
from recorder.bus.connection import connect
from recorder.bus.errors import AnswerTimedOut, FactConflict, NobodyAnswered, StreamUnreachable
from recorder.bus.room import Room

__all__ = [
    "Again",
    "AnswerTimedOut",
    "Beat",
    "Bus",
    "Cells",
    "Delivery",
    "FactConflict",
    "Held",
    "NobodyAnswered",
    "Notice",
    "Room",
    "StreamUnreachable",
    "connect",
]
