"""Many calls at once and large answers through `connectUrl`, beside the same on a raw WebSocket.

While an answer of 64 MiB is on its way, two other clients make small calls: one on the same browser (which itself is
busy with the answer), and one on another run of the same worker (which only we can keep waiting).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import msgspec
from msgspec import Struct

from tests.bench.browser import Setup, launched, prepare
from tests.bench.cdp import Cdp, Page, over_websocket
from tests.bench.figure import Bench, Figure, Row, Target, at_least, at_most, spread
from tests.bench.orders import Servant, servant
from tests.bench.stack import Stack, stack

OUTSTANDING = 32
MIB = 1024 * 1024
LARGE_MIB = 64


class Way(Struct):
    """One way to two browsers: page, client and caller on the first, and a caller on the second."""

    page: Page
    client: Cdp
    neighbour: Servant
    stranger: Servant


class Ways(Struct, frozen=True):
    """The two that are compared."""

    ours: Way
    direct: Way


class Large(Struct, frozen=True):
    """A large answer: how long it took, and how long small calls of others took meanwhile, in ms."""

    took: float
    neighbour: list[float]
    stranger: list[float]


async def measure(bench: Bench) -> list[Row]:
    """Each in turn, by turns."""
    rates, answers, large = bench.count(8, 2), bench.count(40, 5), bench.count(5, 1)
    calls, steps = bench.count(3000, 300), rates + answers + large
    async with _ways(bench) as ways:
        many = []
        for turn in range(rates):
            many.append(await _by_turns(ways, turn, calls))
            bench.progress(turn + 1, steps)
        one = []
        for turn in range(answers):
            one.append(await _answers(ways, MIB))
            bench.progress(rates + turn + 1, steps)
        whole = []
        for turn in range(large):
            whole.append((await _large(ways.ours), await _large(ways.direct)))
            bench.progress(rates + answers + turn + 1, steps)
    return [
        _row("32 calls outstanding", "calls/s", many, at_least(0.8)),
        _row("an answer of 1 MiB", "ms", one[1:], at_most(1.2)),
        *_large_rows(whole),
    ]


def _row(label: str, unit: str, found: list[tuple[float, float]], *targets: Target) -> Row:
    return Row(
        label=label,
        unit=unit,
        n=len(found),
        ours=spread([ours for ours, _ in found]),
        baseline=spread([direct for _, direct in found]),
        baseline_label="raw WebSocket",
        targets=targets,
    )


def _large_rows(found: list[tuple[Large, Large]]) -> list[Row]:
    pairs = [(ours.took, direct.took) for ours, direct in found]
    rows = [_row(f"an answer of {LARGE_MIB} MiB", "ms", pairs)]
    for who, label in (
        ("neighbour", "same browser"),
        ("stranger", "another run"),
    ):
        waits = [(getattr(ours, who), getattr(direct, who)) for ours, direct in found]
        rows.append(
            Row(
                label=f"  calls meanwhile, {label}",
                unit="ms",
                n=sum(len(ours) for ours, _ in waits),
                ours=spread([wait for ours, _ in waits for wait in ours]),
                baseline=spread([wait for _, direct in waits for wait in direct]),
                baseline_label="raw WebSocket",
            )
        )
        longest = [(max(ours), max(direct)) for ours, direct in waits]
        rows.append(_row("    the longest of each time", "ms", longest))
    return rows


async def _by_turns(ways: Ways, turn: int, count: int) -> tuple[float, float]:
    first, second = (ways.ours, ways.direct) if turn % 2 else (ways.direct, ways.ours)
    rates = {id(way): await _rate(way.client, count) for way in (first, second)}
    return rates[id(ways.ours)], rates[id(ways.direct)]


async def _rate(cdp: Cdp, count: int) -> float:
    """Calls a second, with so many outstanding all the time."""
    left = iter(range(count))

    async def caller() -> None:
        for _ in left:
            await cdp.call("Browser.getVersion")

    since = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(OUTSTANDING)))
    return count / (time.perf_counter() - since)


async def _answers(ways: Ways, size_bytes: int) -> tuple[float, float]:
    return await _answer(ways.ours.page, size_bytes), await _answer(ways.direct.page, size_bytes)


async def _answer(page: Page, size_bytes: int) -> float:
    """Milliseconds for an answer of that size; raises when it is not that large."""
    expression = {"expression": f"'x'.repeat({size_bytes})", "returnByValue": True}
    since = time.perf_counter()
    answer = await page.cdp.call("Runtime.evaluate", expression, page.session)
    took_ms = (time.perf_counter() - since) * 1000
    if len(answer) < size_bytes:
        raise RuntimeError(f"an answer of {size_bytes} bytes came as {len(answer)}")
    return took_ms


async def _large(way: Way) -> Large:
    for caller in (way.neighbour, way.stranger):
        caller.go()
        await caller.answer()
    took_ms = await _answer(way.page, LARGE_MIB * MIB)
    return Large(took_ms, await _waited(way.neighbour), await _waited(way.stranger))


async def _waited(caller: Servant) -> list[float]:
    caller.go()
    return msgspec.json.decode(await caller.answer(), type=list[float])


@asynccontextmanager
async def _ways(bench: Bench) -> AsyncIterator[Ways]:
    setup = prepare(bench.directory)
    async with AsyncExitStack() as parts:
        whole = await parts.enter_async_context(stack(bench.directory))
        ours = [await _run(parts, whole) for _ in range(2)]
        direct = [await _browser(parts, setup, place) for place in range(2)]
        yield Ways(await _way(parts, *ours), await _way(parts, *direct))


async def _run(parts: AsyncExitStack, whole: Stack) -> str:
    return (await parts.enter_async_context(whole.active())).connect_url


async def _browser(parts: AsyncExitStack, setup: Setup, place: int) -> str:
    return (await parts.enter_async_context(launched(setup, place=place, with_port=True))).port_url


async def _way(parts: AsyncExitStack, url: str, other_url: str) -> Way:
    cdp = await parts.enter_async_context(over_websocket(url))
    neighbour, stranger = [
        await parts.enter_async_context(servant("tests.bench.caller", each))
        for each in (url, other_url)
    ]
    return Way(await Page.open(cdp), cdp, neighbour, stranger)


FIGURE = Figure(name="heavy_traffic", title="CDP, much at once", measure=measure)
