"""The smallest CDP call through `connectUrl`, beside a raw WebSocket, a do-nothing proxy, and a raw pipe."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from tests.bench.browser import launched, prepare
from tests.bench.cdp import Cdp, over_websocket
from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.processes import module, running, until
from tests.bench.stack import stack

OURS, DIRECT, PROXY, PIPE = "ours", "raw WebSocket", "do-nothing proxy", "raw pipe"
WARM_UP = 100
TARGETS = (at_most(1, plus=0.1), at_most(2, of="p99"))


async def measure(bench: Bench) -> list[Row]:
    """One call on each way by turns, with nobody else calling."""
    count = bench.count(2000, 200)
    async with _ways(bench.directory) as ways:
        took = await _by_turns(bench, ways, count)
    ours = spread(took[OURS])
    return [
        Row(
            label="CDP round trip, connectUrl" if baseline == DIRECT else "  the same",
            unit="ms",
            n=count,
            ours=ours,
            baseline=spread(took[baseline]),
            baseline_label=baseline,
            compare="difference",
            targets=TARGETS if baseline == DIRECT else (),
        )
        for baseline in (DIRECT, PROXY, PIPE)
    ] + [_beside_the_least(took, count)]


def _beside_the_least(took: Mapping[str, list[float]], count: int) -> Row:
    """What we add, beside what a do-nothing proxy in front of a raw pipe would (medians)."""
    middle = {way: spread(values).p50 for way, values in took.items()}
    least = [(middle[PROXY] - middle[DIRECT]) + (middle[PIPE] - middle[DIRECT])]
    return Row(
        label="  added to a raw WebSocket",
        unit="ms",
        n=count,
        ours=spread([middle[OURS] - middle[DIRECT]]),
        baseline=spread(least),
        baseline_label="proxy + pipe add",
        targets=(at_most(1.25),),
    )


async def _by_turns(bench: Bench, ways: Mapping[str, Cdp], count: int) -> dict[str, list[float]]:
    took: dict[str, list[float]] = {way: [] for way in ways}
    names = list(ways)
    for turn in range(-WARM_UP, count):
        for step in range(len(names)):
            way = names[(turn + step) % len(names)]
            ms = await ways[way].round_trip_ms()
            if turn >= 0:
                took[way].append(ms)
        if turn % 50 == 0:
            bench.progress(max(0, turn), count)
    return took


@asynccontextmanager
async def _ways(directory: Path) -> AsyncIterator[Mapping[str, Cdp]]:
    """Each way to a browser of its own, but for the proxy, which shares the one with a port."""
    setup = prepare(directory)
    async with AsyncExitStack() as parts:
        whole = await parts.enter_async_context(stack(directory))
        run = await parts.enter_async_context(whole.active())
        with_port = await parts.enter_async_context(launched(setup, with_port=True))
        piped = await parts.enter_async_context(launched(setup, place=1))
        proxy_url = await parts.enter_async_context(_proxy(directory, with_port.port_url))
        urls = {OURS: run.connect_url, DIRECT: with_port.port_url, PROXY: proxy_url}
        ways = {PIPE: piped.cdp}
        for way, url in urls.items():
            ways[way] = await parts.enter_async_context(over_websocket(url))
        yield ways


@asynccontextmanager
async def _proxy(directory: Path, url: str) -> AsyncIterator[str]:
    port_file = directory / "proxy.port"

    async def listens() -> bool:
        return port_file.is_file() and bool(port_file.read_text())

    command = module("tests.bench.proxy", url, str(port_file))
    async with running(command, directory / "proxy.log"):
        await until(listens, "the do-nothing proxy")
        yield f"ws://127.0.0.1:{port_file.read_text()}/"


FIGURE = Figure(name="round_trip", title="CDP round trip", measure=measure)
