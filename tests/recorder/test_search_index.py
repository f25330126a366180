"""The index over time: killed, broken, removed, of another database, on a full disk; what waits, leaves, moves."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder import quarantine
from recorder.entries import Message
from recorder.ops.scratch import make_scratch
from recorder.projections import PROJECTIONS
from recorder.search import index, indexing
from recorder.store import Transaction, open_store
from schemas.problems import StorageUnavailable
from tests.support import recorder_spec as spec
from tests.support.eventually import eventually
from tests.support.faults.small_disk import small_disk
from tests.support.recorder_search import Searching, said, said_all, searching
from tests.support.recorder_worker import FakeRun, new_id

RUN = FakeRun("w1", new_id(), new_id())
TEXTS = [f"n{number}n needle" for number in range(20)]
NEWEST_FIRST = TEXTS[::-1]
MESSAGES = said_all(RUN, 1, TEXTS)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts and batches so small that there are many."""
    monkeypatch.setattr(index, "SPAN", 8)
    monkeypatch.setattr(indexing, "AT_ONCE", 3)
    monkeypatch.setattr(indexing, "ROUND_SECONDS", 0.02)
    monkeypatch.setattr(indexing, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(indexing, "DROP_SECONDS", 0.0)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Searching]:
    async with searching(tmp_path / "x.db") as here:
        await here.happen(*MESSAGES)
        yield here


def rows(file: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(file)) as connection:
        return connection.execute(sql).fetchall()


async def test_all_is_found_newest_first_over_parts(here: Searching) -> None:
    assert await here.found("needle") == NEWEST_FIRST
    assert await here.found("n7n") == ["n7n needle"]
    assert await here.found("n4*n needle nee") == []
    assert len(rows(here.file, "SELECT * FROM parts")) == 3
    assert here.search.state.state == "following"
    assert (here.search.state.behind, here.search.state.why) == (0, "")
    assert here.search.state.size_bytes > 0


async def test_goes_on_where_it_was(tmp_path: Path) -> None:
    async with searching(tmp_path / "x.db") as here:
        await here.happen(*MESSAGES[:10])
        assert await here.found("needle") == NEWEST_FIRST[10:]
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        await spec.apply(store, MESSAGES[10:])
    inode = here.file.stat().st_ino
    async with searching(tmp_path / "x.db") as here:
        assert await here.found("needle") == NEWEST_FIRST
        assert here.file.stat().st_ino == inode


@pytest.mark.parametrize("dies_at", range(1, 31, 3))
async def test_killed_at_any_statement_it_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    """What was written in a transaction that did not end is not there, and is written again."""
    left = dies_at
    execute = Transaction.execute

    def dying(self: Any, *given: Any) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt
        execute(self, *given)

    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        await spec.apply(store, MESSAGES)
        search = indexing.Search(store, Searching(store).news)
        monkeypatch.setattr(Transaction, "execute", dying)
        with pytest.raises(KeyboardInterrupt):
            async with asyncio.timeout(60):
                await search.run()
        monkeypatch.setattr(Transaction, "execute", execute)
    async with searching(tmp_path / "x.db") as here:
        assert await here.found("needle") == NEWEST_FIRST


def remove(file: Path) -> None:
    file.unlink()


