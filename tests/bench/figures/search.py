"""A search over very many events, beside the same over few; and what it costs to index an event."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from urllib.parse import quote

from msgspec import Struct

from recorder import cancelling
from recorder.news import News
from recorder.projections import PROJECTIONS
from recorder.queries.events import EventFilter
from recorder.queries.search import asked_of_all, search_events
from recorder.search import wanted
from recorder.search.indexing import Search
from recorder.store import open_store
from tests.bench.big_log import BigLog, multiply, project
from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.filling import fill
from tests.bench.stack import KEY, Api, recorder_alone

FIRST = 10_000
SMALL = 50_000
LIMIT = 50
# What is in nearly every event, in some, in none; two together, a phrase, the beginning of a word.
ASKED = (
    "http", "quote", "nosuchword", "http broken", '"quote html"', "http nosuchword", "localh", "get 127.0.0.1 about",
)  # fmt: skip

Ask = Callable[[str], Awaitable[int]]


class Logs(Struct, frozen=True):
    """The two that are compared, and what indexing took in all: µs of CPU and of the clock an event, bytes."""

    large: BigLog
    small: BigLog
    cpu_us: float
    wall_us: float
    size_bytes: int


async def measure(bench: Bench) -> list[Row]:
    """Each question to both by turns."""
    logs = await _logs(bench)
    async with AsyncExitStack() as parts:
        ways = {
            name: await parts.enter_async_context(_query(getattr(logs, name)))
            for name in ("large", "small")
        }
        alone = await _by_turns(bench, ways)
    async with AsyncExitStack() as parts:
        ways = {
            name: await parts.enter_async_context(_api(bench, name, getattr(logs, name)))
            for name in ("large", "small")
        }
        at_api = await _by_turns(bench, ways)
    share = logs.size_bytes / logs.large.file.stat().st_size
    rate = f"{logs.cpu_us:.0f} µs of CPU an event, {1e6 / logs.wall_us:,.0f} events/s"
    cost = f"indexing: {rate}, {share:.0%} of the database's size"
    return [
        _row(f"GET /v1/search?limit={LIMIT}", at_api, logs, f"{logs.large.events:,} events"),
        _row("  the query alone", alone, logs, cost),
    ]


def _row(label: str, found: Mapping[str, Sequence[float]], logs: Logs, note: str) -> Row:
    return Row(
        label=label,
        unit="ms",
        n=len(found["large"]),
        ours=spread(found["large"]),
        baseline=spread(found["small"]),
        baseline_label=f"{logs.small.events:,} events",
        targets=(at_most(plus=50, of="p99"),),
        note=note,
    )


async def _logs(bench: Bench) -> Logs:
    """Real events, many copies of them, and the index of both."""
    count = bench.count(1_000_000, 100_000)
    outbox = bench.directory / "outbox"
    await fill(bench, outbox, FIRST)
    first = await project(outbox, bench.directory / "first.db")
    small = multiply(first, bench.directory / "small.db", SMALL // first.events, lambda _n: None)
    say = partial(_say, bench, 2 * count)
    large = await asyncio.to_thread(
        multiply, first, bench.directory / "large.db", count // first.events, say
    )
    await _index(small, lambda _n: None)
    cpu, wall, size_bytes = await _index(large, lambda done: say(count + done))
    return Logs(large, small, cpu / large.events * 1e6, wall / large.events * 1e6, size_bytes)


def _say(bench: Bench, of: int, done: int) -> None:
    bench.progress(done, of)


async def _index(log: BigLog, say: Callable[[int], None]) -> tuple[float, float, int]:
    """How many seconds of CPU and of the clock it took, and its size."""
    async with open_store(log.file, PROJECTIONS) as store:
        search = Search(store, News())
        cpu, clock = time.process_time(), time.monotonic()
        job = asyncio.create_task(search.run())
        try:
            while (state := search.state).state != "following" or state.behind:
                say(log.events - state.behind)
                await asyncio.sleep(0.1)
            return time.process_time() - cpu, time.monotonic() - clock, state.size_bytes
        finally:
            await cancelling.end([job])


async def _by_turns(bench: Bench, ways: Mapping[str, Ask]) -> Mapping[str, Sequence[float]]:
    """How long each answer took, in ms."""
    rounds = bench.count(400, 40)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(-2 * len(ASKED), rounds):
        asked = ASKED[turn % len(ASKED)]
        for name in list(ways) if turn % 2 else reversed(list(ways)):
            since = time.perf_counter()
            hits = await ways[name](asked)
            took_ms = (time.perf_counter() - since) * 1000
            if (hits == 0) != ("nosuch" in asked):
                raise RuntimeError(f"{asked!r} found {hits}")
            if turn >= 0:
                found[name].append(took_ms)
        bench.progress(max(0, turn + 1), rounds)
    return found


@asynccontextmanager
async def _query(log: BigLog) -> AsyncIterator[Ask]:
    async with open_store(log.file, PROJECTIONS) as store:
        search = Search(store, News())
        job = asyncio.create_task(search.run())

        async def ask(q: str) -> int:
            asked = asked_of_all(EventFilter(words=wanted(q)), None)
            return len((await search_events(store, search, asked, None, LIMIT)).data)

        try:
            while search.state.state != "following":
                await asyncio.sleep(0.01)
            yield ask
        finally:
            await cancelling.end([job])


@asynccontextmanager
async def _api(bench: Bench, name: str, log: BigLog) -> AsyncIterator[Ask]:
    """A recorder on it; we ask over a plain socket that stays open."""
    async with recorder_alone(bench.directory / name, log.file) as api, _asking(api) as ask:
        yield ask


@asynccontextmanager
async def _asking(api: Api) -> AsyncIterator[Ask]:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)

    async def ask(q: str) -> int:
        path = f"/v1/search?limit={LIMIT}&q={quote(q)}"
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{api.port}\r\nAuthorization: Bearer {KEY}"
        writer.write(f"{head}\r\n\r\n".encode())
        fields = (await reader.readuntil(b"\r\n\r\n")).lower()
        length = fields.partition(b"content-length:")[2].partition(b"\r\n")[0]
        body = await reader.readexactly(int(length))
        return body.count(b'"excerpt":')

    try:
        yield ask
    finally:
        writer.close()


FIGURE = Figure(
    name="search", title="Search over a large log", measure=measure, deadline_seconds=900
)
