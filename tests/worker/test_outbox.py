from __future__ import annotations

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.worker_events import new_log, say, text_in, texts_in
from worker.outbox import Outbox
from worker.spool import SpoolFull


def files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.glob("*.events"))


def test_an_event_is_on_disk_when_put_returns(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path)
    subject, event_id = "runs.s.r.w1.console.message", "id-1"
    outbox.put(subject, event_id, b'{"id":"id-1"}')
    assert (tmp_path / "0000000001.events").read_bytes() == (
        b'runs.s.r.w1.console.message {"id":"id-1"}\n'
    )


@pytest.mark.parametrize("kept_bytes", [0, 1000])
def test_several_are_written_as_one(tmp_path: Path, kept_bytes: int) -> None:
    outbox = Outbox.open(tmp_path, kept_bytes=kept_bytes)
    subject = "runs.s.r.w1.console.message"
    several = [(subject, f"id-{number}", b'{"id":"id-%d"}' % number) for number in range(3)]
    outbox.put(*several[0])
    entries = outbox.put_all(several[1:])
    assert outbox.entries[1:] == entries
    assert [outbox.read(entry) for entry in entries] == [
        (subject, event) for *_, event in several[1:]
    ]
    assert (tmp_path / "0000000001.events").read_bytes().count(b"\n") == 3


def test_several_that_have_no_room_leave_room_for_one(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, limit_bytes=1000)
    put = ("runs.s.r.w1.console.message", "id", b"x" * 300)
    with pytest.raises(SpoolFull):
        outbox.put_all([put] * 3)
    assert (len(outbox), outbox.is_full) == (0, False)
    outbox.put(*put)


def test_events_are_read_back_in_their_order(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, segment_bytes=1000)
    entries = say(new_log(outbox), *map(str, range(20)))
    assert list(outbox.entries) == entries
    assert len(outbox) == 20
    assert texts_in(outbox) == [str(number) for number in range(20)]
    assert len(files(tmp_path)) > 1
    subject, _ = outbox.read(entries[0])
    assert subject == "runs.space-1.run-1.w1.console.message"


