"""A page of 100 events out of a large log, beside the same page out of a small one: the query alone, and at the API."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from msgspec import Struct

from recorder.projections import PROJECTIONS
from recorder.queries.events import EventFilter, Place, event_cursor, list_events
from recorder.store import open_store
from tests.bench import asking
from tests.bench.big_log import EPOCH, BigLog, multiply, project
from tests.bench.figure import Bench, Figure, Row, Target, at_most, spread
from tests.bench.filling import fill
from tests.bench.stack import recorder_alone

SMALL = 50_000
FIRST = 10_000
LIMIT = 100
STRIDE = 7919  # a prime, so that runs far apart are read one after the other

Ask = Callable[[str, str], Awaitable[int]]


class Logs(Struct, frozen=True):
    """The two that are compared."""

    large: BigLog
    small: BigLog


async def measure(bench: Bench) -> list[Row]:
    """Each page from both by turns, each from the middle of another run."""
    logs = await _logs(bench)
    async with _queries(logs) as ways:
        alone = await _by_turns(bench, logs, ways)
    async with _apis(bench, logs) as ways:
        at_api = await _by_turns(bench, logs, ways)
    note = f"{logs.large.events:,} events ({logs.large.file.stat().st_size / 1e9:.1f} GB) beside {logs.small.events:,}"
    targets = (at_most(1.3, of="p99"), at_most(plus=5, of="p99"))
    return [
        _row("GET …/events?limit=100", at_api, logs, note, targets),
        _row("  the query alone", alone, logs, note, ()),
    ]


def _row(
    label: str,
    found: Mapping[str, Sequence[float]],
    logs: Logs,
    note: str,
    targets: tuple[Target, ...],
) -> Row:
    return Row(
        label=label,
        unit="ms",
        n=len(found["large"]),
        ours=spread(found["large"]),
        baseline=spread(found["small"]),
        baseline_label=f"{logs.small.events:,} events",
        targets=targets,
        note=note,
    )


async def _logs(bench: Bench) -> Logs:
    """Real events, then so many copies of them."""
    wanted = bench.count(5_000_000 if bench.full else 1_000_000, 100_000)
    outbox = bench.directory / "outbox"
    await fill(bench, outbox, FIRST)
    first = await project(outbox, bench.directory / "first.db")
    small = multiply(first, bench.directory / "small.db", SMALL // first.events, lambda _n: None)
    large = await asyncio.to_thread(
        multiply,
        first,
        bench.directory / "large.db",
        wanted // first.events,
        lambda events: bench.progress(events, wanted),
    )
    return Logs(large, small)


async def _by_turns(
    bench: Bench, logs: Logs, ways: Mapping[str, Ask]
) -> Mapping[str, Sequence[float]]:
    """How long each page took, in ms."""
    count = bench.count(500, 50)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(-20, count):
        for name in list(ways) if turn % 2 else reversed(list(ways)):
            log: BigLog = getattr(logs, name)
            took_ms = await _asked(ways[name], log, turn * STRIDE)
            if turn >= 0:
                found[name].append(took_ms)
        bench.progress(max(0, turn + 1), count)
    return found


async def _asked(ask: Ask, log: BigLog, number: int) -> float:
    run_id = log.run(number)
    after = event_cursor(run_id, Place(EPOCH, log.middle(number)))
    since = time.perf_counter()
    events = await ask(run_id, after)
    took_ms = (time.perf_counter() - since) * 1000
    if events != LIMIT:
        raise RuntimeError(f"a page of {LIMIT} events held {events}")
    return took_ms


@asynccontextmanager
async def _queries(logs: Logs) -> AsyncIterator[Mapping[str, Ask]]:
    async with (
        open_store(logs.large.file, PROJECTIONS) as large,
        open_store(logs.small.file, PROJECTIONS) as small,
    ):
        stores = {"large": large, "small": small}

        def asking(name: str) -> Ask:
            async def ask(run_id: str, after: str) -> int:
                page = await list_events(
                    stores[name], run_id, EventFilter(), after=after, limit=LIMIT, order="asc"
                )
                return len(page.data)

            return ask

        yield {name: asking(name) for name in stores}


@asynccontextmanager
async def _apis(bench: Bench, logs: Logs) -> AsyncIterator[Mapping[str, Ask]]:
    """A recorder for each; we ask over a plain socket that stays open."""
    async with AsyncExitStack() as parts:
        ways = {}
        for name in ("large", "small"):
            file: Path = getattr(logs, name).file
            api = await parts.enter_async_context(recorder_alone(bench.directory / name, file))
            ways[name] = _of_api(await parts.enter_async_context(asking.asking(api)))
        yield ways


def _of_api(asked: asking.Ask) -> Ask:
    async def ask(run_id: str, after: str) -> int:
        path = f"/v1/runs/{run_id}/events?limit={LIMIT}&cursor={after}"
        return await asked(path, b'"sequence":')

    return ask


FIGURE = Figure(
    name="event_page", title="A page of a large log", measure=measure, deadline_seconds=600
)
