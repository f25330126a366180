"""The bound of the outbox, and a disk that takes no more: what is refused, what is still written, when it is over."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from schemas import ends
from schemas.codec import decode_event
from tests.support.faults.small_disk import SmallDisk, small_disk
from tests.support.worker_events import new_log, say
from worker.outbox import Outbox
from worker.room import RESERVE_BYTES_A_PLACE, RESERVE_MARGIN_BYTES, reserve_bytes
from worker.run_log import RunLog
from worker.spool import SpoolFull

MIB = 1024 * 1024
LINE = "x" * 10_000


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as disk:
        yield disk


@pytest.fixture
def on_it(disk: SmallDisk, tmp_path: Path) -> Path:
    """Where an outbox on that disk is."""
    return tmp_path / "disk" / "outbox"


def say_until_refused(run_log: RunLog) -> OSError:
    """As much as it takes; why no more."""
    for _ in range(10_000):
        try:
            say(run_log, LINE)
        except OSError as error:
            return error
    raise AssertionError("it takes everything")


def end_again_and_again(run_log: RunLog) -> None:
    for _ in range(10_000):
        run_log.end(ends.SPOOL_FULL)


def on_disk(directory: Path) -> int:
    return sum(path.stat().st_blocks * 512 for path in directory.rglob("*") if path.is_file())


def test_the_reserve_is_really_on_the_disk(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, places=8)
    wanted = 8 * RESERVE_BYTES_A_PLACE + RESERVE_MARGIN_BYTES
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= wanted
    outbox.close()
    assert (tmp_path / "reserve").exists()  # the next start may find the disk full


def test_the_reserve_is_a_part_of_the_bound() -> None:
    assert reserve_bytes(8, 1024 * MIB) == 8 * RESERVE_BYTES_A_PLACE + RESERVE_MARGIN_BYTES
    assert reserve_bytes(1000, MIB) == MIB // 4


def test_at_the_bound_only_last_events_are_taken(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, limit_bytes=2 * MIB)
    run_log, other = new_log(outbox), new_log(outbox, run_id="run-2")
    with capture_logs() as logs:
        refused = say_until_refused(run_log)
        assert isinstance(refused, SpoolFull)
        with pytest.raises(SpoolFull):
            say(other, "short")
    assert outbox.is_full
    assert [line["code"] for line in logs if line["event"] == "outbox.full"] == [
        "runtime.spool_full"
    ]
    last = run_log.last
    entry = run_log.end(ends.SPOOL_FULL)
    assert run_log.last == last + 1
    assert b"runtime.spool_full" in outbox.read(entry)[1]
    assert on_disk(tmp_path) <= 2 * MIB + 100_000  # in whole blocks
    assert outbox.waiting_bytes <= 2 * MIB
    outbox.close()
    assert Outbox.open(tmp_path, limit_bytes=2 * MIB).left["run-1"].number == last + 1


def test_the_reserve_is_not_without_end(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, limit_bytes=2 * MIB)
    run_log = new_log(outbox)
    say_until_refused(run_log)
    before = on_disk(tmp_path)
    with pytest.raises(SpoolFull, match="reserve"):
        end_again_and_again(run_log)
    assert on_disk(tmp_path) <= before + 4096
    outbox.look_for_room()
    assert outbox.is_full


def test_it_takes_events_again_when_a_quarter_is_free(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, limit_bytes=2 * MIB)
    run_log = new_log(outbox)
    say_until_refused(run_log)
    run_log.end(ends.SPOOL_FULL)
    waiting = outbox.entries
    with capture_logs() as logs:
        for position, entry in enumerate(waiting, 1):
            was_full = outbox.is_full
            outbox.acknowledge(entry, position)
            if not outbox.is_full and was_full:
                freed = sum(each.size_bytes for each in waiting[:position])
                assert freed >= 0.25 * (2 * MIB - reserve_bytes(1, 2 * MIB))
                assert position < len(waiting)
    assert [line["event"] for line in logs if line["event"] == "outbox.has_room"] == [
        "outbox.has_room"
    ]
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= reserve_bytes(1, 2 * MIB)
    later = new_log(outbox, run_id="run-2")
    say(later, "again")
    assert [path.name for path in tmp_path.glob("*.last.events")] == []
    say_until_refused(later)
    later.end(ends.SPOOL_FULL)  # and the second time as the first


def test_a_run_that_was_quiet_meanwhile_goes_on_in_order(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, limit_bytes=2 * MIB)
    loud, quiet = new_log(outbox, run_id="loud"), new_log(outbox, run_id="quiet")
    say(quiet, "one")
    say_until_refused(loud)
    loud.end(ends.SPOOL_FULL)
    for entry in [each for each in outbox.entries if b"loud" in outbox.read(each)[1]]:
        outbox.acknowledge(entry, 1)
    assert not outbox.is_full
    say(quiet, "two", "three")
    outbox.close()
    left = Outbox.open(tmp_path, limit_bytes=2 * MIB)
    events = [decode_event(left.read(entry)[1]) for entry in left.entries]
    assert [event.number for event in events if event.runid == "quiet"] == [1, 2, 3]


def test_what_was_left_fills_it_from_the_start(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, limit_bytes=4 * MIB)
    say_until_refused(new_log(outbox))
    outbox.close()
    smaller = Outbox.open(tmp_path, limit_bytes=2 * MIB)
    assert smaller.is_full
    new_log(smaller).end(ends.HOST_RESTARTED)
    for entry in smaller.entries:
        smaller.acknowledge(entry, 1)
    assert not smaller.is_full


# a real disk that is full


def test_somebody_else_fills_the_disk(disk: SmallDisk, on_it: Path) -> None:
    outbox = Outbox.open(on_it, limit_bytes=64 * MIB)
    run_log = new_log(outbox)
    say(run_log, LINE)
    disk.fill(leave_kib=0)
    assert not isinstance(say_until_refused(run_log), SpoolFull)  # the disk's own words
    last = run_log.last
    run_log.end(ends.SPOOL_FULL)
    for number in range(20):  # what one run has taken of the reserve leaves room for the others
        new_log(outbox, run_id=f"run-{number}").end(ends.SPOOL_FULL)
    outbox.look_for_room()
    with pytest.raises(SpoolFull):
        say(new_log(outbox, run_id="later"), LINE)
    disk.free()
    outbox.look_for_room()
    assert not outbox.is_full
    say(new_log(outbox, run_id="later"), LINE)
    outbox.close()
    again = Outbox.open(on_it, limit_bytes=64 * MIB)
    assert again.left["run-1"].number == last + 1
    assert len(again) == last + 1 + 20 + 1


def test_the_outbox_itself_fills_the_disk(on_it: Path) -> None:
    outbox = Outbox.open(on_it, limit_bytes=64 * MIB)
    run_log = new_log(outbox)
    say_until_refused(run_log)
    run_log.end(ends.SPOOL_FULL)
    said = run_log.last
    for entry in outbox.entries[:-1]:
        outbox.acknowledge(entry, 1)
    assert not outbox.is_full
    say(new_log(outbox, run_id="later"), LINE)
    assert said > 500


def test_an_event_is_set_aside_on_a_full_disk(disk: SmallDisk, on_it: Path) -> None:
    """It stays where it is, out of the others' way; without that, nothing could be sent to make room."""
    outbox = Outbox.open(on_it, limit_bytes=64 * MIB)
    one, two = say(new_log(outbox), LINE, LINE)
    disk.fill(leave_kib=0)
    path = outbox.set_aside(one)
    assert path == on_it / "0000000001.events"
    assert outbox.set_aside_count == 1
    assert outbox.entries == [two]
    outbox.acknowledge(two, 1)
    outbox.close()
    disk.free()
    again = Outbox.open(on_it, limit_bytes=64 * MIB)
    assert one.event_id in [entry.event_id for entry in again.entries]


def test_the_disk_is_full_at_the_start(disk: SmallDisk, on_it: Path) -> None:
    first = Outbox.open(on_it, limit_bytes=64 * MIB)
    say(new_log(first), LINE)
    first.close()
    (on_it / "reserve").unlink()
    disk.fill(leave_kib=0)
    with capture_logs() as logs:
        outbox = Outbox.open(on_it, limit_bytes=64 * MIB)
    assert outbox.is_full
    assert any("reserve" in str(line.get("reason")) for line in logs)
    assert not (on_it / "reserve").exists()
    with pytest.raises(SpoolFull):
        new_log(outbox).end(ends.HOST_RESTARTED)
    disk.free()
    outbox.look_for_room()
    new_log(outbox).end(ends.HOST_RESTARTED)


def test_a_reserve_that_was_there_is_used_on_a_disk_that_is_full_at_the_start(
    disk: SmallDisk, on_it: Path
) -> None:
    Outbox.open(on_it, limit_bytes=64 * MIB).close()
    disk.fill(leave_kib=0)
    outbox = Outbox.open(on_it, limit_bytes=64 * MIB)
    run_log = new_log(outbox)
    say_until_refused(run_log)
    run_log.end(ends.SPOOL_FULL)
