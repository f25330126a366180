"""The writer outlives its callers, readers cannot write, and a changed projection is made anew."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import aiosqlite
import msgspec
import pytest

from recorder.projections import PROJECTIONS
from recorder.store import Store, Transaction, open_store, readers
from tests.support import recorder_spec as spec
from tests.support.eventually import eventually
from tests.support.recorder_worker import FakeRun, new_id


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        yield store


def insert(transaction: Transaction) -> None:
    transaction.execute("INSERT INTO projections VALUES ('made by a test', 1)")


FIND = "SELECT * FROM projections WHERE name = 'made by a test'"


async def test_cancelled_caller_leaves_a_whole_transaction(store: Store) -> None:
    begun, go_on = asyncio.Event(), threading.Event()
    loop = asyncio.get_running_loop()

    def slow(transaction: Transaction) -> None:
        insert(transaction)
        loop.call_soon_threadsafe(begun.set)
        assert go_on.wait(10)

    caller = asyncio.create_task(store.write(slow))
    await begun.wait()
    caller.cancel()
    with pytest.raises(asyncio.CancelledError):
        await caller
    go_on.set()
    assert await store.write(lambda transaction: transaction.rows(FIND))
    assert await store.find_row(FIND)


async def test_failed_job_changes_nothing_and_stops_nobody(store: Store) -> None:
    def fails(transaction: Transaction) -> None:
        insert(transaction)
        transaction.execute("this is no SQL")

    with pytest.raises(sqlite3.OperationalError):
        await store.write(fails)
    assert await store.find_row(FIND) is None
    await store.write(insert)
    assert await store.find_row(FIND)


async def test_readers_cannot_write(store: Store) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        await store.rows("DELETE FROM log")


SLOW = """
WITH RECURSIVE counted(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < 2000000)
SELECT count(*) FROM counted
"""


async def test_several_queries_read_one_moment(store: Store) -> None:
    reading = asyncio.create_task(store.rows_of_each((FIND, ()), (SLOW, ()), (FIND, ())))
    await store.rows("SELECT 1")  # by another reader: the first is at work
    await store.write(insert)
    assert not reading.done()
    before, _, after = await reading
    assert before == after
    assert await store.rows(FIND)


async def test_a_query_that_fails_leaves_its_reader_as_it_was(store: Store) -> None:
    for _ in range(10):  # more than there are
        with pytest.raises(sqlite3.OperationalError):
            await store.rows_of_each(("SELECT 1", ()), ("SELECT nothing", ()))
    await store.write(insert)
    assert await store.rows(FIND)


async def test_wal_and_no_mmap(store: Store) -> None:
    for pragma, value in (("journal_mode", "wal"), ("mmap_size", 0), ("query_only", 1)):
        row = await store.find_row(f"PRAGMA {pragma}")
        assert row is not None
        assert row[0] == value


async def test_raised_version_is_rebuilt_and_comes_back_the_same(tmp_path: Path) -> None:
    run = FakeRun("w1", new_id(), new_id())
    events = [run.launching(), run.ready(), run.ended(), run.event("custom.x")]
    file = tmp_path / "x.db"
    async with open_store(file, PROJECTIONS) as store:
        await spec.apply(store, [spec.message(at, event) for at, event in enumerate(events, 1)])
        before = await spec.dump(store)
        await store.write(_forget)
    raised = [msgspec.structs.replace(each, version=each.version + 1) for each in PROJECTIONS]
    async with open_store(file, raised) as store:
        assert await spec.dump(store) == before
        versions = await store.rows("SELECT name, version FROM projections")
        assert dict(map(tuple, versions)) == {each.name: each.version for each in raised}


def _forget(transaction: Transaction) -> None:
    """What is wrong in the tables must not live on."""
    transaction.execute("UPDATE runs SET status = 'nonsense'")
    transaction.execute("DELETE FROM events")


async def test_second_store_on_one_file_is_refused(store: Store, tmp_path: Path) -> None:
    from schemas.problems import CannotStart

    with pytest.raises(CannotStart, match="Another recorder"):
        async with open_store(tmp_path / "x.db", PROJECTIONS):
            pass


async def test_opening_that_is_given_up_leaves_nothing_open(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when a recorder is told to end while it begins."""
    open_one, opened = readers._open, list[aiosqlite.Connection]()

    async def only_two(file: Path) -> aiosqlite.Connection:
        if len(opened) == 2:
            raise asyncio.CancelledError
        opened.append(await open_one(file))
        return opened[-1]

    monkeypatch.setattr(readers, "_open", only_two)
    with pytest.raises(asyncio.CancelledError):
        await readers.Readers.open(store.file, 4)
    for connection in opened:
        with pytest.raises(ValueError, match="no active connection"):
            await connection.execute("SELECT 1")


async def test_closing_is_not_given_up(tmp_path: Path) -> None:
    """A thread of SQLite that nobody ends would keep the process for ever."""
    before, opened, go_on = _threads_of_sqlite(), asyncio.Event(), threading.Event()

    async def live() -> None:
        async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
            writing = asyncio.create_task(store.write(lambda _transaction: go_on.wait(10)))
            opened.set()
            await writing

    living = asyncio.create_task(live())
    await opened.wait()
    assert _threads_of_sqlite() - before
    for _ in range(3):
        await asyncio.sleep(0.01)
        living.cancel()
    go_on.set()
    await asyncio.wait({living})
    assert living.cancelled()
    # One says that it is done before it is.
    await eventually(lambda: _threads_of_sqlite() <= before)


def _threads_of_sqlite() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if "_connection_worker" in thread.name}
