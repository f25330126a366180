"""`runreel quarantine …` beside a recorder that runs, and without one: the same answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder import entries
from recorder.ops.parked import find_parked
from schemas.codec import EventFromTheFuture
from schemas.envelope import Event
from schemas.events.page import PageOpened
from schemas.settings import RecorderSettings
from tests.support.eventually import eventually
from tests.support.nats_server import NatsServer
from tests.support.ops.commands import Done, runreel
from tests.support.recorder_running import running, settings_for
from tests.support.recorder_worker import FakeRun, FakeWorker, fake_worker


@pytest.fixture
async def settings(own_nats: NatsServer, tmp_path: Path) -> RecorderSettings:
    settings = settings_for(tmp_path, own_nats.url)
    async with running(settings):
        return settings


async def quarantine(settings: RecorderSettings, *arguments: object) -> Done:
    return await runreel("quarantine", *arguments, RUNREEL_DATABASE=settings.database)


async def parked_run(worker: FakeWorker) -> FakeRun:
    """Ready, then something that nobody can read, then two events."""
    run = await worker.open()
    await worker.publish_raw(run.subject(run.event("page.opened")), b"garbage", "g1")
    await worker.publish(run, *(run.event(PageOpened(url="about:blank")) for _ in range(2)))
    return run


async def waiting(settings: RecorderSettings, count: int) -> bool:
    parked = find_parked(Path(settings.database)).parked
    return sum(each.waiting for each in parked) == count


async def test_a_message_is_listed_retried_and_skipped(settings: RecorderSettings) -> None:
    async with running(settings) as recorder, fake_worker(settings.nats_url) as worker:
        run = await parked_run(worker)
        await eventually(lambda: waiting(settings, 3))
        listed = await quarantine(settings, "list", "--json")
        assert listed.code == 1
        [message] = listed.answer["parked"]
        assert (message["owner"], message["position"], message["waiting"]) == (run.run_id, 3, 3)
        assert message["code"] == "event.unreadable"
        shown = (await quarantine(settings, "list")).out
        assert shown.startswith(f"{run.run_id}  3 waiting\n✗ RUNS 3  event.unreadable\n")

        retried = await quarantine(settings, "retry", run.run_id, "--json")
        assert retried.code == 1
        [outcome] = retried.answer["owners"]
        assert (outcome["messages"], len(outcome["stoppedBy"])) == (0, 1)

        dry = await quarantine(settings, "skip", "RUNS", 3, "--dry-run")
        assert (dry.code, dry.out) == (0, f"· {run.run_id} would go on with 3 messages.\n")
        assert await waiting(settings, 3)

        skipped = await quarantine(settings, "skip", "runs", 3)
        assert (skipped.code, skipped.out) == (
            0,
            f"✓ {run.run_id} goes on: 3 messages projected.\n",
        )
        assert (await recorder.get(f"/v1/runs/{run.run_id}"))["id"] == run.run_id
        listed = await quarantine(settings, "list")
        assert listed.code == 0
        assert listed.out.startswith("✓ Nothing is parked.\n")
        assert "SKIPPED" in listed.out


async def test_what_can_be_read_again_goes_on_by_a_retry(
    settings: RecorderSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(event: Event) -> None:
        raise EventFromTheFuture(f"{event.type} is of a version that is yet to come")

    async with running(settings), fake_worker(settings.nats_url) as worker:
        with monkeypatch.context() as patched:
            patched.setattr(entries, "decode_data", refuse)
            run = await worker.open()
            await eventually(lambda: waiting(settings, 2))
        retried = await quarantine(settings, "retry", "--all")
        assert (retried.code, retried.out) == (
            0,
            f"✓ {run.run_id} goes on: 2 messages projected.\n",
        )


async def test_without_a_recorder_the_command_does_it_itself(settings: RecorderSettings) -> None:
    async with running(settings), fake_worker(settings.nats_url) as worker:
        run = await parked_run(worker)
        await eventually(lambda: waiting(settings, 3))
    assert (await quarantine(settings, "retry", run.run_id)).code == 1
    done = await quarantine(settings, "skip", "RUNS", 3, "--json")
    assert (done.code, done.err) == (0, "")
    assert done.answer == {
        "dryRun": False,
        "owners": [{"owner": run.run_id, "messages": 3, "stoppedBy": []}],
    }
    assert (await quarantine(settings, "list")).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("skip", "RUNS", 3), 1, "Nothing is parked at RUNS 3."),
        (("retry",), 2, "Name runs or resources, or say --all."),
        (("retry", "x", "--all"), 2, "Name runs or resources, or say --all."),
        (("skip", "RUNS", "x"), 2, "'x' is not a valid integer range"),
        (("retry", "--all"), 0, ""),
    ],
)
async def test_what_is_not_there(
    settings: RecorderSettings, arguments: tuple[object, ...], code: int, said: str
) -> None:
    done = await quarantine(settings, *arguments)
    assert done.code == code
    assert said in done.err


@pytest.mark.parametrize("running_one", [True, False])
async def test_owner_of_whom_nothing_is_parked(
    settings: RecorderSettings, running_one: bool
) -> None:
    if running_one:
        async with running(settings):
            done = await quarantine(settings, "retry", "nobody")
    else:
        done = await quarantine(settings, "retry", "nobody")
    assert done.code == 1
    assert "is parked" in done.err


async def test_no_database(tmp_path: Path) -> None:
    done = await runreel("quarantine", "list", RUNREEL_DATABASE=str(tmp_path / "none.db"))
    assert (done.code, done.out) == (69, "")
    assert "There is no database at" in done.err
