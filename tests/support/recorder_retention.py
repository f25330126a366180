"""Runs that leave the stream and then the tables."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from schemas.events.page import PageOpened
from tests.support.eventually import eventually
from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeRun, FakeWorker


async def started(recorder: Running, worker: FakeWorker, events: int = 0) -> FakeRun:
    """A run of a runtime of its own, with so many events after the first two; the recorder shows them."""
    runtime = await recorder.post("/v1/runtimes", {}, status=201)
    answer = await recorder.post(f"/v1/runtimes/{runtime['id']}/start")
    run = worker.runs[answer["runId"]]
    await worker.publish(run, *[run.event(PageOpened(url="x")) for _ in range(events)])

    async def is_shown() -> bool:
        shown = await recorder.get(f"/v1/runs/{run.run_id}")
        return bool(shown["lastSequence"] >= run.number)

    await eventually(is_shown)
    return run


async def finalised(recorder: Running, worker: FakeWorker, *runs: FakeRun) -> None:
    """Until CONTROL has the digests of these runs."""

    async def has_digests() -> bool:
        info = await worker._js.stream_info("CONTROL", subjects_filter="control.*.run.*.finalised")
        there = {subject.split(".")[3] for subject in info.state.subjects or {}}
        return there >= {run.run_id for run in runs}

    await eventually(has_digests)


async def age(worker: FakeWorker, *, keep: int = 0) -> None:
    """Let the stream drop all but its newest messages, as its age would."""
    last = (await worker._js.stream_info("RUNS")).state.last_seq
    await worker._js.purge_stream("RUNS", seq=last - keep + 1)


async def has_left(recorder: Running, run: FakeRun) -> bool:
    answer = await recorder.http.get(f"/v1/runs/{run.run_id}/events")
    return answer.status_code == 410


def beside(recorder: Running, sql: str, *values: object) -> list[Any]:
    """The rows of a query, asked beside the recorder."""
    file = Path(recorder.settings.database).as_uri()
    with closing(sqlite3.connect(f"{file}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, values).fetchall()


def rows_of(recorder: Running, run: FakeRun) -> list[int]:
    """How many rows the tables still have of a run: log, events, runs."""
    tables = (
        ("log", "run_id", "AND stream = 'RUNS'"),
        ("events", "run_id", ""),
        ("runs", "id", ""),
    )
    return [
        len(beside(recorder, f"SELECT * FROM {table} WHERE {column} = ? {of_runs}", run.run_id))
        for table, column, of_runs in tables
    ]


async def rows_become(recorder: Running, run: FakeRun, expected: list[int]) -> None:
    await eventually(
        lambda: rows_of(recorder, run) == expected, explain=lambda: rows_of(recorder, run)
    )
