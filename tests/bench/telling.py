"""What a measuring process tells the one that draws: lines of JSON, each one of these."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tests.bench.figure import Row


class Progress(Struct, frozen=True, tag="progress"):
    """How far it is."""

    done: int
    of: int


class Measured(Struct, frozen=True, tag="measured"):
    """All its rows."""

    rows: list[Row]


class Failed(Struct, frozen=True, tag="failed"):
    """Why there are none."""

    reason: str


Telling = Progress | Measured | Failed

_decoder = msgspec.json.Decoder(Telling)


def line(telling: Telling) -> bytes:
    """As it goes over the pipe."""
    return msgspec.json.encode(telling) + b"\n"


def read(text: bytes) -> Telling | None:
    """What a line says; None for what is none of ours."""
    try:
        telling: Telling = _decoder.decode(text)
    except msgspec.MsgspecError:
        return None
    return telling
