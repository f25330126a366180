"""A page of 100 of a run's activity, out of very much: of one run, and of many runs; beside the same out of little."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

from recorder.projections import PROJECTIONS
from recorder.queries.activity import ActivityFilter, activity_cursor, list_activity
from recorder.store import Store, open_store
from tests.bench import asking, much_activity
from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.much_activity import Much
from tests.bench.stack import recorder_alone

LIMIT = 100
STRIDE = 7919  # a prime, so that pages far apart are read one after the other
NORMAL = ActivityFilter(view="normal")

Ask = Callable[[str, str], Awaitable[int]]
Ways = Mapping[str, Ask]


async def measure(bench: Bench) -> list[Row]:
    """Each page from each by turns: of another run, or after another cursor."""
    count = bench.count(1_000_000, 50_000)
    logs = {
        "one run": Much(bench.directory / "one.db", 1, count),
        "many runs": Much(bench.directory / "many.db", count // 1000, 1000),
        "little": Much(bench.directory / "little.db", 10, 1000),
    }
    for much in logs.values():
        await much_activity.make(much, lambda done, of=much.items: bench.progress(done, of))  # type: ignore[misc]
    async with _queries(logs) as ways:
        alone = await _by_turns(bench, logs, ways)
    async with _apis(bench, logs) as ways:
        at_api = await _by_turns(bench, logs, ways)
    rows = []
    for name in ("one run", "many runs"):
        rows.append(_row("GET …/activity?limit=100", at_api, logs, name))
        rows.append(_row("  the query alone", alone, logs, name))
    return rows


def _row(
    label: str, found: Mapping[str, Sequence[float]], logs: Mapping[str, Much], name: str
) -> Row:
    much, little = logs[name], logs["little"]
    return Row(
        label=label,
        unit="ms",
        n=len(found[name]),
        ours=spread(found[name]),
        baseline=spread(found["little"]),
        baseline_label=f"{little.items:,} items",
        targets=(at_most(plus=5, of="p99"),),
        note=f"{much.items:,} items of {much.runs:,} runs",
    )


async def _by_turns(
    bench: Bench, logs: Mapping[str, Much], ways: Ways
) -> Mapping[str, Sequence[float]]:
    """How long each page took, in ms."""
    rounds = bench.count(500, 30)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(-20, rounds):
        for name in list(ways) if turn % 2 else reversed(list(ways)):
            took_ms = await _asked(ways[name], logs[name], (turn + 20) * STRIDE)
            if turn >= 0:
                found[name].append(took_ms)
        bench.progress(max(0, turn + 1), rounds)
    return found


async def _asked(ask: Ask, much: Much, number: int) -> float:
    item = number % (much.each - 2 * LIMIT)  # every third is left out, and so many must follow
    after = activity_cursor(much.run(number), much.place(number, item))
    since = time.perf_counter()
    items = await ask(much.run(number), after)
    took_ms = (time.perf_counter() - since) * 1000
    if items != LIMIT:
        raise RuntimeError(f"a page of {LIMIT} items held {items}")
    return took_ms


@asynccontextmanager
async def _queries(logs: Mapping[str, Much]) -> AsyncIterator[Ways]:
    async with AsyncExitStack() as parts:
        ways = {}
        for name, much in logs.items():
            store = await parts.enter_async_context(open_store(much.file, PROJECTIONS))
            ways[name] = _of_store(store)
        yield ways


def _of_store(store: Store) -> Ask:
    async def ask(run_id: str, after: str) -> int:
        page = await list_activity(store, run_id, NORMAL, after=after, limit=LIMIT, order="asc")
        return len(page.data)

    return ask


@asynccontextmanager
async def _apis(bench: Bench, logs: Mapping[str, Much]) -> AsyncIterator[Ways]:
    """A recorder for each."""
    async with AsyncExitStack() as parts:
        ways = {}
        for name, much in logs.items():
            directory = bench.directory / name.replace(" ", "-")
            directory.mkdir(exist_ok=True)
            api = await parts.enter_async_context(recorder_alone(directory, much.file))
            ways[name] = _of_api(await parts.enter_async_context(asking.asking(api)))
        yield ways


def _of_api(asked: asking.Ask) -> Ask:
    async def ask(run_id: str, after: str) -> int:
        path = f"/v1/runs/{run_id}/activity?limit={LIMIT}&cursor={after}"
        return await asked(path, b'"severity":')

    return ask


FIGURE = Figure(
    name="activity_page",
    title="A page of very much activity",
    measure=measure,
    deadline_seconds=600,
)
