"""What was recorded once is read for ever: the same streams make the same tables, and no stream was edited."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.entries import read as entry_of
from schemas.events import EVENT_TYPES
from tests.contract import corpus

RECORDINGS = corpus.recordings()
MOST_BYTES = 400_000
# Of these no stack makes one when asked: a flood; a server that speaks WebSocket.
NOT_RECORDED = {
    ("events.suppressed", 1),
    ("network.websocket.opened", 1),
}


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
async def test_tables_are_what_they_were(recording: Path) -> None:
    found = await corpus.tables_of(corpus.read(recording))
    wanted = corpus.tables_beside(recording).read_text().splitlines()
    assert found == wanted, "if this is meant: python -m tests.contract.corpus, and read the diff"


def test_no_recording_was_edited() -> None:
    listed = corpus.CHECKSUMS.read_text().splitlines()
    assert listed == [corpus.checksum(recording) for recording in sorted_as(listed)]
    assert {line.split()[1] for line in listed} == {
        str(recording.relative_to(corpus.HERE)) for recording in RECORDINGS
    }


def sorted_as(listed: list[str]) -> list[Path]:
    return [corpus.HERE / line.split()[1] for line in listed]


def test_every_version_of_every_type_was_recorded() -> None:
    entries = [entry_of(each) for recording in RECORDINGS for each in corpus.read(recording)]
    found = {(e.event.type, e.event.dataversion) for e in entries if e.event and not e.error}
    wanted = {
        (kind.name, version)
        for kind in EVENT_TYPES.values()
        for version in range(1, kind.version + 1)
    }
    assert wanted - found == NOT_RECORDED


def test_it_is_small() -> None:
    assert sum(recording.stat().st_size for recording in RECORDINGS) < MOST_BYTES
