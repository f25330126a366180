"""However a stream is cut, repeated and cut off, and however its tables were made: they come out the same."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from recorder import quarantine
from recorder.entries import Message
from recorder.news import News
from recorder.projections.projection import Projection
from recorder.store import Store, Transaction, open_store, parked, rebuild
from schemas.events.page import PageOpened
from tests.support import recorder_spec as spec
from tests.support.dying_transaction import Died, Dying
from tests.support.recorder_watchful import LENIENT, STRICT, STRICT_AGAIN
from tests.support.recorder_worker import FakeRun, new_id

RUNS = 3
KINDS = (
    *("x.y", "x.y", "x.y", "launching", "ready", "ended", "copy", "copy"),
    *("future", "misfit", "garbage", "misplaced", "nobodys", "bad.python", "bad.sql"),
    *("foreign", "foreign.garbage", "foreign.copy"),
)
steps = st.lists(
    st.tuples(st.integers(0, RUNS - 1), st.sampled_from(KINDS)), min_size=1, max_size=40
)
cuts = st.sets(st.integers(1, 39))
crashes = st.dictionaries(st.integers(0, 10), st.integers(0, 40), max_size=3)
skips = st.lists(st.integers(0, 3), max_size=4)

many = settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("property")


@contextmanager
def small_steps() -> Iterator[Dying]:
    """Rebuilds and retries of a few messages a transaction, and each may die."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(rebuild, "BATCH", 7)
        patched.setattr(parked, "CHUNK", 3)
        yield Dying(patched)


def stream(wanted: Sequence[tuple[int, str]]) -> list[Message]:
    """A message for each of them, as the stream could hold it."""
    runs = [FakeRun("w1", "s", new_id()) for _ in range(RUNS)]
    messages: list[Message] = []
    for number, kind in wanted:
        messages.append(_message(len(messages) + 1, runs[number], kind, messages, runs))
    return messages


def _message(
    position: int, run: FakeRun, kind: str, before: list[Message], runs: list[FakeRun]
) -> Message:
    subject = f"runs.s.{run.run_id}.w1.x"
    match kind:
        case "launching" | "ready" | "ended":
            return spec.message(position, getattr(run, kind)())
        case "copy" if before:
            copied = before[position % len(before)]
            return spec.raw_message(position, copied.subject, copied.body, copied.message_id)
        case "future":
            return spec.message(position, run.event(PageOpened(url=""), dataversion=99))
        case "misfit":
            return spec.message(position, run.event("page.opened"))
        case "garbage":
            return spec.raw_message(position, subject, b"?")
        case "misplaced":
            other = runs[(runs.index(run) + 1) % RUNS]
            body = msgspec.json.encode(other.event("x.y", number=1))
            return spec.raw_message(position, subject, body)
        case "foreign" | "foreign.garbage" | "foreign.copy":
            return _foreign(position, run, kind, before)
        case "nobodys":
            return spec.raw_message(position, "runs.s.x", b"?")
    return spec.message(position, run.event(kind))


def _foreign(position: int, run: FakeRun, kind: str, before: list[Message]) -> Message:
    """What another worker writes in that run, which may come first."""
    body = b"?"
    if kind == "foreign":
        event = replace(run, worker_id="w2").event("x.y", number=run.number)
        body = msgspec.json.encode(event)
    elif kind == "foreign.copy" and before:
        body = before[position % len(before)].body
    return spec.raw_message(position, f"runs.s.{run.run_id}.w2.x", body)


async def record(
    file: Path, projections: Sequence[Projection], batches: Sequence[Sequence[Message]]
) -> str:
    async with open_store(file, projections) as store:
        for batch in batches:
            await spec.apply(store, batch)
        return await spec.dump(store)


def cut(messages: list[Message], edges: set[int]) -> list[list[Message]]:
    inner = sorted(edge for edge in edges if edge < len(messages))
    ends = zip([0, *inner], [*inner, len(messages)], strict=True)
    return [messages[start:end] for start, end in ends]


async def dying(
    file: Path, batches: list[list[Message]], deaths: dict[int, int], dies: Dying
) -> None:
    """Each batch as a new process would go on with it, some of which die in it."""
    for number, batch in enumerate(batches):
        async with open_store(file, STRICT) as store:
            dies.at(deaths.get(number))
            try:
                await spec.apply(store, batch)
                dies.at(None)
            except Died:
                await spec.apply(store, batch)


@many
@given(wanted=steps, edges=cuts, deaths=crashes, data=st.data())
async def test_any_cut_and_any_death(
    directory: Path,
    wanted: list[tuple[int, str]],
    edges: set[int],
    deaths: dict[int, int],
    data: st.DataObject,
) -> None:
    messages, here = stream(wanted), directory / new_id()
    whole = await record(here / "whole.db", STRICT, [messages])
    with small_steps() as dies:
        await dying(here / "cut.db", cut(messages, edges), deaths, dies)
        assert await record(here / "cut.db", STRICT, []) == whole
        assert await record(here / "cut.db", STRICT_AGAIN, []) == whole


@many
@given(wanted=steps, deaths=st.lists(st.integers(0, 60), max_size=3))
async def test_tables_made_anew(
    directory: Path, wanted: list[tuple[int, str]], deaths: list[int]
) -> None:
    """By a projection that takes what the one before could not, or the other way round; and it dies in it."""
    messages, here = stream(wanted), directory / new_id()
    strict = await record(here / "strict.db", STRICT, [messages])
    lenient = await record(here / "lenient.db", LENIENT, [messages])
    with small_steps() as dies:
        for death in deaths:
            dies.at(death)
            with suppress(Died):
                await record(here / "strict.db", LENIENT, [])
                await record(here / "lenient.db", STRICT_AGAIN, [])
        dies.at(None)
        assert await record(here / "strict.db", LENIENT, []) == lenient
        assert await record(here / "lenient.db", STRICT_AGAIN, []) == strict


@many
@given(wanted=steps, edges=cuts, chosen=skips)
async def test_what_was_skipped_is_skipped_again(
    directory: Path, wanted: list[tuple[int, str]], edges: set[int], chosen: list[int]
) -> None:
    messages, here = stream(wanted), directory / new_id()
    early, late = cut(messages, edges)[0], messages
    with small_steps():
        async with open_store(here / "live.db", STRICT) as store:
            await spec.apply(store, early)
            for number in chosen:
                await _skip(store, number)
            await spec.apply(store, late[len(early) :])
            for number in chosen:
                await _skip(store, number)
            live = await spec.dump(store)
            skipped = await store.rows("SELECT * FROM quarantine WHERE skipped")
        async with open_store(here / "replayed.db", STRICT) as store:
            await _copy(store, [tuple(row) for row in skipped])
            await spec.apply(store, messages)
            assert await spec.dump(store) == live
        assert await record(here / "live.db", STRICT_AGAIN, []) == live
        everything = [msgspec.structs.replace(each, version=9) for each in STRICT]
        assert await record(here / "live.db", everything, []) == live


async def _skip(store: Store, number: int) -> None:
    waiting = [each for each in await quarantine.find_all(store) if not each.skipped]
    if number < len(waiting):
        at = waiting[number]
        await quarantine.skip(store, News(), at.stream, at.epoch, at.position)


async def _copy(store: Store, rows: list[tuple[object, ...]]) -> None:
    def copy(transaction: Transaction) -> None:
        for row in rows:
            transaction.execute("INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)

    await store.write(copy)
