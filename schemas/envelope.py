"""The envelope: CloudEvents 1.0, JSON structured mode, one event a message.

Extension attributes are lower case and without separators because CloudEvents asks for that.
"""

from __future__ import annotations

from msgspec import UNSET, Raw, Struct, UnsetType

CONTENT_TYPE = "application/cloudevents+json"
SEQUENCE_DIGITS = 12

WORKERS = "/workers/"
RECORDERS = "/recorders/"


class Event(Struct, frozen=True, kw_only=True):
    """One fact. `data` stays raw until `type` and `dataversion` are known (`codec.decode_data`).

    `source` is `/workers/<id>` or `/recorders/<id>`; `sequence` is the number within (run, source), a zero-padded
    string so that it sorts as text (CloudEvents' sequence extension). `time` is RFC 3339 UTC in milliseconds.
    """

    id: str
    source: str
    type: str
    time: str
    spaceid: str
    data: Raw
    specversion: str = "1.0"
    datacontenttype: str = "application/json"
    dataversion: int = 1
    runid: str | UnsetType = UNSET
    runtimeid: str | UnsetType = UNSET
    sequence: str | UnsetType = UNSET
    status: str | UnsetType = UNSET
    name: str | UnsetType = UNSET
    pageid: str | UnsetType = UNSET
    contextid: str | UnsetType = UNSET
    connectionid: str | UnsetType = UNSET
    durationms: int | UnsetType = UNSET

    @property
    def number(self) -> int:
        """`sequence` as a number; 0 where the event has none."""
        return int(self.sequence) if self.sequence else 0

    @property
    def by_worker(self) -> bool:
        """Whether a worker wrote it; else a recorder did."""
        return self.source.startswith(WORKERS)


def worker_source(worker_id: str) -> str:
    """The CloudEvents source of a worker."""
    return WORKERS + worker_id


def recorder_source(recorder_id: str) -> str:
    """The CloudEvents source of a recorder."""
    return RECORDERS + recorder_id


def sequence_text(number: int) -> str:
    """A number as the envelope writes it: `000000000042`."""
    return f"{number:0{SEQUENCE_DIGITS}d}"
