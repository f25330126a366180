"""`runreel verify --artifacts`: what of the artifact store is missing, another, or of nobody."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from schemas.artifacts import object_path
from schemas.events.artifact import ArtifactCreated
from tests.support.nats_server import NatsServer
from tests.support.ops.commands import Done, runreel
from tests.support.recorder_artifacts import make, object_of
from tests.support.recorder_running import Running, running, settings_for
from tests.support.recorder_worker import FakeRun, fake_worker, new_id

DAY_SECONDS = 24 * 3600


class Store(Struct):
    """A recorder that has three files of one run, and a store that has their contents."""

    recorder: Running
    run: FakeRun
    made: list[ArtifactCreated]

    def file(self, number: int) -> Path:
        return object_of(self.recorder, self.run, self.made[number].artifact_id)

    def put(self, age_seconds: int) -> str:
        """An object that no event names."""
        path = object_path(self.run.space_id, new_id())
        file = Path(self.recorder.settings.artifacts_url) / path
        file.write_bytes(b"stray")
        os.utime(file, times=(time.time() - age_seconds,) * 2)
        return path

    async def verify(self, *arguments: str) -> Done:
        settings = self.recorder.settings
        return await runreel(
            "verify",
            "--artifacts",
            *arguments,
            RUNREEL_DATABASE=settings.database,
            RUNREEL_NATS_URL="nats://127.0.0.1:9",  # it is not needed
            RUNREEL_ARTIFACTS_URL=settings.artifacts_url,
        )


@pytest.fixture
async def store(own_nats: NatsServer, tmp_path: Path) -> AsyncIterator[Store]:
    settings = settings_for(tmp_path, own_nats.url)
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        run = await worker.open()
        names = ("a.png", "b\x1b[31m\r\n.png", "c.png")
        made = [await make(recorder, worker, run, b"0123456789", name=name) for name in names]
        yield Store(recorder, run, made)


async def test_whole(store: Store) -> None:
    done = await store.verify()
    assert done.code == 0
    said = "✓ The artifact store has what the tables say: 3 files, 30 B, compared by size."
    assert done.out.startswith(said)
    done = await store.verify("--content")
    assert (done.code, "read and compared" in done.flat) == (0, True)
    found = (await store.verify("--json")).answer
    assert (found["whole"], found["files"], found["bytes"]) == (True, 3, 30)


async def test_missing_and_others(store: Store) -> None:
    store.file(0).unlink()
    store.file(1).write_bytes(b"01234")
    store.file(2).write_bytes(b"987654321x")
    done = await store.verify()
    assert done.code == 1
    assert "1 file of 3 are not in the store." in done.flat
    assert "1 file of 3 have another content." in done.flat
    assert "5 bytes instead of 10" in done.flat
    assert "\x1b" not in done.out
    done = await store.verify("--content", "--json")
    found = done.answer
    assert (done.code, found["missing"], found["different"]) == (1, 1, 2)
    reasons: dict[Any, Any] = {each["fileId"]: each["reason"] for each in found["wrong"]}
    assert reasons == {
        store.made[0].artifact_id: "missing",
        store.made[1].artifact_id: "size",
        store.made[2].artifact_id: "content",
    }
    assert {each["runId"] for each in found["wrong"]} == {store.run.run_id}


async def test_what_no_event_names(store: Store) -> None:
    """A worker stores first and tells then, so what is new may be told yet."""
    store.put(age_seconds=60)
    old = store.put(age_seconds=2 * DAY_SECONDS)
    done = await store.verify()
    assert done.code == 0
    assert "1 object (5 B), older than a day, that no event names." in done.flat
    found = (await store.verify("--json")).answer
    assert (found["strays"], found["strayBytes"]) == (1, 5)
    assert found["stray"] == [{"path": old, "sizeBytes": 5}]


async def test_store_that_cannot_be_read(store: Store) -> None:
    shutil.rmtree(store.recorder.settings.artifacts_url)
    done = await store.verify()
    assert done.code == 69
    assert "The artifact store cannot be read" in done.err


async def test_wrong_usage(store: Store) -> None:
    settings = store.recorder.settings
    done = await runreel("verify", "--content", RUNREEL_DATABASE=settings.database)
    assert done.code == 2
    assert "--content goes with --artifacts." in done.err
