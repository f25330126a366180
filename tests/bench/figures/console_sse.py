"""From `console.log` in a page to its SSE frame at a client, beside publish → delivery of the same JetStream.

The page itself tells when it wrote the line: its clock and ours are the same host's.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import nats
from nats.aio.msg import Msg
from nats.js import JetStreamContext, api

from recorder.bus.configs import stream_config
from schemas.streams import Stream
from tests.bench.cdp import Page, over_websocket
from tests.bench.figure import Bench, Figure, Row, at_most, spread
from tests.bench.stack import KEY, Stack, stack

STREAM = Stream(
    name="BENCH", subjects=("bench.>",), max_age_seconds=3600, max_bytes=64 * 1024 * 1024
)
MESSAGE_BYTES = 700  # about what such an event has
PAUSE_SECONDS = 0.005
WARM_UP = 20
ARRIVES_SECONDS = 10.0
_LOG = (
    "(() => {{ const now = performance.timeOrigin + performance.now();"
    " console.log('mark-{number}-'); return now }})()"
)
_MARK = re.compile(rb"mark-(\d+)-")


class Marks:
    """When the n-th mark was seen."""

    def __init__(self) -> None:
        self._expected: dict[int, asyncio.Future[float]] = {}

    def expect(self, number: int) -> asyncio.Future[float]:
        """Resolved with the moment in which it is seen."""
        seen: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self._expected[number] = seen
        return seen

    def look(self, text: bytes) -> None:
        """Look for marks in what has come."""
        now = time.time()
        for found in _MARK.finditer(text):
            seen = self._expected.pop(int(found[1]), None)
            if seen is not None and not seen.done():
                seen.set_result(now)


async def measure(bench: Bench) -> list[Row]:
    """One line of the console, one message, by turns."""
    count = bench.count(500, 60)
    async with AsyncExitStack() as parts:
        whole = await parts.enter_async_context(stack(bench.directory))
        run = await parts.enter_async_context(whole.active())
        cdp = await parts.enter_async_context(over_websocket(run.connect_url))
        page = await Page.open(cdp)
        frames = await parts.enter_async_context(_frames(whole, run.run_id))
        jetstream, delivered = await parts.enter_async_context(_delivery(whole.nats_url))
        ours: list[float] = []
        bare: list[float] = []
        for number in range(-WARM_UP, count):
            in_ours = await _console(page, frames, number + WARM_UP)
            in_bare = await _message(jetstream, delivered, number + WARM_UP)
            if number >= 0:
                ours.append(in_ours)
                bare.append(in_bare)
            bench.progress(max(0, number + 1), count)
            await asyncio.sleep(PAUSE_SECONDS)
    return [
        Row(
            label="console.log → SSE frame",
            unit="ms",
            n=count,
            ours=spread(ours),
            baseline=spread(bare),
            baseline_label="JetStream alone",
            targets=(at_most(2, plus=1), at_most(4, of="p99")),
        )
    ]


async def _console(page: Page, frames: Marks, number: int) -> float:
    seen = frames.expect(number)
    asked = time.time()
    told = float(await page.evaluate(_LOG.format(number=number))) / 1000
    # Chromium reckons its clock from when it started; what lies before the call or after its answer is not so.
    logged = min(max(told, asked), time.time())
    return (await asyncio.wait_for(seen, ARRIVES_SECONDS) - logged) * 1000


async def _message(jetstream: JetStreamContext, delivered: Marks, number: int) -> float:
    seen = delivered.expect(number)
    body = f"mark-{number}-".encode().ljust(MESSAGE_BYTES, b".")
    since = time.time()
    await jetstream.publish("bench.line", body)
    return (await asyncio.wait_for(seen, ARRIVES_SECONDS) - since) * 1000


@asynccontextmanager
async def _frames(whole: Stack, run_id: str) -> AsyncIterator[Marks]:
    """Marks in the run's console events, as its SSE stream brings them over a plain socket."""
    marks = Marks()
    reader, writer = await asyncio.open_connection("127.0.0.1", whole.port)
    path = f"/v1/runs/{run_id}/events/stream?type=console.*"
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{whole.port}\r\nAuthorization: Bearer {KEY}"
    writer.write(f"{head}\r\nAccept: text/event-stream\r\n\r\n".encode())
    answer = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in answer.split(b"\r\n", 1)[0]:
        raise RuntimeError(f"the stream was refused: {answer!r}")
    reading = asyncio.get_running_loop().create_task(_read(reader, marks))
    try:
        yield marks
    finally:
        reading.cancel()
        writer.close()


async def _read(reader: asyncio.StreamReader, marks: Marks) -> None:
    while line := await reader.readline():
        if line.startswith(b"data: "):
            marks.look(line)


@asynccontextmanager
async def _delivery(nats_url: str) -> AsyncIterator[tuple[JetStreamContext, Marks]]:
    """A stream set up as RUNS is, and a consumer of it that waits in this process."""
    marks = Marks()

    async def on_message(message: Msg) -> None:
        marks.look(message.data)

    client = await nats.connect(nats_url)
    try:
        jetstream = client.jetstream()
        await jetstream.add_stream(stream_config(STREAM, 1))
        await jetstream.subscribe(
            "bench.>",
            cb=on_message,
            manual_ack=True,
            config=api.ConsumerConfig(ack_policy=api.AckPolicy.NONE),
        )
        yield jetstream, marks
    finally:
        await client.close()


FIGURE = Figure(name="console_sse", title="console.log → SSE", measure=measure)
