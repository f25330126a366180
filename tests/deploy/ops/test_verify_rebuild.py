"""`runreel verify`, `rebuild` and `log repair` as people and scripts call them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from schemas.settings import RecorderSettings
from tests.support.nats_server import NatsServer
from tests.support.ops.commands import Done, runreel
from tests.support.recorder_running import running, settings_for
from tests.support.recorder_worker import FakeRun, fake_worker, new_id


@pytest.fixture
async def settings(own_nats: NatsServer, tmp_path: Path) -> AsyncIterator[RecorderSettings]:
    """Of a recorder that runs and has one run of four events."""
    settings = settings_for(tmp_path, own_nats.url)
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        run = FakeRun("w1", new_id(), new_id())
        position = await worker.publish(run, run.launching(), run.ready(), run.event("x.y"))
        position = await worker.publish(run, run.ended())
        await recorder.http.get("/healthz", headers={"x-runreel-min-position": f"RUNS={position}"})
        yield settings


async def command(settings: RecorderSettings, *arguments: str) -> Done:
    return await runreel(
        *arguments, RUNREEL_DATABASE=settings.database, RUNREEL_NATS_URL=settings.nats_url
    )


def damage(settings: RecorderSettings, sql: str) -> None:
    with closing(sqlite3.connect(settings.database)) as connection:
        connection.execute(sql)
        connection.commit()


async def test_verify_names_what_differs_and_rebuild_mends_it(settings: RecorderSettings) -> None:
    done = await command(settings, "verify")
    assert done.code == 0
    assert done.out.startswith("✓ The tables are what the streams make: ")
    damage(settings, "UPDATE runs SET late = 7")
    done = await command(settings, "verify")
    assert done.code == 1
    assert "first in runs.late at id " in done.flat
    assert "`runreel rebuild` makes them anew." in done.out
    assert "the tables have 7 replayed 0" in done.flat
    found = (await command(settings, "verify", "--json")).answer
    assert (found["equal"], found["difference"]["column"]) == (False, "late")
    done = await command(settings, "rebuild", "--dry-run")
    assert (done.code, "nothing would be lost" in done.out) == (0, True)
    done = await command(settings, "rebuild")
    assert (done.code, done.out.splitlines()[0]) == (0, "✓ The new tables are in place.")
    found = (await command(settings, "verify", "--json")).answer
    assert (found["equal"], found["leftOut"], found["positions"]["RUNS"]) == (True, 0, 4)


async def test_rebuild_refuses_to_lose(settings: RecorderSettings) -> None:
    damage(
        settings, "UPDATE log SET event_id = 'of no stream' WHERE stream = 'RUNS' AND position = 3"
    )
    done = await command(settings, "rebuild")
    assert done.code == 1
    assert "1 message of 1 run would be lost: the tables hold them, RUNS does not." in done.flat
    found = (await command(settings, "rebuild", "--accept-loss", "--json")).answer
    assert (found["replaced"], found["lost"][0]["messages"]) == (True, 1)
    assert (await command(settings, "verify")).code == 0


async def test_one_projection(settings: RecorderSettings) -> None:
    done = await command(settings, "rebuild", "--projection", "runs")
    assert (done.code, done.out.splitlines()[0]) == (0, "✓ The new tables are in place.")
    done = await command(settings, "rebuild", "--projection", "nothing")
    assert done.code == 1
    assert "No projection is named 'nothing'." in done.err


async def test_repair_of_what_is_whole(settings: RecorderSettings) -> None:
    done = await command(settings, "log", "repair")
    assert (done.code, "nothing to repair" in done.out) == (0, True)


async def test_without_nats(settings: RecorderSettings, own_nats: NatsServer) -> None:
    await own_nats.stop()
    for arguments in (("verify",), ("rebuild",), ("log", "repair")):
        assert (await command(settings, *arguments)).code == 69
    await own_nats.start()
