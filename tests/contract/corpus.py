"""The corpus: streams as they were recorded once, never edited, each with the tables that come of it.

    python -m tests.contract.corpus        writes the tables anew, and the checksums of streams that have none

A table that changes is seen in the diff of its file, and is what one meant, or is not.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from recorder.entries import Message
from recorder.ops.dump import lines
from recorder.projections import PROJECTIONS
from recorder.store import Transaction, open_store
from tests.support import recorder_spec as spec

HERE = Path(__file__).parent
CHECKSUMS = HERE / "checksums.txt"


class Recorded(Struct, rename="camel", omit_defaults=True):
    """A message of a stream, one line of JSON. `text` is its body, or `hex` where that is no text."""

    stream: str
    epoch: int
    position: int
    subject: str
    message_id: str = ""
    text: str = ""
    hex: str = ""

    @classmethod
    def of(cls, message: Message) -> Recorded:
        """A message as the corpus keeps it."""
        given = {name: getattr(message, name) for name in cls.__struct_fields__[:5]}
        try:
            return cls(**given, text=message.body.decode())
        except UnicodeDecodeError:
            return cls(**given, hex=message.body.hex())

    @property
    def message(self) -> Message:
        """The message as it was."""
        body = bytes.fromhex(self.hex) if self.hex else self.text.encode()
        return Message(
            stream=self.stream,
            epoch=self.epoch,
            position=self.position,
            subject=self.subject,
            body=body,
            message_id=self.message_id,
        )


def recordings() -> list[Path]:
    """All there are, in the order of their names."""
    return sorted(HERE.glob("v*/*.jsonl"))


def tables_beside(recording: Path) -> Path:
    """Where the tables that come of a recording stand."""
    return recording.with_suffix(".tables")


def read(recording: Path) -> list[Message]:
    """The messages of a recording, stream after stream; also of one that is packed (`.gz`)."""
    packed = recording.read_bytes()
    found = (gzip.decompress(packed) if recording.suffix == ".gz" else packed).splitlines()
    return [msgspec.json.decode(line, type=Recorded).message for line in found]


def write(recording: Path, messages: Sequence[Message]) -> None:
    """A new recording."""
    found = [msgspec.json.encode(Recorded.of(message)) for message in messages]
    lines_of_it = b"".join(line + b"\n" for line in found)
    packed = gzip.compress(lines_of_it, mtime=0) if recording.suffix == ".gz" else lines_of_it
    recording.write_bytes(packed)


async def tables_of(messages: Sequence[Message]) -> list[str]:
    """What a recorder's tables hold after these messages, a line of JSON a row."""
    with tempfile.TemporaryDirectory() as directory:
        async with open_store(Path(directory) / "x.db", PROJECTIONS) as store:
            for stream in sorted({message.stream for message in messages}):
                await spec.apply(store, [each for each in messages if each.stream == stream])
            return await store.write(_lines)


def _lines(transaction: Transaction) -> list[str]:
    """Of the log only who waits, for all else of it stands in the recording; and not what only the next event needs."""
    parked = transaction.rows(
        "SELECT stream, epoch, position, parked_owner FROM log WHERE parked ORDER BY 1, 2, 3"
    )
    rows = [json.loads(line) for line in lines(transaction.rows, PROJECTIONS)]
    rows = [row for row in rows if row[0] not in ("log", "activity_state")] + [
        ["parked", *row] for row in parked
    ]
    return [json.dumps(row, ensure_ascii=False) for row in rows]


def checksum(recording: Path) -> str:
    """A line of the list."""
    digest = hashlib.sha256(recording.read_bytes()).hexdigest()
    return f"{digest}  {recording.relative_to(HERE)}"


def main() -> None:
    """Write the tables of all recordings, and list those that are new."""
    known = CHECKSUMS.read_text().splitlines() if CHECKSUMS.exists() else []
    listed = {line.split()[1] for line in known}
    for recording in recordings():
        if str(recording.relative_to(HERE)) not in listed:
            known.append(checksum(recording))
        found = asyncio.run(tables_of(read(recording)))
        tables_beside(recording).write_text("".join(f"{line}\n" for line in found))
    CHECKSUMS.write_text("".join(f"{line}\n" for line in known))


if __name__ == "__main__":
    main()
