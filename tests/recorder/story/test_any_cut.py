"""The same events give the same rows, however they are cut: in order, out of order, half missing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder.entries import Entry, read
from recorder.story.fold import HANDLERS
from recorder.story.state import MOST_OPEN, MOST_ROWS
from schemas import subjects
from schemas.events import EVENT_TYPES
from tests.contract import corpus, told
from tests.support.recorder_streams import streams
from tests.support.story_script import as_table, tell

SETTINGS = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
RECORDINGS = [*corpus.recordings(), *told.stories()]


def _entries(recording: Path) -> list[Entry]:
    """Those of the recording's first run."""
    found = [read(each) for each in corpus.read(recording) if each.stream == subjects.RUNS]
    runs = [entry.run_id for entry in found if entry.event is not None]
    return [entry for entry in found if runs and entry.run_id == runs[0]]


def _check(entries: Sequence[Entry], cuts: Sequence[int]) -> None:
    whole, state = tell(entries)
    again, same = tell(entries, cuts)
    assert as_table(again) == as_table(whole)
    assert same == state
    assert state is None or (len(state.rows) <= MOST_OPEN and state.made == len(whole))
    assert len({row.id for row in whole}) == len(whole)
    ended = state is not None and state.ended
    assert not (ended and [row for row in whole if row.status == "started"])


@pytest.mark.parametrize("recording", RECORDINGS, ids=told.name_of)
def test_one_by_one_is_as_at_once(recording: Path) -> None:
    entries = _entries(recording)
    _check(entries, range(1, len(entries)))


@pytest.mark.parametrize("recording", RECORDINGS, ids=told.name_of)
@SETTINGS
@given(data=st.data())
def test_any_order_and_any_hole(recording: Path, data: st.DataObject) -> None:
    entries = _entries(recording)
    if data.draw(st.booleans(), "holes"):
        gone = data.draw(st.sets(st.integers(0, max(0, len(entries) - 1)), max_size=30))
        entries = [entry for at, entry in enumerate(entries) if at not in gone]
    if data.draw(st.booleans(), "out of order") and entries:
        for _ in range(data.draw(st.integers(1, 20))):
            entry = entries.pop(data.draw(st.integers(0, len(entries) - 1)))
            entries.insert(data.draw(st.integers(0, len(entries))), entry)
    _check(entries, data.draw(st.lists(st.integers(1, max(1, len(entries) - 1)), max_size=20)))


@SETTINGS
@given(data=st.data())
def test_any_stream_at_all(data: st.DataObject) -> None:
    found = [read(message) for message in data.draw(streams(subjects.RUNS))]
    entries = [entry for entry in found if entry.run_id == "one" and entry.event is not None]
    _check(entries, data.draw(st.lists(st.integers(1, 30), max_size=20)))


def test_no_type_of_rows_is_without_bound() -> None:
    assert MOST_ROWS * len(EVENT_TYPES) < 100_000


SILENT = {
    "network.websocket.opened",  # its creation and its end are told
    "page.frame",  # what it shows is told
    # On CONTROL
    "file.created", "key.created", "key.expiring", "key.revoked", "run.finalised", "runtime.created",
    "runtime.deleted", "runtime.updated",
    "space.created", "space.deleted", "space.updated",
}  # fmt: skip


def test_every_type_of_event_is_told_or_known_to_be_silent() -> None:
    told = {name for name, kind in EVENT_TYPES.items() if kind.struct in HANDLERS}
    assert told | SILENT == set(EVENT_TYPES)
