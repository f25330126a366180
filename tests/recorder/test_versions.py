"""Bodies of other versions: the one before is read by a step, the one after parks its run until an upgrade."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from recorder import quarantine
from recorder.projections import PROJECTIONS
from recorder.store import open_store
from schemas import codec, upcast
from schemas.envelope import Event
from schemas.events import EVENT_TYPES
from tests.support import recorder_spec as spec
from tests.support.recorder_worker import FakeRun, new_id

LIFECYCLE = "runtime.lifecycle"


def use_version(monkeypatch: pytest.MonkeyPatch, version: int) -> None:
    """As if `phase` had been called `step` in version 1, and had got its name with version 2."""
    spec_now = msgspec.structs.replace(EVENT_TYPES[LIFECYCLE], version=version)
    monkeypatch.setitem(EVENT_TYPES, LIFECYCLE, spec_now)
    monkeypatch.setitem(upcast.STEPS, (LIFECYCLE, 1), lambda body: {"phase": body["step"]})
    monkeypatch.setitem(upcast.STEPS, (LIFECYCLE, 2), dict)


def life(run: FakeRun, version: int, body: dict[str, Any]) -> Event:
    event = run.event(LIFECYCLE, dataversion=version, status="stopped")
    return msgspec.structs.replace(event, data=msgspec.Raw(codec.encode(body)))


@pytest.fixture
def run() -> FakeRun:
    return FakeRun("w1", new_id(), new_id())


async def test_the_version_before_is_read(
    tmp_path: Path, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_version(monkeypatch, 2)
    batch = [
        spec.message(1, life(run, 1, {"step": "launching"})),
        spec.message(2, life(run, 2, {"phase": "ended"})),
    ]
    [row] = await spec.given(tmp_path).when(batch).then("SELECT * FROM runs")
    assert (row["status"], row["events"], row["late"]) == ("stopped", 2, 0)


async def test_body_that_no_step_can_take_parks_its_run(
    tmp_path: Path, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_version(monkeypatch, 2)
    batch = [spec.message(1, life(run, 1, {"phase": "launching"}))]
    [row] = await spec.given(tmp_path).when(batch).then("SELECT * FROM quarantine")
    assert (row["code"], row["owner"]) == ("event.unreadable", run.run_id)
    assert "KeyError" in row["reason"]


async def test_the_version_after_waits_for_the_upgrade(
    tmp_path: Path, run: FakeRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "x.db"
    use_version(monkeypatch, 2)
    events = [life(run, 2, {"phase": "launching"}), life(run, 3, {"phase": "ended"})]
    async with open_store(file, PROJECTIONS) as store:
        await spec.apply(store, [spec.message(at, each) for at, each in enumerate(events, 1)])
        [parked] = await quarantine.find_all(store)
        assert (parked.code, parked.position) == ("event.from_the_future", 2)
        [row] = await store.rows("SELECT status FROM runs")
        assert row["status"] == "active"
    use_version(monkeypatch, 3)
    async with open_store(file, PROJECTIONS) as store:
        assert await quarantine.find_all(store) == []
        [row] = await store.rows("SELECT status FROM runs")
        assert row["status"] == "stopped"
