"""How a pull decides what to ask for, and when it is lost; and what a consumer does then."""

from __future__ import annotations

from pathlib import Path

import pytest

from recorder.admin import ask
from recorder.admin.messages import RecorderState, State
from recorder.bus import Delivery, Notice
from recorder.pull import Pull, PullLost
from schemas import subjects
from schemas.events.page import PageOpened
from tests.support.nats_server import NatsServer
from tests.support.recorder_running import running, settings_for
from tests.support.recorder_worker import FakeRun, fake_worker, new_id


def delivery(number: int, pending: int = 0) -> Delivery:
    return Delivery(
        subject="runs.s.r.w.t",
        body=b"",
        message_id=str(number),
        position=number + 100,
        number=number,
        pending=pending,
        reply="",
    )


def pull_of(batch: int, *numbers: int) -> Pull:
    """A pull that has asked for a batch and been sent these deliveries."""
    pull = Pull(ahead=batch, batch=batch)
    pull.asked(batch)
    for number in numbers:
        pull.arrive(delivery(number))
    return pull


def test_asks_for_a_whole_batch_first() -> None:
    assert Pull(ahead=10, batch=10).room == 10


def test_refills_at_half_of_what_is_under_way_or_waits_here() -> None:
    pull = pull_of(10, *range(1, 10))
    assert pull.room == 0  # nine wait here, one is under way
    assert len(pull.take()) == 9
    assert pull.room == 9


def test_asks_ahead_of_what_one_transaction_takes() -> None:
    pull = Pull(ahead=20, batch=10)
    pull.asked(pull.room)
    for number in range(1, 11):
        pull.arrive(delivery(number))
    assert pull.room == 0  # ten wait here, ten are under way
    assert len(pull.take()) == 10
    assert pull.room == 10


def gathering(*numbers: int) -> Pull:
    """A pull of a backlog: after these deliveries the server still has a hundred."""
    pull = Pull(ahead=20, batch=10)
    pull.asked(20)
    for number in numbers:
        pull.arrive(delivery(number, pending=100))
    return pull


def test_of_a_backlog_half_a_batch_is_taken() -> None:
    pull = gathering(1, 2, 3, 4)
    assert (pull.take(), pull.stirred.is_set()) == ([], False)
    pull.arrive(delivery(5, pending=99))
    assert pull.stirred.is_set()
    assert len(pull.take()) == 5


def test_last_of_a_backlog_is_taken_at_once() -> None:
    pull = gathering(1, 2)
    pull.arrive(delivery(3))
    assert pull.stirred.is_set()
    assert len(pull.take()) == 3


@pytest.mark.parametrize(
    "notice",
    [
        Notice(status=100, text="Idle Heartbeat", undelivered=None),
        Notice(status=408, text="Request Timeout", undelivered=18),
        Notice(status=409, text="Consumer Deleted", undelivered=None),
    ],
    ids=["it was erased meanwhile", "it was not asked for", "the pull is lost"],
)
def test_backlog_that_does_not_come_is_not_waited_for(notice: Notice) -> None:
    pull = gathering(1, 2)
    pull.arrive(notice)
    assert pull.stirred.is_set()
    assert len(pull.take()) == 2


def test_takes_in_order_and_at_most_a_batch() -> None:
    pull = Pull(ahead=15, batch=10)
    pull.asked(15)
    for number in range(1, 16):
        pull.arrive(delivery(number))
    assert [each.number for each in pull.take()] == list(range(1, 11))
    assert [each.number for each in pull.take()] == list(range(11, 16))
    assert pull.take() == []


def test_request_that_expired_gives_its_room_back() -> None:
    pull = pull_of(10, 1, 2)
    pull.arrive(Notice(status=408, text="Request Timeout", undelivered=8))
    assert len(pull.take()) == 2
    assert pull.room == 10


def test_heartbeat_only_stirs() -> None:
    pull = pull_of(10)
    pull.arrive(Notice(status=100, text="Idle Heartbeat", undelivered=None))
    assert pull.stirred.is_set()
    assert (pull.take(), pull.room) == ([], 0)


@pytest.mark.parametrize("status", [404, 409, 503])
def test_other_statuses_lose_the_pull(status: int) -> None:
    pull = pull_of(10)
    pull.arrive(Notice(status=status, text="Consumer Deleted", undelivered=None))
    with pytest.raises(PullLost, match="Consumer Deleted"):
        pull.take()


def test_gap_loses_the_pull_but_not_what_came_before_it() -> None:
    pull = pull_of(10, 1, 2, 4, 5)
    assert [each.number for each in pull.take()] == [1, 2]
    with pytest.raises(PullLost, match="delivery 3 is missing"):
        pull.take()


async def test_consumer_that_someone_deletes_comes_back(
    own_nats: NatsServer, tmp_path: Path
) -> None:
    async with (
        running(settings_for(tmp_path, own_nats.url)) as recorder,
        fake_worker(own_nats.url) as worker,
    ):
        run = FakeRun("w1", new_id(), new_id())
        await recorder.shown(RUNS=await worker.publish(run, run.launching(), run.ready()))
        await worker._js.delete_consumer(subjects.RUNS, "r1")
        await worker.publish(run, run.event(PageOpened(url="")), run.ended())
        while (await recorder.http.get(f"/v1/runs/{run.run_id}")).status_code != 200:
            pass
        ended = await recorder.post(f"/v1/runs/{run.run_id}/wait")
        assert (ended["counts"]["events"], ended["missing"]) == (4, [])


async def test_lag_shows_in_consumer_info(own_nats: NatsServer, tmp_path: Path) -> None:
    async with (
        running(settings_for(tmp_path, own_nats.url)) as recorder,
        fake_worker(own_nats.url) as worker,
    ):
        run = FakeRun("w1", new_id(), new_id())
        position = await worker.publish(run, run.launching(), run.ended())
        await recorder.shown(RUNS=position)
        info = await worker._js.consumer_info(subjects.RUNS, "r1")
        while info.ack_floor.stream_seq != position:
            info = await worker._js.consumer_info(subjects.RUNS, "r1")
        assert info.num_ack_pending == 0


async def test_counts_what_the_stream_dropped_before_it_was_read(
    own_nats: NatsServer, tmp_path: Path
) -> None:
    settings = settings_for(tmp_path, own_nats.url)
    run = FakeRun("w1", new_id(), new_id())
    async with running(settings) as recorder, fake_worker(own_nats.url) as worker:
        position = await worker.publish(run, run.launching(), run.ready())
        await recorder.shown(RUNS=position)
    async with fake_worker(own_nats.url) as worker:
        position = await worker.publish(run, *(run.event(PageOpened(url="")) for _ in range(9)))
        await worker._js.purge_stream(subjects.RUNS, seq=position - 1)
        async with running(settings) as recorder:
            await recorder.shown(RUNS=position)
            answer = await ask(Path(settings.database), State())
    assert isinstance(answer, RecorderState)
    assert {each.stream: each.never_read for each in answer.consumers} == {
        subjects.CONTROL: 0,
        subjects.RUNS: 7,
    }
