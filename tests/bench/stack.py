"""The whole of Runreel on this machine: NATS server, recorder and worker as processes, and the API."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import msgspec
import nats
from msgspec import Struct
from nats.js.kv import KeyValue

from schemas import subjects
from schemas.requests import Heartbeat
from schemas.settings import variable
from tests.bench.nats_server import nats_server
from tests.bench.processes import module, running, until
from tests.support.egress import LOOPBACK_SETTING
from tests.support.ports import free_port

WORKER = "bench"
KEY = "key-for-benchmarks"
SECRET = "secret-for-benchmarks"
MIB = 1024 * 1024
SETTLE_SECONDS = 1.0


class Run(Struct, frozen=True):
    """An active runtime."""

    runtime_id: str
    run_id: str
    connect_url: str


@dataclass(frozen=True)
class Stack:
    """Everything that runs."""

    http: httpx.AsyncClient
    port: int
    nats_url: str
    worker_pid: int
    recorder_pid: int

    async def create(self, **more: object) -> str:
        """A new runtime, stopped; its id."""
        answer = await self.http.post("/v1/runtimes", json={"name": "bench", **more})
        return str(answer.raise_for_status().json()["id"])

    async def start(self, runtime_id: str) -> Run:
        """Start it."""
        answer = await self.http.post(f"/v1/runtimes/{runtime_id}/start")
        body = answer.raise_for_status().json()
        return Run(runtime_id, body["runId"], body["connectUrl"])

    async def stop(self, runtime_id: str) -> None:
        """Stop it."""
        (await self.http.post(f"/v1/runtimes/{runtime_id}/stop")).raise_for_status()

    async def has_warm(self, count: int) -> None:
        """Wait for a beat of the worker, sent from now on, that says so many browsers wait; and rest for a moment."""
        client = await nats.connect(self.nats_url)
        try:
            bucket = await client.jetstream().key_value(subjects.WORKERS_BUCKET)
            before = await _beat(bucket)

            async def there() -> bool:
                now = await _beat(bucket)
                return now.beat > before.beat + 1 and now.warm == count

            await until(there, "warm browsers")
        finally:
            await client.close()
        await asyncio.sleep(SETTLE_SECONDS)  # what a browser does after its first answer

    @asynccontextmanager
    async def active(self) -> AsyncIterator[Run]:
        """A runtime that is active for as long as the block lasts."""
        run = await self.start(await self.create())
        try:
            yield run
        finally:
            await self.stop(run.runtime_id)


class Api(Struct, frozen=True):
    """A recorder that answers, and its NATS server."""

    port: int
    nats_url: str
    http: httpx.AsyncClient

    async def shows(self, run_id: str) -> None:
        """Wait until it knows a run."""

        async def known() -> bool:
            return (await self.http.get(f"/v1/runs/{run_id}")).status_code == 200

        await until(known, "the run")


@asynccontextmanager
async def recorder_alone(directory: Path, database: Path | None = None) -> AsyncIterator[Api]:
    """NATS server and recorder; the database is a new one unless it is named."""
    async with (
        nats_server(directory / "nats") as nats_url,
        recorder_process(directory, nats_url, database) as (_, api),
    ):
        yield api


@asynccontextmanager
async def recorder_process(
    directory: Path, nats_url: str, database: Path | None = None
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Api]]:
    """A recorder, once it serves history."""
    port = free_port()
    environment = dict(_environment(directory, nats_url, port))
    if database is not None:
        environment[variable("database")] = str(database)
    command = module("deploy.cli", "recorder")
    log = directory / "recorder.log"
    async with running(command, log, environment) as process, _api(port) as http:
        await until(lambda: _ready(http, "history"), "the recorder")
        yield process, Api(port, nats_url, http)


@asynccontextmanager
async def stack(directory: Path, **settings: str) -> AsyncIterator[Stack]:
    """Start everything, with other settings than the usual; end it in the reverse order."""
    async with AsyncExitStack() as parts:
        nats_url = await parts.enter_async_context(nats_server(directory / "nats"))
        port = free_port()
        given = {variable(field): value for field, value in settings.items()}
        environment = {**_environment(directory, nats_url, port), **given}
        pids = {}
        for name in ("recorder", "worker"):
            command = module("deploy.cli", name)
            process = running(command, directory / f"{name}.log", environment)
            pids[name] = (await parts.enter_async_context(process)).pid
        http = await parts.enter_async_context(_api(port))
        await until(lambda: _ready(http, "start"), "Runreel")
        yield Stack(http, port, nats_url, pids["worker"], pids["recorder"])


def _environment(directory: Path, nats_url: str, port: int) -> Mapping[str, str]:
    settings = {
        "nats_url": nats_url,
        "secret": SECRET,
        "worker_id": WORKER,
        "recorder_id": "bench",
        "state_dir": str(directory / "worker"),
        "artifacts_url": str(directory / "artifacts"),
        "run_dir": str(directory / "b"),
        "database": str(directory / "recorder" / "runreel.db"),
        "port": str(port),
        "api_key": KEY,
        "key_requests_per_second": "0",
        "runs_max_bytes": str(512 * MIB),
        "control_max_bytes": str(64 * MIB),
        "egress_allow": LOOPBACK_SETTING,
    }
    return {variable(field): value for field, value in settings.items()}


def _api(port: int) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}",
        headers={"authorization": f"Bearer {KEY}"},
        timeout=45,
        trust_env=False,
    )


async def _beat(bucket: KeyValue) -> Heartbeat:
    entry = await bucket.get(WORKER)
    return msgspec.json.decode(entry.value or b"", type=Heartbeat)


async def _ready(http: httpx.AsyncClient, purpose: str) -> bool:
    try:
        return (await http.get("/readyz", params={"for": purpose})).status_code == 200
    except httpx.HTTPError:
        return False