@given(st.lists(st.text(), max_size=10))
def test_any_text_survives_a_restart(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    directory = tmp_path_factory.mktemp("outbox")
    first = Outbox.open(directory, segment_bytes=500)
    say(new_log(first), *texts)
    before = texts_in(first)
    first.close()
    again = Outbox.open(directory)
    assert texts_in(again) == before
    again.close()


def test_a_restarted_outbox_goes_on_after_what_was_left(tmp_path: Path) -> None:
    first = Outbox.open(tmp_path)
    say(new_log(first), "one", "two")
    first.close()
    again = Outbox.open(tmp_path)
    say(new_log(again, last=2), "three")
    assert texts_in(again) == ["one", "two", "three"]
    assert files(tmp_path) == ["0000000001.events", "0000000002.events"]


def test_event_ids_are_the_same_after_a_restart(tmp_path: Path) -> None:
    first = Outbox.open(tmp_path)
    ids = [entry.event_id for entry in say(new_log(first), "one", "two")]
    assert [entry.event_id for entry in Outbox.open(tmp_path).entries] == ids


@pytest.mark.parametrize("cut", [1, 2, 40])
def test_worker_killed_while_it_wrote_the_last_line(tmp_path: Path, cut: int) -> None:
    first = Outbox.open(tmp_path)
    say(new_log(first), "whole", "cut short")
    first.close()
    path = tmp_path / "0000000001.events"
    os.truncate(path, path.stat().st_size - cut)
    again = Outbox.open(tmp_path)
    assert texts_in(again) == ["whole"]
    say(new_log(again), "next")
    assert texts_in(again) == ["whole", "next"]
    again.close()
    assert texts_in(Outbox.open(tmp_path)) == ["whole", "next"]


def test_a_file_without_events_is_swept(tmp_path: Path) -> None:
    (tmp_path / "0000000007.events").touch()
    outbox = Outbox.open(tmp_path)
    assert files(tmp_path) == []
    say(new_log(outbox), "one")
    assert files(tmp_path) == ["0000000008.events"]


def test_segments_go_when_all_in_them_is_acknowledged(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, segment_bytes=1)  # one event a segment
    one, two, three = say(new_log(outbox), "one", "two", "three")
    outbox.acknowledge(two, 12)
    assert files(tmp_path) == ["0000000001.events", "0000000003.events"]
    outbox.acknowledge(one, 11)
    assert files(tmp_path) == ["0000000003.events"]
    assert list(outbox.entries) == [three]
    outbox.acknowledge(three, 13)
    assert files(tmp_path) == ["0000000003.events"]  # it is still written to
    assert len(outbox) == 0
    say(new_log(outbox), "four")
    assert files(tmp_path) == ["0000000004.events"]


def test_a_second_acknowledgement_changes_nothing(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path)
    one, two = say(new_log(outbox), "one", "two")
    outbox.acknowledge(one, 7)
    outbox.acknowledge(one, 8)
    assert one.position == 7
    assert list(outbox.entries) == [two]
    assert two.segment.waiting == 1


def test_nothing_is_left_of_what_was_acknowledged(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path)
    for position, entry in enumerate(say(new_log(outbox), "one", "two"), 1):
        outbox.acknowledge(entry, position)
    outbox.close()
    assert files(tmp_path) == []


def test_closed_with_events_acknowledged_out_of_order(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, segment_bytes=1)
    _one, two, _three = say(new_log(outbox), "one", "two", "three")
    outbox.acknowledge(two, 2)  # its file is gone, its place in the queue is not
    outbox.close()
    assert texts_in(Outbox.open(tmp_path)) == ["one", "three"]


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def test_descriptors_are_given_back(tmp_path: Path) -> None:
    before = open_descriptors()
    outbox = Outbox.open(tmp_path, segment_bytes=1)
    entries = say(new_log(outbox), *map(str, range(10)))
    for entry in entries[:5]:
        outbox.acknowledge(entry, 1)
    outbox.close()
    assert open_descriptors() == before


async def test_acknowledged_waits_for_the_position(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path)
    (entry,) = say(new_log(outbox), "one")
    waiting = [asyncio.create_task(outbox.acknowledged(entry)) for _ in range(2)]
    given_up = asyncio.create_task(outbox.acknowledged(entry))
    await asyncio.sleep(0)
    given_up.cancel()
    outbox.acknowledge(entry, 42)
    assert await asyncio.gather(*waiting) == [42, 42]
    assert await outbox.acknowledged(entry) == 42


@contextmanager
def files_no_larger_than(size_bytes: int) -> Iterator[None]:
    """A disk with room for so much: the kernel cuts a write off there, and refuses the next."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 1, 100])
def test_disk_full(tmp_path: Path, room: int) -> None:
    outbox = Outbox.open(tmp_path)
    run_log = new_log(outbox)
    say(run_log, "one")
    path = tmp_path / "0000000001.events"
    before = path.read_bytes()
    with files_no_larger_than(len(before) + room), pytest.raises(OSError):
        say(run_log, "does not fit")
    assert path.read_bytes() == before
    assert run_log.last == 1
    outbox.look_for_room()
    say(run_log, "two")
    assert texts_in(outbox) == ["one", "two"]
    outbox.close()
    assert texts_in(Outbox.open(tmp_path)) == ["one", "two"]


def test_disk_full_when_a_segment_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    outbox = Outbox.open(tmp_path, segment_bytes=1)
    run_log = new_log(outbox)
    say(run_log, "one")
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", _no_space)
        with pytest.raises(OSError):
            say(run_log, "two")
    outbox.look_for_room()
    say(run_log, "two, again")
    assert texts_in(outbox) == ["one", "two, again"]


def _no_space(*_: object) -> int:
    raise OSError(28, "No space left on device")


def test_what_was_just_written_is_not_read_from_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outbox = Outbox.open(tmp_path, kept_bytes=1000)
    entries = say(new_log(outbox), *map(str, range(10)))
    kept = [entry for entry in entries if entry.kept is not None]
    assert 0 < len(kept) < 10
    assert sum(entry.size_bytes for entry in kept) <= 1000
    in_memory = [outbox.read(entry) for entry in kept]
    with monkeypatch.context() as patch:
        patch.setattr(os, "pread", _no_space)
        assert [outbox.read(entry) for entry in kept] == in_memory
        with pytest.raises(OSError):
            outbox.read(entries[-1])
    for entry in kept:
        entry.kept = None
    assert [outbox.read(entry) for entry in kept] == in_memory


def test_an_acknowledgement_makes_room_in_memory(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path, kept_bytes=1000)
    run_log = new_log(outbox)
    for position, entry in enumerate(say(run_log, *map(str, range(10))), 1):
        outbox.acknowledge(entry, position)
    again = say(run_log, "again")
    assert again[0].kept is not None
    assert all(entry.kept is None for entry in outbox.entries if entry not in again)


def test_whoever_listens_hears_of_an_event_that_is_on_disk(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path)
    heard: list[list[str]] = []
    outbox.on_put = lambda: heard.append(texts_in(outbox))
    say(new_log(outbox), "one", "two")
    assert heard == [["one"], ["one", "two"]]


def test_the_files_are_nobody_elses(tmp_path: Path) -> None:
    directory = tmp_path / "outbox"
    say(new_log(Outbox.open(directory)), "one")
    assert directory.stat().st_mode & 0o077 == 0
    assert (directory / "0000000001.events").stat().st_mode & 0o077 == 0


def test_a_person_can_read_it(tmp_path: Path) -> None:
    say(new_log(Outbox.open(tmp_path)), "line one\nline two\r\u2028end")
    lines = (tmp_path / "0000000001.events").read_bytes().split(b"\n")
    assert len(lines) == 2
    assert text_in(lines[0].partition(b" ")[2]) == "line one\nline two\r\u2028end"
