"""What the tables become: every spec holds for one, two and three deliveries of the same batch."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from recorder.entries import Message
from schemas import codec, subjects
from schemas.ends import BROWSER_CRASHED
from schemas.envelope import Event, recorder_source
from schemas.events import EventData, type_of
from schemas.events.console import ConsoleMessage
from schemas.events.page import PageOpened
from schemas.events.run import RunFinalised
from schemas.events.runtime import RuntimeCreated, RuntimeDeleted, RuntimeUpdated
from schemas.events.space import SpaceCreated, SpaceDeleted, SpaceUpdated
from schemas.runtime_config import RuntimeConfig
from tests.support import recorder_spec as spec
from tests.support.recorder_worker import GATEWAY, FakeRun, new_id

RUNS = "SELECT * FROM runs"
EVENTS = "SELECT sequence, type, late, terminal FROM events ORDER BY position"

pytestmark = pytest.mark.parametrize("times", [1, 2, 3])


@pytest.fixture
def run() -> FakeRun:
    return FakeRun("w1", space_id=new_id(), runtime_id=new_id())


async def test_run_from_launch_to_end(tmp_path: Path, run: FakeRun, times: int) -> None:
    events = [run.launching(), run.ready(), run.event(PageOpened(url="about:blank")), run.ended()]
    batch = [spec.message(at, event) for at, event in enumerate(events, 1)]
    [row] = await spec.given(tmp_path).when(batch, times=times).then(RUNS)
    assert row["status"] == "stopped"
    assert (row["created_at"], row["started_at"]) == (events[0].time, events[1].time)
    assert (row["finished_at"], row["end_code"]) == (events[3].time, "runtime.stop_requested")
    assert (row["gateway_url"], row["wall"], row["egress"]) == (GATEWAY, "uid", "proxy")
    assert (row["events"], row["last_sequence"], row["arrived"], row["late"]) == (4, 4, 4, 0)


async def test_run_whose_first_event_is_missing(tmp_path: Path, run: FakeRun, times: int) -> None:
    run.number = 4
    opened = run.event(PageOpened(url="about:blank"))
    [row] = await spec.given(tmp_path).when([spec.message(1, opened)], times=times).then(RUNS)
    assert (row["status"], row["created_at"], row["started_at"]) == ("active", opened.time, None)
    assert (row["wall"], row["egress"]) == (None, None)
    assert (row["last_sequence"], row["arrived"]) == (5, 1)


async def test_launch_that_comes_last_sets_the_making(
    tmp_path: Path, run: FakeRun, times: int
) -> None:
    first = run.launching()
    second = run.event(PageOpened(url="about:blank"))
    batch = [spec.message(1, second), spec.message(2, first)]
    [row] = await spec.given(tmp_path).when(batch, times=times).then(RUNS)
    assert (row["created_at"], row["gateway_url"]) == (first.time, GATEWAY)
    assert row["last_sequence"] == row["arrived"] == 2


async def test_what_comes_after_the_end_is_late_and_reopens_nothing(
    tmp_path: Path, run: FakeRun, times: int
) -> None:
    events = [run.launching(), run.ended(BROWSER_CRASHED), run.ready(), run.ended()]
    batch = [spec.message(at, event) for at, event in enumerate(events, 1)]
    [row] = await spec.given(tmp_path).when(batch, times=times).then(RUNS)
    assert (row["status"], row["end_code"]) == ("failed", "browser.crashed")
    assert (row["finished_at"], row["late"], row["events"]) == (events[1].time, 2, 4)


async def test_late_is_marked_on_each_event(tmp_path: Path, run: FakeRun, times: int) -> None:
    events = [run.launching(), run.ended(), run.event(ConsoleMessage(level="info", text="x"))]
    batch = [spec.message(at, event) for at, event in enumerate(events, 1)]
    rows = await spec.given(tmp_path).when(batch, times=times).then(EVENTS)
    assert [(row["terminal"], row["late"]) for row in rows] == [(0, 0), (1, 0), (0, 1)]


async def test_facts_of_a_recorder_are_not_numbers_of_the_worker(
    tmp_path: Path, run: FakeRun, times: int
) -> None:
    lost = run.event(PageOpened(url=""), number=1, source=recorder_source("r1"))
    subject = subjects.run_event(run.space_id, run.run_id, subjects.RECORDER, lost.type)
    body = spec.message(1, lost).body
    batch = [spec.raw_message(1, subject, body), spec.message(2, run.event("x.y", number=1))]
    [row] = await spec.given(tmp_path).when(batch, times=times).then(RUNS)
    assert (row["events"], row["last_sequence"], row["arrived"]) == (2, 1, 1)


async def test_unknown_type_is_kept(tmp_path: Path, run: FakeRun, times: int) -> None:
    batch = [spec.message(1, run.event("network.from.the.future"))]
    [row] = await spec.given(tmp_path).when(batch, times=times).then("SELECT * FROM events")
    assert (row["type"], row["category"]) == ("network.from.the.future", "network")


async def test_newer_version_parks_its_run(tmp_path: Path, run: FakeRun, times: int) -> None:
    batch = [spec.message(1, run.event(PageOpened(url=""), dataversion=99))]
    [row] = await spec.given(tmp_path).when(batch, times=times).then("SELECT * FROM quarantine")
    assert (row["owner"], row["code"]) == (run.run_id, "event.from_the_future")
    assert "version 99" in row["reason"]


@pytest.mark.parametrize(
    "body",
    [b"", b"not json", b"\xff\xfe", b"{}", b"[]", b'{"id": 1}'],
    ids=["empty", "text", "not-utf8", "object", "list", "number"],
)
async def test_unreadable_message_is_kept_at_its_position_and_parks_its_run(
    tmp_path: Path, run: FakeRun, times: int, body: bytes
) -> None:
    subject = subjects.run_event(run.space_id, run.run_id, "w1", "page.opened")
    good = spec.message(2, run.launching())
    rows = await (
        spec.given(tmp_path, spec.raw_message(1, subject, body))
        .when([good], times=times)
        .then("SELECT position, raw, parked, parked_owner, run_id FROM log ORDER BY position")
    )
    assert [(row["position"], row["parked"]) for row in rows] == [(1, 1), (2, 1)]
    assert (rows[0]["raw"], rows[0]["run_id"], rows[0]["parked_owner"]) == (
        body,
        run.run_id,
        run.run_id,
    )


@pytest.mark.parametrize(
    "attributes",
    [
        {"source": "/workers/another"},
        {"runid": new_id()},
        {"spaceid": new_id()},
        {"sequence": "9" * 30},
        {"sequence": "-1"},
        {"durationms": 2**63 - 1},
    ],
    ids=lambda given: "-".join(given),
)
async def test_event_that_lies_changes_no_table(
    tmp_path: Path, run: FakeRun, times: int, attributes: dict[str, Any]
) -> None:
    event = run.event(PageOpened(url=""), **attributes)
    subject = subjects.run_event(run.space_id, run.run_id, "w1", event.type)
    body = spec.message(1, event).body
    batch = [spec.raw_message(1, subject, body)]
    assert await spec.given(tmp_path).when(batch, times=times).then("SELECT * FROM runs") == []


def _fact(data: EventData, name: str, second: int = 0) -> Message:
    """What a recorder says of the resource `name` on CONTROL, so many seconds into the year."""
    event = Event(
        id=new_id(),
        source=recorder_source("r1"),
        type=type_of(data).name,
        time=f"2026-01-01T00:00:{second:02}.000Z",
        spaceid="space-1",
        data=msgspec.Raw(codec.encode(data)),
    )
    subject = subjects.control_event("space-1", "things", name, "happened")
    body = codec.encode_event(event)
    return spec.raw_message(second + 1, subject, body, event.id, subjects.CONTROL)


async def test_space_is_made_once(tmp_path: Path, times: int) -> None:
    batch = [
        _fact(SpaceCreated(space_id="one", name="first"), "one"),
        _fact(SpaceCreated(space_id="one", name="second"), "one", second=1),
    ]
    [row] = await spec.given(tmp_path).when(batch, times=times).then("SELECT * FROM spaces")
    assert (row["name"], row["created_at"]) == ("first", "2026-01-01T00:00:00.000Z")


async def test_runtime_is_made_once(tmp_path: Path, times: int) -> None:
    config = RuntimeConfig(locale="de-AT")
    batch = [
        _fact(RuntimeCreated(runtime_id="one", name="first", config=config), "one"),
        _fact(RuntimeCreated(runtime_id="one", name="second"), "one", second=1),
    ]
    [row] = await spec.given(tmp_path).when(batch, times=times).then("SELECT * FROM runtimes")
    assert (row["name"], row["space_id"], row["type"]) == ("first", "space-1", "browser")
    assert row["created_at"] == row["updated_at"] == "2026-01-01T00:00:00.000Z"
    assert msgspec.json.decode(row["config"], type=RuntimeConfig) == config


async def test_runtime_is_what_was_said_last(tmp_path: Path, times: int) -> None:
    """And found by the metadata that it has now."""
    batch = [
        _fact(RuntimeCreated(runtime_id="one", name="first", metadata={"a": 1, "b": "x"}), "one"),
        _fact(
            RuntimeUpdated(
                runtime_id="one",
                name="second",
                config=RuntimeConfig(locale="de-AT"),
                metadata={"b": "x", "c": True},
            ),
            "one",
            second=1,
        ),
        _fact(RuntimeCreated(runtime_id="one", name="third", metadata={"z": 1}), "one", second=2),
    ]
    when = spec.given(tmp_path).when(batch, times=times)
    [row] = await when.then("SELECT * FROM runtimes")
    assert (row["name"], row["updated_at"]) == ("second", "2026-01-01T00:00:01.000Z")
    assert row["created_at"] == "2026-01-01T00:00:00.000Z"
    rows = await spec.given(tmp_path).then("SELECT * FROM runtime_metadata ORDER BY field")
    assert [(row["field"], row["value"]) for row in rows] == [("b", "x"), ("c", "true")]
    assert {row["created_at"] for row in rows} == {"2026-01-01T00:00:00.000Z"}


async def test_what_was_deleted_does_not_come_back(tmp_path: Path, times: int) -> None:
    facts = [
        SpaceCreated(space_id="space-1", name="first"),
        RuntimeCreated(runtime_id="one", name="first", metadata={"a": 1}),
        RuntimeDeleted(runtime_id="one"),
        SpaceDeleted(space_id="space-1"),
        RuntimeUpdated(runtime_id="one", name="late", metadata={"a": 2}),
        RuntimeCreated(runtime_id="one", name="late", metadata={"a": 3}),
        RuntimeDeleted(runtime_id="one"),
        SpaceUpdated(space_id="space-1", name="late"),
    ]
    batch = [_fact(data, "one", second) for second, data in enumerate(facts)]
    [row] = await spec.given(tmp_path).when(batch, times=times).then("SELECT * FROM runtimes")
    assert (row["name"], row["deleted_at"]) == ("first", "2026-01-01T00:00:02.000Z")
    assert (row["config"], row["metadata"]) == (b"{}", b'{"a":1}')
    assert await spec.given(tmp_path).then("SELECT * FROM runtime_metadata") == []
    [row] = await spec.given(tmp_path).then("SELECT * FROM spaces")
    assert (row["name"], row["deleted_at"]) == ("first", "2026-01-01T00:00:03.000Z")


async def test_first_digest_of_a_run_stands(tmp_path: Path, times: int) -> None:
    first = RunFinalised(
        run_id="one",
        runtime_id="runtime-1",
        runtime_type="browser",
        status="failed",
        created_at="2026-01-01T00:00:00.000Z",
        finished_at="2026-01-01T00:00:07.000Z",
        last_activity_at="2026-01-01T00:00:08.000Z",
        code="browser.crashed",
        message="It ended.",
        events=9,
        last_sequence=12,
        arrived=9,
        missing=[(4, 6)],
        end_epoch=spec.EPOCH,
        end_position=77,
    )
    batch = [_fact(first, "one"), _fact(msgspec.structs.replace(first, events=10), "one", second=1)]
    [row] = await spec.given(tmp_path).when(batch, times=times).then("SELECT * FROM digests")
    assert (row["id"], row["space_id"], row["status"]) == ("one", "space-1", "failed")
    assert (row["events"], row["last_sequence"], row["arrived"], row["late"]) == (9, 12, 9, 0)
    assert (row["end_code"], row["started_at"]) == ("browser.crashed", None)
    assert msgspec.json.decode(row["missing"]) == [[4, 6]]
