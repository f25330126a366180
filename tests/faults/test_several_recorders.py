"""Recorders with files of their own: whatever befell each of them, they give the same answers, byte for byte."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from schemas import subjects
from tests.support.eventually import eventually
from tests.support.faults import tables
from tests.support.faults.everything import everything_is_there
from tests.support.faults.scene import PATIENCE_SECONDS, Recorder, Scene


async def test_recorders_that_died_or_came_late_answer_alike(tmp_path: Path) -> None:
    async with Scene(tmp_path, recorders=3) as scene:
        _, killed, late = scene.recorders
        await late.process.kill()
        for suffix in ("", "-wal", "-shm"):
            Path(f"{late.database}{suffix}").unlink(missing_ok=True)
        runs = await scene.start_runs()
        await scene.under_load()
        await killed.process.kill()
        await scene.goes_on()
        for recorder in (killed, late):
            await recorder.process.start()
            await scene.is_ready(recorder)
        for run in runs:
            await run.stop()
        found = await everything_is_there(scene)
        assert set(found.ends.values()) == {"runtime.stop_requested"}
        await _level(scene)
        answers = [await _answers(scene, each) for each in scene.recorders]
        assert len(answers[0]) > 20
        for path, body in answers[0].items():
            assert body == answers[1][path] == answers[2][path], path


async def _level(scene: Scene) -> None:
    """Wait until all stand at the same positions."""

    def positions() -> set[tuple[int, ...]]:
        streams = (subjects.RUNS, subjects.CONTROL)
        files = [recorder.database for recorder in scene.recorders]
        return {tuple(tables.position(file, stream) for stream in streams) for file in files}

    await eventually(lambda: len(positions()) == 1, PATIENCE_SECONDS, explain=positions)


async def _answers(scene: Scene, recorder: Recorder) -> dict[str, bytes]:
    """Each answer by its path; of a stream all its frames, with their ids."""
    found = {path: await _body(recorder, path) async for path in _paths(scene, recorder)}
    assert all(found.values())
    return found


async def _paths(scene: Scene, recorder: Recorder) -> AsyncIterator[str]:
    for path in ("/v1/runs", "/v1/runs?limit=2", "/v1/runtimes", "/v1/spaces"):
        yield path
    for run in scene.runs:
        events = f"/v1/runs/{run.id}/events"
        yield f"/v1/runs/{run.id}"
        yield f"/v1/runtimes/{run.runtime_id}"
        yield f"{events}?type=runtime.*"
        yield f"{events}/stream"
        query = {"limit": 100}
        while True:
            page = await recorder.http.get(events, params=query)
            yield str(page.request.url.raw_path.decode())
            if page.json()["nextCursor"] is None:
                break
            query = {"limit": 100, "cursor": page.json()["nextCursor"]}


async def _body(recorder: Recorder, path: str) -> bytes:
    answer = await recorder.http.get(path)
    assert answer.status_code == 200, answer.text
    return answer.content
