"""A worker that knows, or guesses, which ids recorders will give takes nothing from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder import app, finaliser, quarantine
from recorder.entries import MISPLACED, read
from recorder.parts import Recorder
from recorder.queries.runs import OpenRun
from schemas import codec, subjects
from schemas.ends import HOST_LOST
from schemas.ids import derived_id, fact_id
from tests.support import recorder_spec as spec
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import settings_for
from tests.support.recorder_worker import FakeRun, FakeWorker, fake_worker, new_id


@pytest.mark.nats
async def test_the_digest_of_another_run(
    own_nats: NatsServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finaliser, "ROUND_SECONDS", 0.05)
    async with (
        app.open_recorder(settings_for(tmp_path, own_nats.url)) as recorder,
        fake_worker(own_nats.url, "true") as true,
        fake_worker(own_nats.url, "thief") as thief,
    ):
        run, theirs = await true.open(), await thief.open()
        taken = fact_id("run", run.run_id, "finalised")
        await thief.publish(theirs, theirs.event("x.y", id=taken))
        await true.end(run)
        await eventually(lambda: has_digest(recorder, run))
        [kept_aside] = await quarantine.find_all(recorder.store)
        assert (kept_aside.code, kept_aside.owner) == (MISPLACED, theirs.run_id)


async def has_digest(recorder: Recorder, run: FakeRun) -> bool:
    rows = await recorder.store.rows("SELECT id FROM digests")
    return [row["id"] for row in rows] == [run.run_id]


@pytest.mark.nats
async def test_the_end_of_another_run(own_nats: NatsServer, tmp_path: Path) -> None:
    """Its id is random, and not asked for: what is fenced is the subject, on which recorders alone write."""
    async with (
        app.open_recorder(settings_for(tmp_path, own_nats.url)) as recorder,
        fake_worker(own_nats.url) as worker,
    ):
        run = await worker.open()
        lost = OpenRun(id=run.run_id, runtime_id=run.runtime_id, space_id=run.space_id)
        [first, again] = [await recorder.facts.end_run(lost, HOST_LOST) for _ in range(2)]
        assert first == again
        stored = await stored_at(worker, first)
        assert stored == f"runs.{run.space_id}.{run.run_id}.recorder.runtime.lifecycle"
        ended = await worker._js.stream_info(subjects.RUNS, subjects_filter=stored)
        assert ended.state.subjects == {stored: 1}


async def stored_at(worker: FakeWorker, position: int) -> str:
    return str((await worker._js.get_msg(subjects.RUNS, position)).subject)


@pytest.mark.parametrize(
    ("event_id", "is_taken"),
    [
        (fact_id("file", "one", "created"), True),
        (derived_id("ingested", "run", "what-an-agent-says"), False),
        (new_id(), False),
        ("", False),
    ],
)
def test_only_recorders_give_ids_of_facts(event_id: str, is_taken: bool) -> None:
    run = FakeRun("w1", new_id(), new_id())
    event = run.event("x.y", id=event_id)
    entry = read(spec.raw_message(1, run.subject(event), codec.encode_event(event)))
    assert (entry.code == MISPLACED) is is_taken
