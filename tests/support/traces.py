"""All that a running stack leaves anywhere: files, tables, streams, answers, and what its processes show."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nats
import psutil
from nats.js import JetStreamContext
from nats.js.api import ConsumerConfig, DeliverPolicy

from schemas.nats_users import NatsAddress
from tests.support.files import everything_below
from tests.support.run import Run
from tests.support.stack import Stack

# Whatever holds our own secrets because that is its purpose.
NATS_PASSWORDS = ("nats/recorder-password", "nats/worker-password", "nats/ops-password")
HOMES = ("api-key", "secret", *NATS_PASSWORDS, "nats/url", "nats/worker-url")

Traces = dict[str, bytes]  # by where it was found


def spellings(secret: str) -> set[bytes]:
    """The secret as itself, percent-encoded, in JSON, and within base64 at each of its three offsets."""
    plain = {secret, quote(secret, safe=""), json.dumps(secret)[1:-1]}
    return {each.encode() for each in plain} | set(_in_base64(secret.encode()))


def _in_base64(secret: bytes) -> Iterator[bytes]:
    """The digits that say nothing of what stands before or behind it."""
    for offset in range(3):
        digits = base64.b64encode(b"\0" * offset + secret)
        yield digits[-(-offset * 8 // 6) : (offset + len(secret)) * 8 // 6]


def found(traces: Traces, secret: str) -> list[str]:
    """Where the secret is, in any spelling."""
    sought = spellings(secret)
    return [place for place, held in traces.items() if any(each in held for each in sought)]


async def traces(stack: Stack, *runs: Run) -> Traces:
    """All of it, now."""
    everything = {**_files(stack), **_tables(stack), **_processes(stack)}
    everything |= {place: held async for place, held in _streams(stack)}
    for run in runs:
        everything |= {place: held async for place, held in _answers(stack, run)}
    return everything


def _files(stack: Stack) -> Traces:
    """Contents and names, of the stack's data and of its output; browsers' own files by their names only."""
    traces = {}
    for directory in (stack.data.parent, stack.temporary):
        paths = [path for path in everything_below(directory) if path.is_file()]
        traces[f"names in {directory}"] = "\n".join(map(str, paths)).encode()
        for path in paths:
            if "profile" not in path.parts and str(path.relative_to(directory)) not in HOMES:
                traces[str(path)] = _content(path)
    for home in HOMES:
        traces.pop(str(stack.data / home), None)
    return traces


def _content(path: Path) -> bytes:
    """Nothing where it has gone: NATS writes under names that come and go."""
    with suppress(FileNotFoundError):
        return path.read_bytes()
    return b""


def _tables(stack: Stack) -> Traces:
    """Every value of every row, because in the file a long one lies in pieces."""
    path = stack.data / "recorder" / "runreel.db"
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        return {
            f"rows of {name}": b"\n".join(_values(connection.execute(f'SELECT * FROM "{name}"')))
            for (name,) in names
        }


def _values(rows: Iterable[tuple[Any, ...]]) -> Iterator[bytes]:
    for row in rows:
        for value in row:
            yield value if isinstance(value, bytes) else str(value).encode()


def _processes(stack: Stack) -> Traces:
    """Command lines of all, and the environment of all but `up` itself, to which it was given."""
    traces = {}
    for process in psutil.Process(stack.pid).children(recursive=True):
        for part in ("cmdline", "environ"):
            try:
                held = Path(f"/proc/{process.pid}/{part}").read_bytes()
            except OSError:
                continue  # it has ended meanwhile
            traces[f"{part} of {process.pid} ({_name(process)})"] = held
    return traces


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.Error:
        return "ended"


async def _streams(stack: Stack) -> AsyncIterator[tuple[str, bytes]]:
    """Every message of every stream, buckets too: subject, headers and payload."""
    url = (stack.data / "nats" / "url").read_text().strip()
    connection = await nats.connect(url, inbox_prefix=NatsAddress(url).inbox)
    try:
        jetstream = connection.jetstream()
        for stream in await jetstream.streams_info():
            name = stream.config.name or ""
            count = stream.state.messages
            yield f"stream {name}", b"\n".join(await _messages(jetstream, name, count))
    finally:
        await connection.close()


async def _messages(jetstream: JetStreamContext, stream: str, count: int) -> list[bytes]:
    config = ConsumerConfig(deliver_policy=DeliverPolicy.ALL)
    subscription = await jetstream.subscribe(
        ">", stream=stream, ordered_consumer=True, config=config
    )
    messages = [await subscription.next_msg(timeout=10) for _ in range(count)]
    await subscription.unsubscribe()
    return [f"{each.subject} {json.dumps(each.headers)} ".encode() + each.data for each in messages]


async def _answers(stack: Stack, run: Run) -> AsyncIterator[tuple[str, bytes]]:
    """What the API tells of a run."""
    yield "events", json.dumps(await run.events(), ensure_ascii=False).encode()
    for path in ("runs", f"runs/{run.id}", "runtimes", f"runtimes/{run.runtime_id}"):
        yield f"GET /v1/{path}", (await stack.http.get(f"/v1/{path}")).content
    if (await run.get())["status"] != "active":
        told = await stack.http.get(f"/v1/runs/{run.id}/events/stream")
        yield "server-sent events", told.content
