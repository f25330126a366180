"""Batches of one stream: cut anywhere, read ahead, written in order, and none without the one before it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from recorder.entries import Message
from recorder.news import News
from recorder.projections import PROJECTIONS
from recorder.projector import BatchBeforeFailed, Projector
from recorder.store import Store, Transaction, open_store
from recorder.store.writer import CHUNKS, in_chunks
from schemas import subjects
from tests.support import recorder_spec as spec
from tests.support.recorder_worker import FakeRun, new_id


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    async with open_store(tmp_path / "x.db", PROJECTIONS) as store:
        yield store


def stream() -> list[Message]:
    """1,300 messages of five runs that take turns and end; each 50th once more, each 90th unreadable."""
    runs = [FakeRun("w1", new_id(), new_id()) for _ in range(5)]
    messages: list[Message] = []
    for run in runs:
        messages.append(spec.message(len(messages) + 1, run.launching()))
    while len(messages) < 1300:
        position, run = len(messages) + 1, runs[len(messages) % 5]
        if position % 90 == 0:
            messages.append(spec.raw_message(position, f"runs.s.{run.run_id}.w1.x", b"?"))
        elif position % 50 == 0:
            twice = messages[position - 40]
            messages.append(spec.raw_message(position, twice.subject, twice.body))
        elif position in (400, 701, 900):
            messages.append(spec.message(position, run.ended()))
        else:
            messages.append(spec.message(position, run.event("x.y")))
    return messages


async def applied(file: Path, messages: list[Message], size: int) -> list[str]:
    """The whole file as SQL but for its own identity, after batches of one size, two of them under way at a time."""
    async with open_store(file, PROJECTIONS) as store:
        projector = Projector(store, News(), PROJECTIONS)
        batches = [messages[at : at + size] for at in range(0, len(messages), size)]
        for at in range(0, len(batches), 2):
            await asyncio.gather(*(projector.apply(each) for each in batches[at : at + 2]))
        sql = await store.write(lambda transaction: list(transaction._connection.iterdump()))
        return [line for line in sql if not line.startswith('INSERT INTO "identity"')]


async def test_any_batch_size_makes_the_same_file(tmp_path: Path) -> None:
    messages = stream()
    one, seven, thousand = [
        await applied(tmp_path / f"{size}.db", messages, size) for size in (1, 7, 1000)
    ]
    assert len(one) > 2000
    assert one == seven == thousand


async def test_batch_after_one_that_failed_is_not_written(store: Store) -> None:
    messages = stream()
    projector = Projector(store, News(), PROJECTIONS)
    await store.write(lambda each: each.execute("ALTER TABLE runs RENAME TO away"))
    failed, after = await asyncio.gather(
        projector.apply(messages[:10]), projector.apply(messages[10:20]), return_exceptions=True
    )
    assert "no such table" in str(failed)
    assert isinstance(after, BatchBeforeFailed)
    assert await spec.checkpoint(store) is None
    await store.write(lambda each: each.execute("ALTER TABLE away RENAME TO runs"))
    await projector.apply(messages[:10])
    await projector.apply(messages[10:20])
    assert len(await store.rows("SELECT * FROM log")) == 20


async def test_streams_do_not_wait_for_each_other(store: Store) -> None:
    projector = Projector(store, News(), PROJECTIONS)
    broken = [spec.raw_message(2**63, "control.x", b"?", stream=subjects.CONTROL)]
    good = stream()[:3]
    failed, fine = await asyncio.gather(
        projector.apply(broken), projector.apply(good), return_exceptions=True
    )
    assert isinstance(failed, OverflowError)
    assert fine is None
    found = await spec.checkpoint(store)
    assert found is not None
    assert found.position == 3


async def test_second_copy_within_a_batch_and_across_batches(store: Store) -> None:
    run = FakeRun("w1", new_id(), new_id())
    event = run.event("x.y")
    copies = [spec.message(at, event) for at in (1, 2, 3)]
    projector = Projector(store, News(), PROJECTIONS)
    await asyncio.gather(projector.apply(copies[:2]), projector.apply(copies[2:]))
    rows = await store.rows("SELECT position FROM log")
    assert [row["position"] for row in rows] == [1]


@pytest.mark.parametrize("count", [0, 1, 9, 10, 249, 250, 251, 999, 1000])
def test_chunks_are_all_rows_in_order_in_few_sizes(count: int) -> None:
    chunks = list(in_chunks(range(count)))
    assert [row for chunk in chunks for row in chunk] == list(range(count))
    assert {len(chunk) for chunk in chunks} <= set(CHUNKS)


async def test_statements_stay_below_the_most_parameters(store: Store) -> None:
    """SQLite takes 32,766; the widest table has 17 columns."""

    def widest(transaction: Transaction) -> int:
        tables = transaction.rows("SELECT name FROM sqlite_master WHERE type = 'table'")
        return max(len(transaction.rows(f"PRAGMA table_info({name})")) for (name,) in tables)

    assert await store.write(widest) * max(CHUNKS) < 32_766
