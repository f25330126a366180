"""A page of 100 artifacts out of very many, beside the same page out of few: the query alone, and at the API."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial

from recorder.projections import PROJECTIONS
from recorder.queries.artifacts import list_artifacts
from recorder.queries.cursors import cursor
from recorder.queries.files import LIST
from recorder.store import open_store
from tests.bench import asking
from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.many_files import FIRST_MS, RUN, many_files
from tests.bench.stack import recorder_alone

LIMIT = 100
FEW = 10_000
STRIDE = 7919  # a prime, so that pages far apart are read one after the other

Ask = Callable[[str], Awaitable[int]]


async def measure(bench: Bench) -> list[Row]:
    """Each page from both by turns, each after another cursor."""
    counts = {"large": bench.count(1_000_000, 50_000), "small": FEW}
    for name, count in counts.items():
        file = bench.directory / f"{name}.db"
        await many_files(file, count, partial(_say, bench, count))
    async with _queries(bench) as ways:
        alone = await _by_turns(bench, counts, ways)
    async with _apis(bench) as ways:
        at_api = await _by_turns(bench, counts, ways)
    return [
        _row("GET …/artifacts?limit=100", at_api, counts),
        _row("  the query alone", alone, counts),
    ]


def _say(bench: Bench, count: int, done: int) -> None:
    bench.progress(done, count)


def _row(label: str, found: Mapping[str, Sequence[float]], counts: Mapping[str, int]) -> Row:
    return Row(
        label=label,
        unit="ms",
        n=len(found["large"]),
        ours=spread(found["large"]),
        baseline=spread(found["small"]),
        baseline_label=f"{counts['small']:,} artifacts",
        targets=(at_most(plus=10),),
        note=f"{counts['large']:,} artifacts of one run, all of them filed",
    )


async def _by_turns(
    bench: Bench, counts: Mapping[str, int], ways: Mapping[str, Ask]
) -> Mapping[str, Sequence[float]]:
    """How long each page took, in ms."""
    rounds = bench.count(300, 30)
    found: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(-20, rounds):
        for name in list(ways) if turn % 2 else reversed(list(ways)):
            number = LIMIT + turn * STRIDE % (counts[name] - LIMIT)
            took_ms = await _asked(ways[name], _cursor(number))
            if turn >= 0:
                found[name].append(took_ms)
        bench.progress(max(0, turn + 1), rounds)
    return found


def _cursor(number: int) -> str:
    at = time.gmtime(FIRST_MS // 1000 + number * 60)
    key = (time.strftime("%Y-%m-%dT%H:%M:%S.000Z", at), f"00000000-0000-7000-8000-{number:012}")
    return cursor(f"{LIST}/{RUN}", key)


async def _asked(ask: Ask, after: str) -> float:
    since = time.perf_counter()
    artifacts = await ask(after)
    took_ms = (time.perf_counter() - since) * 1000
    if artifacts != LIMIT:
        raise RuntimeError(f"a page of {LIMIT} artifacts held {artifacts}")
    return took_ms


@asynccontextmanager
async def _queries(bench: Bench) -> AsyncIterator[Mapping[str, Ask]]:
    async with (
        open_store(bench.directory / "large.db", PROJECTIONS) as large,
        open_store(bench.directory / "small.db", PROJECTIONS) as small,
    ):
        stores = {"large": large, "small": small}

        def asking(name: str) -> Ask:
            async def ask(after: str) -> int:
                return len((await list_artifacts(stores[name], RUN, [], after, LIMIT, "")).data)

            return ask

        yield {name: asking(name) for name in stores}


@asynccontextmanager
async def _apis(bench: Bench) -> AsyncIterator[Mapping[str, Ask]]:
    """A recorder for each; we ask over a plain socket that stays open."""
    async with AsyncExitStack() as parts:
        ways = {}
        for name in ("large", "small"):
            file = bench.directory / f"{name}.db"
            api = await parts.enter_async_context(recorder_alone(bench.directory / name, file))
            ways[name] = _of_api(await parts.enter_async_context(asking.asking(api)))
        yield ways


def _of_api(asked: asking.Ask) -> Ask:
    async def ask(after: str) -> int:
        path = f"/v1/runs/{RUN}/artifacts?limit={LIMIT}&cursor={after}"
        return await asked(path, b'"downloadUrl":')

    return ask


FIGURE = Figure(
    name="artifact_page",
    title="A page of very many artifacts",
    measure=measure,
    deadline_seconds=600,
)
