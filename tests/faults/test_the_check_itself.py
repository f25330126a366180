"""The check after each misfortune sees what is missing, doubled, out of order or another's."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from schemas.codec import encode_event
from tests.support import recorder_spec as spec
from tests.support.faults.everything import assert_ordered, by_run, everything_is_there
from tests.support.faults.ledger import numbered
from tests.support.faults.scene import Scene
from tests.support.recorder_worker import FakeRun

NUMBERED = {"run": {1: "a", 2: "b", 3: "c"}}


def test_what_is_all_there_passes() -> None:
    assert_ordered(NUMBERED, {"run": [(1, "a"), (2, "b"), (3, "c"), (4, "d")]}, "here")


@pytest.mark.parametrize(
    "there",
    [
        [(1, "a"), (2, "b")],
        [(1, "a"), (3, "c")],
        [(1, "a"), (3, "c"), (2, "b")],
        [(1, "a"), (2, "b"), (2, "b"), (3, "c")],
        [(1, "a"), (2, "x"), (3, "c")],
        [],
    ],
    ids=["the last is missing", "one is missing", "order", "twice", "another's", "nothing"],
)
def test_what_is_not_all_there_is_seen(there: list[tuple[int, str]]) -> None:
    with pytest.raises(AssertionError, match="here, run run"):
        assert_ordered(NUMBERED, {"run": there}, "here")


def test_of_several_copies_the_first_counts() -> None:
    run = FakeRun("w1", "space", "runtime", "run")
    first, second = run.launching(), run.event("x.y")
    messages = [spec.message(at, event) for at, event in enumerate((first, second, first), 1)]
    messages.append(spec.raw_message(4, "runs.s.run.w1.x", encode_event(first)[:20]))
    assert by_run(messages) == {"run": [(1, first.id), (2, second.id)]}


def test_line_that_a_death_cut_short_is_not_in_the_ledger(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    ledger.write_text("run 1 a\nrun 2 b\nrun 3")
    assert numbered([ledger]) == {"run": {1: "a", 2: "b"}}


async def test_row_that_was_changed_is_seen(tmp_path: Path) -> None:
    async with Scene(tmp_path) as scene:
        [run] = await scene.start_runs(1)
        await scene.goes_on(100)
        await run.stop()
        await everything_is_there(scene)
        await scene.recorder.process.end()
        with sqlite3.connect(scene.recorder.database) as database:
            database.execute("UPDATE runs SET last_activity_at = created_at")
        database.close()
        await scene.recorder.process.start()
        await scene.is_ready(scene.recorder, "history")
        with pytest.raises(AssertionError, match="last_activity_at"):
            await everything_is_there(scene)
