"""Commands: what the events of a run make of them, and how they are listed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw, structs

from recorder.projections import PROJECTIONS
from recorder.store import open_store
from schemas.actions import Navigate
from schemas.ends import BROWSER_CRASHED, HOST_LOST
from schemas.envelope import Event
from schemas.events.command import (
    CommandCancelling,
    CommandFinished,
    CommandProgress,
    CommandStarted,
)
from schemas.events.runtime import RuntimeLifecycle
from schemas.ids import derived_id
from tests.support import recorder_spec as spec
from tests.support.recorder_commands import cancelled, done, failed, queued
from tests.support.recorder_running import Running
from tests.support.recorder_worker import FakeRun, FakeWorker, new_id

ROWS = "SELECT * FROM commands ORDER BY sequence_no"
HOSTED = "SELECT * FROM commands WHERE execution_mode = 'hosted' ORDER BY sequence_no"
GO = Navigate(url="https://example.com/")
EARLY, LATER = "2026-01-01T00:00:01.000Z", "2026-01-01T00:00:09.000Z"


@pytest.fixture
def fake() -> FakeRun:
    return FakeRun("w1", "s", "rt", "run")


async def rows_of(
    directory: Path, events: list[Event], sql: str = ROWS, times: int = 1
) -> list[dict[str, Any]]:
    batch = [spec.message(at, event) for at, event in enumerate(events, 1)]
    return await spec.given(directory).when(batch, times=times).then(sql)


# what makes the table


@pytest.mark.parametrize("times", [1, 2, 3])
async def test_an_invocation_from_queue_to_end(tmp_path: Path, fake: FakeRun, times: int) -> None:
    events = [fake.launching(), fake.ready(), queued(fake, "c", GO), *done(fake, "c", {"a": 1})]
    start, command = await rows_of(tmp_path, events, times=times)
    assert (start["entry_call"], start["status"], start["sequence_no"]) == (
        "runtimes.start",
        "succeeded",
        1,
    )
    assert (start["created_at"], start["finished_at"]) == (events[0].time, events[1].time)
    assert start["id"] == derived_id("command", "run", "runtimes.start")
    assert command["request"] == b'{"action":"navigate","url":"https://example.com/"}'
    assert (command["entry_call"], command["action"]) == (
        "runtimes.invocations.create",
        "navigate",
    )
    assert (command["status"], command["result"], command["sequence_no"]) == (
        "succeeded",
        b'{"a":1}',
        2,
    )
    assert (command["created_at"], command["started_at"], command["finished_at"]) == (
        events[2].time,
        events[3].time,
        events[-1].time,
    )


@pytest.mark.parametrize(
    ("course", "status", "code"),
    [
        (lambda run: [], "queued", None),
        (lambda run: [run.event(CommandStarted(command_id="c"))], "running", None),
        (
            lambda run: [
                run.event(CommandCancelling(command_id="c")),
                run.event(CommandStarted(command_id="c")),
            ],
            "cancelling",
            None,
        ),
        (lambda run: cancelled(run, "c"), "cancelled", "invocation.cancelled"),
        (lambda run: [failed(run, "c")], "failed", "invocation.no_match"),
        (
            lambda run: [failed(run, "c", outcome="timed_out", code="invocation.timed_out")],
            "timed_out",
            "invocation.timed_out",
        ),
        (lambda run: [*done(run, "c"), failed(run, "c")], "succeeded", None),
        (lambda run: [failed(run, "c"), *done(run, "c")], "failed", "invocation.no_match"),
        (lambda run: [run.ended(BROWSER_CRASHED)], "failed", "browser.crashed"),
        (lambda run: [*done(run, "c"), run.ended(BROWSER_CRASHED)], "succeeded", None),
        (lambda run: [run.ended(HOST_LOST), *done(run, "c")], "failed", "runtime.host_lost"),
        (
            lambda run: [run.ended(HOST_LOST), run.ended(BROWSER_CRASHED)],
            "failed",
            "runtime.host_lost",
        ),
    ],
)
async def test_the_first_end_stands(
    tmp_path: Path,
    fake: FakeRun,
    course: Callable[[FakeRun], list[Event]],
    status: str,
    code: str | None,
) -> None:
    events = [fake.launching(), fake.ready(), queued(fake, "c", GO)]
    [row] = await rows_of(tmp_path, [*events, *course(fake)], HOSTED)
    assert (row["status"], row["error_code"]) == (status, code)
    assert (row["finished_at"] is None) == (code is None and status != "succeeded")


async def test_one_that_comes_after_the_end_of_its_run_has_ended(
    tmp_path: Path, fake: FakeRun
) -> None:
    events = [fake.launching(), fake.ended(HOST_LOST), queued(fake, "c", GO), *done(fake, "c")]
    [row] = await rows_of(tmp_path, events, HOSTED)
    assert (row["status"], row["error_code"]) == ("failed", "runtime.host_lost")
    assert row["finished_at"] >= row["created_at"]


@pytest.mark.parametrize("by", ["the command", "the run"])
async def test_none_ends_before_it_starts(tmp_path: Path, fake: FakeRun, by: str) -> None:
    """By the clock of a host that was set back, or of the recorder that ended its run."""
    end = RuntimeLifecycle(phase="ended", code="runtime.host_lost", message="Lost.")
    ends = {
        "the command": fake.event(CommandFinished(command_id="c"), time=EARLY),
        "the run": fake.event(end, status="failed", time=EARLY),
    }
    events = [
        structs.replace(queued(fake, "c", GO), time=EARLY),
        fake.event(CommandStarted(command_id="c"), time=LATER),
        ends[by],
    ]
    [row] = await rows_of(tmp_path, events, HOSTED)
    assert (row["created_at"], row["started_at"], row["finished_at"]) == (EARLY, LATER, LATER)


async def test_others_are_left_alone(tmp_path: Path, fake: FakeRun) -> None:
    other = FakeRun("w1", "s", "rt", "other")
    events = [queued(fake, "c", GO), queued(other, "d", GO), *done(other, "c"), other.ended()]
    rows = await rows_of(tmp_path, events, "SELECT id, status FROM commands ORDER BY id")
    assert rows == [{"id": "c", "status": "queued"}, {"id": "d", "status": "failed"}]


async def test_an_id_of_two_runs_is_each_ones_own(tmp_path: Path, fake: FakeRun) -> None:
    """Whichever of them comes first: one may have been parked."""
    other = FakeRun("w1", "s", "rt", "other")
    mine, theirs = [queued(fake, "c", GO), *done(fake, "c")], [queued(other, "c", GO)]
    sql = "SELECT run_id, id, status FROM commands ORDER BY run_id"
    for number, events in enumerate(([*mine, *theirs], [*theirs, *mine])):
        assert await rows_of(tmp_path / str(number), events, sql) == [
            {"run_id": "other", "id": "c", "status": "queued"},
            {"run_id": "run", "id": "c", "status": "succeeded"},
        ]


async def test_progress_and_artifacts(tmp_path: Path, fake: FakeRun) -> None:
    finished = CommandFinished(
        command_id="c", artifact_ids=["a", "b"], result_artifact_id="b", result=Raw(b"null")
    )
    events = [
        queued(fake, "c", GO),
        fake.event(CommandProgress(command_id="c", done=1, total=3)),
        fake.event(finished),
    ]
    [row] = await rows_of(tmp_path, events)
    assert (row["done"], row["total"]) == (1, 3)
    assert (row["artifact_ids"], row["result_artifact_id"]) == (b'["a","b"]', "b")
    assert row["result"] == b"null"


def stopped(run: FakeRun, status: str = "stopped") -> Event:
    data = RuntimeLifecycle(
        phase="ended", code="runtime.stop_requested", message="Bye.", requested_at=EARLY
    )
    return run.event(data, status=status, time=LATER)


@pytest.mark.parametrize(("status", "outcome"), [("stopped", "succeeded"), ("failed", "failed")])
async def test_a_stop_is_a_command_too(
    tmp_path: Path, fake: FakeRun, status: str, outcome: str
) -> None:
    events = [fake.launching(), fake.ready(), stopped(fake, status)]
    _, stop = await rows_of(tmp_path, events)
    assert (stop["entry_call"], stop["execution_mode"]) == ("runtimes.stop", "internal")
    assert (stop["status"], stop["created_at"], stop["finished_at"]) == (outcome, EARLY, LATER)
    assert (stop["error_message"] == "Bye.") == (outcome == "failed")


async def test_a_launch_that_failed(tmp_path: Path, fake: FakeRun) -> None:
    [start] = await rows_of(tmp_path, [fake.launching(), fake.ended(BROWSER_CRASHED)])
    assert (start["status"], start["error_code"]) == ("failed", "browser.crashed")


async def test_any_batches_make_the_same(tmp_path: Path, fake: FakeRun) -> None:
    ids = [f"c{number}" for number in range(4)]
    events = [fake.launching(), fake.ready(), *[queued(fake, each, GO) for each in ids]]
    events += [each for name in ids[:2] for each in done(fake, name)]
    events += [failed(fake, ids[2]), stopped(fake), *done(fake, ids[3])]
    batch = [spec.message(at, event) for at, event in enumerate(events, 1)]
    dumps = []
    for size in (1, 3, len(batch)):
        async with open_store(tmp_path / f"{size}.db", PROJECTIONS) as store:
            for at in range(0, len(batch), size):
                await spec.apply(store, batch[at : at + size])
            dumps.append(await spec.dump(store))
    assert dumps[0] == dumps[1] == dumps[2]


# how they are listed


@pytest.fixture
async def busy(worker: FakeWorker, run: FakeRun) -> tuple[FakeRun, list[str]]:
    """A run with four invocations: done, failed, being given up, waiting."""
    ids = [new_id() for _ in range(4)]
    told = [queued(run, each, GO) for each in ids]
    told += [*done(run, ids[0], "out"), failed(run, ids[1], details=Raw(b'{"count":0}'))]
    told += [
        run.event(CommandStarted(command_id=ids[2])),
        run.event(CommandProgress(command_id=ids[2], done=1, total=2)),
        run.event(CommandCancelling(command_id=ids[2])),
    ]
    await worker.publish(run, *told)
    return run, ids


async def ids_of(recorder: Running, path: str, **query: Any) -> list[str]:
    return [each["id"] for each in (await recorder.get(path, **query))["data"]]


async def until_shown(recorder: Running, run: FakeRun) -> None:
    while (await recorder.get(f"/v1/runs/{run.run_id}"))["lastSequence"] < run.number:
        pass


async def test_commands_are_listed(recorder: Running, busy: tuple[FakeRun, list[str]]) -> None:
    run, ids = busy
    await until_shown(recorder, run)
    path = f"/v1/runs/{run.run_id}/commands"
    data = (await recorder.get(path))["data"]
    assert [each["sequenceNo"] for each in data] == [1, 2, 3, 4, 5]
    assert [each["id"] for each in data[1:]] == ids
    assert [each["status"] for each in data] == [
        *("succeeded", "succeeded", "failed", "running", "queued")
    ]
    assert [each["executionMode"] for each in data] == ["internal", *["hosted"] * 4]
    assert data[3]["progress"] == {"done": 1, "total": 2}
    assert not [each for each in data if {"request", "result", "error"} & set(each)]
    assert await ids_of(recorder, path, executionMode="hosted") == ids
    assert await ids_of(recorder, path, status="running,queued") == ids[2:]
    assert await ids_of(recorder, path, executionMode="hosted", order="desc") == ids[::-1]
    one = await recorder.get(f"{path}/{ids[1]}", include="error")
    assert one == {
        **data[2],
        "error": {
            "code": "invocation.no_match",
            "message": "Nothing matches.",
            "details": {"count": 0},
        },
    }


async def test_parts_are_told_where_they_are_asked_for(
    recorder: Running, busy: tuple[FakeRun, list[str]]
) -> None:
    run, _ = busy
    await until_shown(recorder, run)
    path = f"/v1/runs/{run.run_id}/commands"
    data = (await recorder.get(path, include="request,result,error"))["data"]
    assert data[0]["request"] is None
    assert data[1]["request"] == {"action": "navigate", "url": "https://example.com/"}
    assert [each["result"] for each in data] == [None, "out", None, None, None]
    assert [each["error"] and each["error"]["code"] for each in data] == [
        *(None, None, "invocation.no_match", None, None)
    ]


@pytest.mark.parametrize("order", ["asc", "desc"])
@pytest.mark.parametrize("what", ["commands", "invocations"])
async def test_pages_in_both_orders(
    recorder: Running, busy: tuple[FakeRun, list[str]], what: str, order: str
) -> None:
    run, _ = busy
    await until_shown(recorder, run)
    path = f"/v1/runs/{run.run_id}/{what}"
    pages = [await recorder.get(path, order=order, limit=2)]
    while (cursor := pages[-1]["nextCursor"]) is not None:
        pages.append(await recorder.get(path, order=order, limit=2, cursor=cursor))
    found = [each["id"] for page in pages for each in page["data"]]
    assert found == await ids_of(recorder, path, order=order)
    assert len(pages) > 1


async def test_counts(recorder: Running, busy: tuple[FakeRun, list[str]]) -> None:
    run, _ = busy
    await until_shown(recorder, run)
    counts = (await recorder.get(f"/v1/runs/{run.run_id}"))["counts"]
    assert (counts["invocations"], counts["toolCalls"]) == (4, 1)


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"status": "done"}, "$.status"),
        ({"executionMode": "remote"}, "$.executionMode"),
        ({"include": "everything"}, "$.include"),
        ({"cursor": "made-up"}, "$.cursor"),
        ({"order": "up"}, "$.order"),
    ],
)
async def test_bad_queries(
    recorder: Running, run: FakeRun, query: dict[str, str], path: str
) -> None:
    answer = await recorder.http.get(f"/v1/runs/{run.run_id}/commands", params=query)
    assert (answer.status_code, answer.json()["details"]["path"]) == (400, path)


async def test_what_is_not_there(
    recorder: Running, run: FakeRun, busy: tuple[FakeRun, list[str]]
) -> None:
    _, ids = busy
    other = (await recorder.post("/v1/runtimes", {"start": True}, status=201))["activeRunId"]
    for path, code in (
        (f"/v1/runs/{run.run_id}/commands/{new_id()}", "command.not_found"),
        (f"/v1/runs/{other}/commands/{ids[0]}", "command.not_found"),
        (f"/v1/runs/{new_id()}/commands", "run.not_found"),
        (f"/v1/runs/{new_id()}/commands/{ids[0]}", "run.not_found"),
        (f"/v1/runs/{new_id()}/invocations", "run.not_found"),
        (f"/v1/runs/{other}/invocations/{ids[0]}", "invocation.not_found"),
        (
            f"/v1/runs/{run.run_id}/invocations/{derived_id('command', run.run_id, 'runtimes.start')}",
            "invocation.not_found",
        ),
    ):
        answer = await recorder.http.get(path)
        assert (answer.status_code, answer.json()["code"]) == (404, code), path
