"""The files of the outbox: their version, what of them cannot be read, and what was set aside."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from schemas.problems import CannotStart
from tests.support.worker_events import new_log, say, texts_in
from worker.outbox import Outbox


def logged(logs: list[MutableMapping[str, Any]], event: str) -> list[MutableMapping[str, Any]]:
    return [line for line in logs if line["event"] == event]


# versions


def test_a_spool_says_its_version(tmp_path: Path) -> None:
    Outbox.open(tmp_path).close()
    assert (tmp_path / "version").read_text() == "1\n"


def test_a_spool_without_a_version_is_of_the_first(tmp_path: Path) -> None:
    first = Outbox.open(tmp_path)
    say(new_log(first), "one")
    first.close()
    (tmp_path / "version").unlink()
    assert texts_in(Outbox.open(tmp_path)) == ["one"]


@pytest.mark.parametrize("found", ["2\n", "10", "1.1", "\xff"])
def test_a_spool_of_a_later_version_is_refused_and_left_alone(tmp_path: Path, found: str) -> None:
    first = Outbox.open(tmp_path)
    say(new_log(first), "one")
    first.close()
    (tmp_path / "version").write_text(found, encoding="latin-1")
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(CannotStart, match="later version") as refused:
        Outbox.open(tmp_path)
    assert refused.value.message.count(".") - str(tmp_path).count(".") - found.count(".") == 1
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


# what cannot be read

GARBAGE = [
    b"not an event\n",
    b"runs.s.r.w1.console.message {}\n",
    b"runs.s.r.w1.console.message \xff\n",
    b"\n",
    b"\0\0\0\n",
]


def spoiled(directory: Path) -> Path:
    """A segment with garbage between two events."""
    first = Outbox.open(directory)
    say(new_log(first), "one", "two")
    first.close()
    path = directory / "0000000001.events"
    one, two = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([GARBAGE[0], one, *GARBAGE[1:], two]))
    return path


def test_lines_that_are_no_events_are_kept_and_told(tmp_path: Path) -> None:
    path = spoiled(tmp_path)
    with capture_logs() as logs:
        outbox = Outbox.open(tmp_path)
    assert texts_in(outbox) == ["one", "two"]
    kept = tmp_path / "unreadable" / "0000000001.lines"
    assert kept.read_bytes() == b"".join(GARBAGE)
    (told,) = logged(logs, "outbox.unreadable")
    assert (told["code"], told["lines"]) == ("spool.line_unreadable", len(GARBAGE))
    assert (told["segment"], told["kept_in"]) == (str(path), str(kept))
    assert outbox.set_aside_count == len(GARBAGE)


def test_they_are_counted_until_a_person_takes_them_away(tmp_path: Path) -> None:
    spoiled(tmp_path)
    Outbox.open(tmp_path).close()
    again = Outbox.open(tmp_path)  # the segment still waits: its garbage is found there once more
    assert again.set_aside_count == len(GARBAGE)
    for entry in again.entries:
        again.acknowledge(entry, 1)
    again.close()
    later = Outbox.open(tmp_path)
    assert later.set_aside_count == len(GARBAGE)
    say(new_log(later), "three")
    later.close()
    assert not (tmp_path / "0000000001.events").exists()  # its name stands for what was kept
    (tmp_path / "unreadable" / "0000000001.lines").unlink()
    assert Outbox.open(tmp_path).set_aside_count == 0


def test_a_subject_that_no_stream_takes_is_unreadable(tmp_path: Path) -> None:
    first = Outbox.open(tmp_path)
    say(new_log(first), "one", "two")
    first.close()
    path = tmp_path / "0000000001.events"
    path.write_bytes(path.read_bytes().replace(b"runs.space-1.", b"runs..", 1))
    again = Outbox.open(tmp_path)
    assert texts_in(again) == ["two"]
    assert again.set_aside_count == 1


def test_a_last_line_that_was_cut_short_is_explained(tmp_path: Path) -> None:
    first = Outbox.open(tmp_path)
    say(new_log(first), "whole", "cut short")
    first.close()
    path = tmp_path / "0000000001.events"
    os.truncate(path, path.stat().st_size - 9)
    with capture_logs() as logs:
        outbox = Outbox.open(tmp_path)
    assert texts_in(outbox) == ["whole"]
    (told,) = logged(logs, "outbox.last_line_cut_short")
    assert "never had a number" in str(told["reason"])
    assert outbox.set_aside_count == 0


# what was set aside


def test_what_was_set_aside_is_tried_again_at_the_next_start(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path)
    one, _two, three = say(new_log(outbox), "one", "two", "three")
    path = outbox.set_aside(one)
    outbox.set_aside(three)
    assert path.parent == tmp_path / "set-aside"
    assert outbox.set_aside_count == 2
    assert texts_in(outbox) == ["two"]
    outbox.close()
    again = Outbox.open(tmp_path)
    assert texts_in(again) == ["one", "three", "two"]
    assert again.set_aside_count == 0
    assert again.left["run-1"].number == 3
    for entry in again.entries:
        again.acknowledge(entry, 1)
    again.close()
    assert list((tmp_path / "set-aside").iterdir()) == []


async def test_whoever_waits_for_an_event_that_is_set_aside_goes_on(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path)
    (entry,) = say(new_log(outbox), "one")
    outbox.set_aside(entry)
    assert await outbox.acknowledged(entry) == 0


def test_worker_killed_between_setting_aside_and_letting_go(tmp_path: Path) -> None:
    outbox = Outbox.open(tmp_path)
    one, _two = say(new_log(outbox), "one", "two")
    segment = (tmp_path / "0000000001.events").read_bytes()
    outbox.set_aside(one)
    outbox.close()
    (tmp_path / "0000000001.events").write_bytes(segment)
    assert texts_in(Outbox.open(tmp_path)) == ["one", "two"]


# the reserve

KILLED = """
import os, signal, sys
from pathlib import Path
from tests.support.worker_events import new_log, say
from worker.outbox import Outbox
from schemas import ends

outbox = Outbox.open(Path(sys.argv[1]), limit_bytes=1024 * 1024)
run_log = new_log(outbox)
try:
    while True:
        say(run_log, "x" * 1000)
except OSError:
    run_log.end(ends.SPOOL_FULL)
print(run_log.last, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_worker_killed_after_it_wrote_into_the_reserve(tmp_path: Path) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    last = int(killed.stdout.splitlines()[-1])
    again = Outbox.open(tmp_path, limit_bytes=1024 * 1024)
    assert len(again) == last
    assert again.left["run-1"].number == last
    assert again.left["run-1"].type == "runtime.lifecycle"
    assert again.set_aside_count == 0
    (path,) = tmp_path.glob("*.last.events")
    assert path.stat().st_size < 1000
