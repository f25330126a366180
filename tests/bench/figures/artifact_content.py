"""A large content over the API, beside the same file by the same server's own handler for files; speed and memory."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import psutil
from msgspec import Struct

from schemas.artifacts import object_path
from tests.bench.figure import Bench, Figure, Row, Spread, at_least, at_most, spread
from tests.bench.many_files import RUN, SPACE, many_files
from tests.bench.nats_server import nats_server
from tests.bench.processes import module, running, until
from tests.bench.stack import KEY, recorder_process
from tests.support.ports import free_port

MB = 1_000_000
PART = 1024 * 1024
LOOK_SECONDS = 0.02
FILE = "00000000-0000-7000-8000-000000000000"


Found = dict[str, list[float]]


class Way(Struct, frozen=True):
    """Where the content is, and who serves it."""

    port: int
    path: str
    pid: int


async def measure(bench: Bench) -> list[Row]:
    """Whole downloads by turns."""
    size = bench.count(1000 * MB, 100 * MB)
    async with _ways(bench, size) as ways:
        rates, grown = await _by_turns(bench, ways, size)
    turns = len(rates["api"])
    note = f"{size / MB:,.0f} MB from a directory, over loopback"
    return [
        Row(
            label="a file's content",
            unit="MB/s",
            n=turns,
            ours=spread(rates["api"]),
            baseline=spread(rates["static"]),
            baseline_label="static handler",
            targets=(at_least(0.8),),
            note=note,
        ),
        Row(
            label="  memory meanwhile, at most",
            unit="MB",
            n=turns + 1,
            ours=Spread(p50=max(grown["api"])),
            baseline=Spread(p50=max(grown["static"])),
            baseline_label="static handler",
            compare="difference",
            targets=(at_most(plus=30),),
            note="above what the process had before",
        ),
    ]


async def _by_turns(bench: Bench, ways: Mapping[str, Way], size: int) -> tuple[Found, Found]:
    """MB/s, and MB that the process grew by; the first download of each counts for memory alone."""
    turns = bench.count(5, 2)
    rates: Found = {name: [] for name in ways}
    grown: Found = {name: [] for name in ways}
    for turn in range(-1, turns):
        for name in list(ways) if turn % 2 else reversed(list(ways)):
            seconds, grew = await _downloaded(ways[name], size)
            grown[name].append(grew)
            if turn >= 0:
                rates[name].append(size / seconds / MB)
        bench.progress(turn + 1, turns)
    return rates, grown


@asynccontextmanager
async def _ways(bench: Bench, size: int) -> AsyncIterator[dict[str, Way]]:
    """The recorder with one file, and the other server with the same."""
    database = bench.directory / "one.db"
    await many_files(database, 1, lambda _: None)
    await asyncio.to_thread(_resize, database, size)
    file = bench.directory / "artifacts" / object_path(SPACE, FILE)
    await asyncio.to_thread(_write, file, size)
    port = free_port()
    command = module("tests.bench.static_server", str(file.parent), str(port))
    async with (
        nats_server(bench.directory / "nats") as nats_url,
        recorder_process(bench.directory, nats_url, database) as (process, api),
        running(command, bench.directory / "static.log") as static,
    ):
        await until(lambda: _answers(port), "the other server")
        await api.shows(RUN)
        yield {
            "api": Way(api.port, f"/v1/files/{FILE}/content", process.pid),
            "static": Way(port, f"/{FILE}", static.pid),
        }


def _resize(database: Path, size: int) -> None:
    import sqlite3

    with sqlite3.connect(database) as connection:
        for table in ("files", "artifacts"):
            connection.execute(f"UPDATE {table} SET size_bytes = ?", (size,))
    connection.close()


def _write(file: Path, size: int) -> None:
    file.parent.mkdir(parents=True)
    part = os.urandom(PART)
    with file.open("wb") as out:
        for _ in range(size // PART):
            out.write(part)
        out.write(part[: size % PART])


async def _answers(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False


async def _downloaded(way: Way, size: int) -> tuple[float, float]:
    """Seconds, and by how many MB the process grew at most."""
    process = psutil.Process(way.pid)
    before = process.memory_info().rss
    taking = asyncio.create_task(asyncio.to_thread(_take, way, size))
    most = before
    while not taking.done():
        most = max(most, process.memory_info().rss)
        await asyncio.sleep(LOOK_SECONDS)
    return await taking, (most - before) / MB


def _take(way: Way, size: int) -> float:
    """Read all of it by a plain socket into one buffer, so that the client costs little."""
    head = (
        f"GET {way.path} HTTP/1.1\r\nHost: 127.0.0.1:{way.port}\r\n"
        f"Authorization: Bearer {KEY}\r\nConnection: close\r\n\r\n"
    )
    buffer = bytearray(PART)
    with socket.create_connection(("127.0.0.1", way.port)) as connection:
        since = time.perf_counter()
        connection.sendall(head.encode())
        start = connection.recv(PART)
        fields, _, body = start.partition(b"\r\n\r\n")
        if not fields.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{way.path} was answered with {fields[:300]!r}")
        taken = len(body)
        while count := connection.recv_into(buffer):
            taken += count
        seconds = time.perf_counter() - since
    if taken != size:
        raise RuntimeError(f"{taken} bytes of {size} came")
    return seconds


FIGURE = Figure(
    name="artifact_content",
    title="A large content",
    measure=measure,
    deadline_seconds=300,
)
