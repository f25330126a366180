"""The WAL goes into the file beside commits, never within one, and on the writing connection only."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import aiosqlite
import pytest

from recorder.projections import PROJECTIONS
from recorder.store import Store, Transaction, checkpoints, open_store
from recorder.store.checkpoints import Checkpoints
from tests.support.eventually import eventually


def write_64_kib(transaction: Transaction) -> None:
    transaction.execute("INSERT INTO projections VALUES (hex(randomblob(32768)), 1)")


def wal_bytes(file: Path) -> int:
    return file.with_name(file.name + "-wal").stat().st_size


async def grow(store: Store, file: Path, size_bytes: int) -> int:
    """Until the WAL is so long; how many bytes were written in all."""
    writes = 0
    while wal_bytes(file) < size_bytes:
        await store.write(write_64_kib)
        writes += 1
    return writes * 64 * 1024


async def test_commits_make_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "QUIET_SECONDS", 3600.0)
    file = tmp_path / "x.db"
    async with open_store(file, PROJECTIONS) as store:
        before = file.stat().st_size
        await grow(store, file, 6 * checkpoints.MIB)  # SQLite's own would come at 4 MiB
        assert file.stat().st_size == before


async def test_quiet_moment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "QUIET_SECONDS", 0.01)
    file = tmp_path / "x.db"
    async with open_store(file, PROJECTIONS) as store:
        written = await grow(store, file, 2 * checkpoints.MIB)
        # All of it: on a slow machine a quiet moment may come while it still grows.
        await eventually(lambda: file.stat().st_size > written)
        await store.write(write_64_kib)  # begins the WAL anew, and cuts it
        assert wal_bytes(file) < checkpoints.MIB


async def test_long_wal_is_not_kept_for_a_quiet_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "QUIET_SECONDS", 3600.0)
    file = tmp_path / "x.db"
    async with open_store(file, PROJECTIONS) as store:
        await grow(store, file, checkpoints.MOST_BYTES)
        await eventually(lambda: file.stat().st_size > checkpoints.MOST_BYTES // 2)
        await store.write(write_64_kib)
        assert wal_bytes(file) < checkpoints.MIB


async def test_checkpoint_that_fails_is_made_later(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    connection = await aiosqlite.connect(file, isolation_level=None)
    await connection.execute("PRAGMA journal_mode = WAL")
    await connection.execute("CREATE TABLE t (x)")
    await connection.execute("BEGIN IMMEDIATE")  # a checkpoint within a transaction is refused
    await connection.execute("INSERT INTO t VALUES (randomblob(32768))")
    beside = Checkpoints(connection, file, worth_bytes=1, most_bytes=1)
    beside.written()
    await beside.close()
    await connection.execute("COMMIT")
    before = file.stat().st_size
    beside = Checkpoints(connection, file, worth_bytes=1, most_bytes=1)
    beside.written()
    await beside.close()
    assert file.stat().st_size > before
    await connection.close()


async def test_closed_store_left_nothing_in_the_wal(tmp_path: Path) -> None:
    file = tmp_path / "x.db"
    async with open_store(file, PROJECTIONS) as store:
        await store.write(write_64_kib)
    assert not file.with_name("x.db-wal").exists()
    with sqlite3.connect(file) as connection:
        [count] = connection.execute("SELECT count(*) FROM projections").fetchone()
    assert count == len(PROJECTIONS) + 1
