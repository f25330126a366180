"""From an event's recording in a worker to its SSE frame at each of 1,000 subscribers of 100 active runs."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import cast

import msgspec
from msgspec import Struct

from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.orders import servant
from tests.bench.stack import KEY, Api, recorder_alone

RUNS = 100
SUBSCRIBERS_EACH = 10
RATE = 1000  # events a second, of all runs together
ARRIVES_SECONDS = 60.0
AT_ONCE = 50
LOOK_SECONDS = 0.2
_MARK = re.compile(rb"mark-(\d+)-")


class Seen(Struct, frozen=True):
    """A mark in a frame, and when it came (`time.perf_counter`)."""

    number: int
    at: float


class Subscriber(asyncio.Protocol):
    """One SSE stream, looked through for marks as fast as Python can."""

    def __init__(self, port: int, run_id: str, opened: asyncio.Future[None]) -> None:
        self.seen: list[Seen] = []
        self._port = port
        self._run_id = run_id
        self._opened = opened
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        path = f"/v1/runs/{self._run_id}/events/stream?type=console.*"
        head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nAuthorization: Bearer {KEY}"
        request = f"{head}\r\nAccept: text/event-stream\r\n\r\n"
        cast(asyncio.Transport, transport).write(request.encode())

    def data_received(self, data: bytes) -> None:
        """Some frames, the last of them perhaps not whole."""
        now = time.perf_counter()
        if not self._opened.done():
            self._open(data)
        whole, end, rest = (self._rest + data).rpartition(b"\n\n")
        self._rest = rest
        self.seen += [Seen(int(mark), now) for mark in _MARK.findall(whole + end)]

    def connection_lost(self, _error: Exception | None) -> None:
        """Before the answer: it was refused."""
        self._fail("the stream was closed")

    def _open(self, data: bytes) -> None:
        status = data.split(b"\r\n", 1)[0]
        if b" 200 " in status:
            self._opened.set_result(None)
        else:
            self._fail(f"the stream was refused: {status!r}")

    def _fail(self, reason: str) -> None:
        if not self._opened.done():
            self._opened.set_exception(RuntimeError(reason))


async def measure(bench: Bench) -> list[Row]:
    """Open all streams, then let the runs go on."""
    seconds = bench.count(20, 3)
    events = seconds * RATE
    async with AsyncExitStack() as parts:
        api = await parts.enter_async_context(recorder_alone(bench.directory / "recorder"))
        sizes = [str(number) for number in (RUNS, events, RATE)]
        outbox = str(bench.directory / "outbox")
        emitter = await parts.enter_async_context(
            servant("tests.bench.emitter", api.nats_url, outbox, *sizes)
        )
        runs = msgspec.json.decode(await emitter.answer(), type=list[str])
        await api.shows(runs[-1])
        subscribers = await _subscribed(api, runs)
        emitter.go()
        await _all_seen(bench, subscribers, events)
        moments = msgspec.json.decode(await emitter.answer(), type=list[float])
    _check(subscribers, events)
    return [_row(subscribers, moments)]


def _row(subscribers: Sequence[Subscriber], moments: Sequence[float]) -> Row:
    waits = [(mark.at - moments[mark.number]) * 1000 for each in subscribers for mark in each.seen]
    rate = (len(moments) - 1) / (moments[-1] - moments[0])
    return Row(
        label="recorded → SSE frame",
        unit="ms",
        n=len(waits),
        ours=spread(waits),
        targets=(at_most(plus=250, of="p99"),),
        note=f"{len(subscribers):,} subscribers, {RUNS} active runs, {rate:,.0f} events/s in all; each event came once"
        " to each of its subscribers, in order",
    )


async def _subscribed(api: Api, runs: Sequence[str]) -> list[Subscriber]:
    """The n-th subscriber follows the n-th run, and so on from the first again."""
    wanted = list(runs) * SUBSCRIBERS_EACH
    subscribers: list[Subscriber] = []
    for begin in range(0, len(wanted), AT_ONCE):
        opening = (_open(api.port, run_id) for run_id in wanted[begin : begin + AT_ONCE])
        subscribers += await asyncio.gather(*opening)
    return subscribers


async def _open(port: int, run_id: str) -> Subscriber:
    loop = asyncio.get_running_loop()
    opened: asyncio.Future[None] = loop.create_future()
    _, subscriber = await loop.create_connection(
        lambda: Subscriber(port, run_id, opened), "127.0.0.1", port
    )
    await opened
    return subscriber


async def _all_seen(bench: Bench, subscribers: Sequence[Subscriber], events: int) -> None:
    """Wait until as many frames came as must; what they are is checked later."""
    wanted = events * SUBSCRIBERS_EACH
    last, since = 0, time.monotonic()
    while (seen := sum(len(each.seen) for each in subscribers)) < wanted:
        if seen > last:
            last, since = seen, time.monotonic()
        elif time.monotonic() - since > ARRIVES_SECONDS:
            raise TimeoutError(f"{wanted - seen:,} of {wanted:,} frames did not come")
        bench.progress(seen, wanted)
        await asyncio.sleep(LOOK_SECONDS)
    bench.progress(wanted, wanted)


def _check(subscribers: Sequence[Subscriber], events: int) -> None:
    for place, subscriber in enumerate(subscribers):
        found = [mark.number for mark in subscriber.seen]
        if found != list(range(place % RUNS, events, RUNS)):
            raise RuntimeError(
                f"subscriber {place} did not see each event of its run once, in order"
            )


FIGURE = Figure(name="fan_out", title="Many subscribers", measure=measure, deadline_seconds=150.0)