def truncate(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def garbage(file: Path) -> None:
    file.write_bytes(b"no database " * 1000)


def empty(file: Path) -> None:
    file.write_bytes(b"")


def later_format(file: Path) -> None:
    rows_of_writer(file, f"UPDATE about SET format = {index.FORMAT + 1}")


def of_another_database(file: Path) -> None:
    rows_of_writer(file, "UPDATE about SET database = 'x'")


def ahead(file: Path) -> None:
    rows_of_writer(file, "UPDATE about SET position = position + 1000")


def other_events(file: Path) -> None:
    rows_of_writer(file, "UPDATE about SET last_id = 'x'")


def without_a_table(file: Path) -> None:
    rows_of_writer(file, "DROP TABLE parked")


def of_something_else(file: Path) -> None:
    remove(file)
    rows_of_writer(file, "CREATE TABLE about (x)")


def rows_of_writer(file: Path, sql: str) -> None:
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute(sql)


DAMAGES = [
    remove, truncate, garbage, empty, later_format, of_another_database, ahead, other_events,
    without_a_table, of_something_else,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
async def test_what_is_no_index_of_this_database_is_made_anew(tmp_path: Path, damage: Any) -> None:
    async with searching(tmp_path / "x.db") as here:
        await here.happen(*MESSAGES)
        assert await here.found("needle") == NEWEST_FIRST
    damage(here.file)
    async with searching(tmp_path / "x.db") as here:
        await eventually(lambda: here.search.state.state == "following")
        assert await here.found("needle") == NEWEST_FIRST


async def test_removed_beside_a_recorder_it_is_made_anew(here: Searching) -> None:
    assert await here.found("needle") == NEWEST_FIRST
    for suffix in ("", "-wal", "-shm"):
        Path(f"{here.file}{suffix}").unlink(missing_ok=True)
    await eventually(here.file.exists)
    await eventually(lambda: here.finds("needle", NEWEST_FIRST))


async def test_broken_while_it_is_open_it_is_made_anew(here: Searching) -> None:
    assert await here.found("needle") == NEWEST_FIRST
    with here.file.open("r+b") as opened:
        opened.write(b"x" * here.file.stat().st_size)
    await here.happen(*said_all(RUN, 21, ["one more"]))
    await eventually(lambda: here.finds("one", ["one more"]))
    assert await here.found("needle") == NEWEST_FIRST


async def test_database_that_is_exchanged_is_noticed(here: Searching) -> None:
    """As by `rebuild` and `log repair`: other events may stand at the same places."""
    assert await here.found("needle") == NEWEST_FIRST
    other = said_all(RUN, 1, [f"other {number}" for number in range(20)])
    file = here.store.file.with_name("x.db.scratch")
    with make_scratch(file, PROJECTIONS) as scratch:
        scratch.apply(other)
    await here.store.adopt(file, lambda: None)
    await eventually(
        lambda: here.finds("other", [f"other {number}" for number in range(19, -1, -1)])
    )
    assert await here.found("needle") == []


async def test_copy_of_a_database_keeps_its_index(tmp_path: Path) -> None:
    async with searching(tmp_path / "x.db") as here:
        await here.happen(*MESSAGES)
        assert await here.found("n3n") == ["n3n needle"]
    for file in tmp_path.glob("x.db*"):
        shutil.copy(file, tmp_path / file.name.replace("x.db", "copy.db"))
    at = (tmp_path / "copy.db.search").stat().st_mtime_ns
    async with searching(tmp_path / "copy.db") as here:
        assert await here.found("n3n") == ["n3n needle"]
        assert rows(here.file, "SELECT position FROM about") == [(20,)]
    assert (tmp_path / "copy.db.search").stat().st_mtime_ns >= at


async def test_backup_that_is_put_back_is_behind_its_index(tmp_path: Path) -> None:
    """Other events come to stand where the lost ones were."""
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        await spec.apply(store, MESSAGES[:10])
    shutil.copy(tmp_path / "x.db", tmp_path / "backup")
    async with searching(tmp_path / "x.db") as here:
        await here.happen(*MESSAGES[10:])
        assert await here.found("needle") == NEWEST_FIRST
    shutil.copy(tmp_path / "backup", tmp_path / "x.db")
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        await spec.apply(store, said_all(RUN, 11, [f"new {number}" for number in range(10)]))
    async with searching(tmp_path / "x.db") as here:
        await eventually(lambda: here.finds("new", [f"new {n}" for n in range(9, -1, -1)]))
        assert await here.found("needle") == NEWEST_FIRST[10:]


def broken(position: int) -> Message:
    return spec.raw_message(position, f"runs.{RUN.space_id}.{RUN.run_id}.w1.x", b"?", new_id())


@pytest.mark.parametrize("restart", [False, True])
async def test_what_waits_is_found_once_it_goes_on(tmp_path: Path, restart: bool) -> None:
    other = FakeRun("w1", RUN.space_id, new_id())
    async with searching(tmp_path / "x.db") as here:
        await here.happen(said(RUN, 1, "before needle"), broken(2))
        await here.happen(*said_all(RUN, 3, TEXTS[:10]), said(other, 13, "other needle"))
        assert await here.found("needle") == ["other needle", "before needle"]
        if not restart:
            await _skip(here)
            expected = ["other needle", *TEXTS[:10][::-1], "before needle"]
            await eventually(lambda: here.finds("needle", expected))
            return
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        await _skip(Searching(store))
    async with searching(tmp_path / "x.db") as here:
        expected = ["other needle", *TEXTS[:10][::-1], "before needle"]
        await eventually(lambda: here.finds("needle", expected))


async def _skip(here: Searching) -> None:
    [found] = await quarantine.find_all(here.store)
    await quarantine.skip(here.store, here.news, found.stream, found.epoch, found.position)


async def test_run_that_leaves_is_not_found_and_its_parts_go(here: Searching) -> None:
    other = FakeRun("w1", RUN.space_id, new_id())
    await here.happen(said(other, 30, "other needle"))
    assert len(await here.found("needle")) == 21
    for table, column in (("runs", "id"), ("events", "run_id"), ("log", "run_id")):
        leave = partial(_remove, sql=f"DELETE FROM {table} WHERE {column} = ?")
        await here.store.write(leave)
        assert await here.found("needle") == ["other needle"]
    await eventually(lambda: len(rows(here.file, "SELECT * FROM parts")) == 1)
    assert await here.found("needle") == ["other needle"]


def _remove(transaction: Transaction, sql: str) -> None:
    transaction.execute(sql, (RUN.run_id,))


async def test_full_disk_stops_the_index_and_nothing_else(tmp_path: Path) -> None:
    with small_disk(tmp_path / "small") as disk:
        async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
            await spec.apply(store, MESSAGES[:3])
        (tmp_path / "x.db.search").symlink_to(tmp_path / "small" / "index")
        async with searching(tmp_path / "x.db") as here:
            assert await here.found("needle") == NEWEST_FIRST[17:]
            disk.fill(leave_kib=0)
            await here.happen(*MESSAGES[3:])
            long = [f"x{n} " + " ".join(new_id() for _ in range(50)) for n in range(300)]
            await here.happen(*said_all(RUN, 21, long))
            await eventually(lambda: "full" in here.search.state.why)
            disk.free()
            await eventually(lambda: here.finds("x7", [long[7]]))
            assert here.search.state.why == ""


async def test_without_an_index_one_is_told_so(tmp_path: Path) -> None:
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        here = Searching(store)
        with pytest.raises(StorageUnavailable, match="cannot be read now"):
            await here.found("needle")


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
async def test_any_batches_and_restarts_find_all(tmp_path: Path, data: st.DataObject) -> None:
    """Two runs, one of which is parked somewhere and goes on somewhere later."""
    directory = tmp_path / new_id()
    directory.mkdir()
    parked_at, goes_on = data.draw(st.integers(2, 10)), data.draw(st.integers(0, 5))
    runs = st.sampled_from([RUN, FakeRun("w1", RUN.space_id, new_id())])
    left = [
        broken(at) if at == parked_at else said(data.draw(runs), at, f"m{at}m needle")
        for at in range(1, 16)
    ]
    for turn in range(7):
        async with searching(directory / "x.db") as here:
            count = data.draw(st.integers(1, 5)) if turn < 5 else len(left)
            some, left = left[:count], left[count:]
            if some:
                await here.happen(*some)
            if data.draw(st.booleans()):
                await here.search.catch_up(20)
            if turn >= goes_on and not all(each.skipped for each in await _quarantined(here)):
                await _skip(here)
    expected = [f"m{at}m needle" for at in range(15, 0, -1) if at != parked_at]
    async with searching(directory / "x.db") as here:
        await eventually(lambda: here.finds("needle", expected))


async def _quarantined(here: Searching) -> Sequence[quarantine.Quarantined]:
    return await quarantine.find_all(here.store)
