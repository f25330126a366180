"""The writer outlives its callers, readers cannot write, and a changed projection is made anew."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from recorder.projections import PROJECTIONS
from recorder.store import Store, Transaction, open_store
from tests.support import recorder_spec as spec
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
