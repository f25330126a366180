"""A worker without a browser: answers requests, claims, beats, and publishes what a test tells it to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import msgspec
import nats
import nats.errors
from msgspec import structs
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.errors import KeyWrongLastSequenceError

from recorder import cancelling
from schemas import codec, subjects
from schemas.ends import REQUESTED, End
from schemas.envelope import Event
from schemas.events.connection import ConnectionCreated, ConnectionRevoked
from schemas.problems import (
    ConnectionNotFound,
    InvocationNotFound,
    RuntimeHostUnavailable,
    RuntimeNotActive,
    TargetNotFound,
)
from schemas.requests import (
    ActivateTarget,
    Answer,
    CancelInvocation,
    Claim,
    CloseTarget,
    ConnectionStands,
    CreateConnection,
    CreateTarget,
    Done,
    Draining,
    Heartbeat,
    Ingest,
    Ingested,
    Invoke,
    ListTargets,
    ReconfigureRun,
    Refused,
    RevokeConnection,
    RunRequest,
    RunStarted,
    RunStopped,
    StartRun,
    StopRun,
    TargetInfo,
    TargetsFound,
)
from schemas.times import rfc3339
from tests.support.nats_client import close
from tests.support.recorder_commands import cancelled, ingested, queued
from tests.support.recorder_run import GATEWAY, FakeRun, new_id
from tests.support.recorder_running import Running

__all__ = ["GATEWAY", "FakeRun", "FakeWorker", "fake_worker", "new_id"]


class FakeWorker:
    """One worker. `refuse_with` makes it refuse starts, `refuse_run_with` what is asked of a run that it is to do;
    `silent` is one whose host is gone.
    """

    def __init__(self, client: Client, worker_id: str, capacity: int) -> None:
        self.client = client
        self.worker_id = worker_id
        self.capacity = capacity
        self.labels: dict[str, str] = {}
        self.draining = False
        self.drain_with = Draining(active=0)
        self.runs: dict[str, FakeRun] = {}
        self.refuse_with: Refused | None = None
        self.refuse_run_with: Refused | None = None
        self.asked: list[RunRequest] = []
        self.starts: list[StartRun] = []
        self.requests: list[Subscription] = []
        self.silent = False
        self._js = client.jetstream()
        self._beats = 0

    async def publish(self, run: FakeRun, *events: Event) -> int:
        """Put events on the stream; the position of the last one."""
        position = 0
        for event in events:
            position = await self.publish_raw(
                run.subject(event), codec.encode_event(event), event.id
            )
        return position

    async def publish_raw(self, subject: str, body: bytes, message_id: str) -> int:
        ack = await self._js.publish(subject, body, headers={"Nats-Msg-Id": message_id})
        return int(ack.seq)

    async def claim(self, run: FakeRun) -> None:
        """Take the runtime of a run that nobody asked for."""
        claim = Claim(
            worker_id=self.worker_id,
            run_id=run.run_id,
            space_id=run.space_id,
            gateway_url=GATEWAY,
        )
        claims = await self._js.key_value(subjects.CLAIMS_BUCKET)
        await claims.create(run.runtime_id, codec.encode(claim))

    async def open(self) -> FakeRun:
        """A run of its own accord, claimed and ready."""
        run = FakeRun(self.worker_id, new_id(), new_id())
        await self.claim(run)
        await self.publish(run, run.launching(), run.ready())
        self.runs[run.run_id] = run
        return run

    async def beat(self) -> None:
        bucket = await self._js.key_value(subjects.WORKERS_BUCKET)
        self._beats += 1
        heartbeat = Heartbeat(
            worker_id=self.worker_id,
            beat=self._beats,
            capacity=self.capacity,
            active=len(self.runs),
            gateway_url=GATEWAY,
            version="0",
            chromium="fake",
            sandbox=False,
            sandbox_note="there is no browser",
            labels=self.labels,
            draining=self.draining,
        )
        await bucket.put(self.worker_id, codec.encode(heartbeat))

    async def leave(self) -> None:
        bucket = await self._js.key_value(subjects.WORKERS_BUCKET)
        await bucket.delete(self.worker_id)

    async def start(self, request: StartRun) -> Answer:
        self.starts.append(request)
        if self.refuse_with is not None:
            return self.refuse_with
        if len(self.runs) >= self.capacity:
            return Refused(code=RuntimeHostUnavailable.code, message="no free place")
        run = FakeRun(self.worker_id, request.space_id, request.runtime_id)
        claims = await self._js.key_value(subjects.CLAIMS_BUCKET)
        try:
            await self.claim(run)
        except KeyWrongLastSequenceError:
            entry = await claims.get(run.runtime_id)
            stands = msgspec.json.decode(entry.value or b"", type=Claim)
            return RunStarted(run_id=stands.run_id, gateway_url=GATEWAY, position=0, started=False)
        position = await self.publish(run, run.launching(), run.ready())
        self.runs[run.run_id] = run
        await self.beat()
        return RunStarted(run_id=run.run_id, gateway_url=GATEWAY, position=position, started=True)

    async def stop(self, request: StopRun) -> Answer:
        if (run := self.runs.pop(request.run_id, None)) is None:
            return Refused(code=RuntimeNotActive.code, message="It was stopped already.")
        return RunStopped(run_id=run.run_id, position=await self.end(run))

    async def about_run(self, request: RunRequest) -> Answer:
        """What a worker does for a run that it has."""
        if request.run_id not in self.runs:
            return Refused(code=RuntimeNotActive.code, message="not here")
        self.asked.append(request)
        run = self.runs[request.run_id]
        match request:
            case CreateConnection() | RevokeConnection():
                return await self._connection(run, request)
            case ReconfigureRun():
                return Done()
            case Invoke() | CancelInvocation() | Ingest():
                return self.refuse_run_with or await self._tell(run, request)
            case _:
                return self._target(run, request)

    async def _tell(self, run: FakeRun, request: Invoke | CancelInvocation | Ingest) -> Answer:
        if isinstance(request, Ingest):
            events = ingested(run, request)
            position = await self.publish(run, *events)
            return Ingested(event_ids=[each.id for each in events], position=position)
        known = request.invocation_id in run.invocations
        if isinstance(request, CancelInvocation):
            if not known:
                return Refused(code=InvocationNotFound.code, message="It is not here.")
            return Done(position=await self.publish(run, *cancelled(run, request.invocation_id)))
        run.invocations.add(request.invocation_id)
        told = [] if known else [queued(run, request.invocation_id, request.invocation)]
        return Done(position=await self.publish(run, *told))

    async def _connection(
        self, run: FakeRun, request: CreateConnection | RevokeConnection
    ) -> Answer:
        if isinstance(request, CreateConnection):
            connection_id = new_id()
            run.connections.add(connection_id)
            expires_at = rfc3339(time.time_ns() + request.ttl_seconds * 1_000_000_000)
            created = ConnectionCreated(protocol="cdp", expires_at=expires_at)
            position = await self.publish(run, run.event(created, connectionid=connection_id))
            return ConnectionStands(
                connection_id=connection_id,
                gateway_url=GATEWAY,
                expires_at=expires_at,
                position=position,
            )
        if request.connection_id not in run.connections:
            return Refused(code=ConnectionNotFound.code, message="There is no such connection.")
        revoked = run.event(ConnectionRevoked(), connectionid=request.connection_id)
        return Done(position=await self.publish(run, revoked))

    def _target(self, run: FakeRun, request: RunRequest) -> Answer:
        if isinstance(request, ListTargets):
            return TargetsFound(targets=list(run.targets.values()))
        if isinstance(request, CreateTarget):
            target_id = new_id()
            made = TargetInfo(target_id=target_id, title="", url=request.url, active=True)
            run.targets = {
                name: structs.replace(e, active=False) for name, e in run.targets.items()
            }
            run.targets[target_id] = made
            return TargetsFound(targets=[made])
        assert isinstance(request, ActivateTarget | CloseTarget)
        if request.target_id not in run.targets:
            return Refused(code=TargetNotFound.code, message="There is no such target.")
        if isinstance(request, CloseTarget):
            del run.targets[request.target_id]
            return Done()
        return TargetsFound(targets=[structs.replace(run.targets[request.target_id], active=True)])

    async def stop_answering(self) -> None:
        """Be dead to requests, though the heartbeat is still to be read."""
        for subscription in self.requests:
            await subscription.unsubscribe()
        await self.client.flush()

    async def end(self, run: FakeRun, end: End = REQUESTED) -> int:
        """End a run; the position of its end."""
        self.runs.pop(run.run_id, None)
        position = await self.publish(run, run.ended(end))
        if not self.silent:
            await self.beat()
        claims = await self._js.key_value(subjects.CLAIMS_BUCKET)
        await claims.delete(run.runtime_id)
        return position

    async def on_start(self, message: Msg) -> None:
        await message.respond(
            codec.encode(await self.start(msgspec.json.decode(message.data, type=StartRun)))
        )

    async def on_stop(self, message: Msg) -> None:
        await message.respond(
            codec.encode(await self.stop(msgspec.json.decode(message.data, type=StopRun)))
        )

    async def on_drain(self, message: Msg) -> None:
        self.draining = True
        await message.respond(codec.encode(self.drain_with))

    async def on_run(self, message: Msg) -> None:
        request: RunRequest = msgspec.json.decode(message.data, type=RunRequest)
        await message.respond(codec.encode(await self.about_run(request)))


@asynccontextmanager
async def fake_worker(
    nats_url: str, worker_id: str = "w1", capacity: int = 100, beat_seconds: float = 1.0
) -> AsyncIterator[FakeWorker]:
    """A worker that has beaten once and goes on, unless it is made `silent`."""
    client = await nats.connect(nats_url, reconnect_time_wait=0.1, max_reconnect_attempts=-1)
    worker = FakeWorker(client, worker_id, capacity)
    worker.requests = [
        await client.subscribe(subjects.start_request(worker_id), cb=worker.on_start),
        await client.subscribe(subjects.stop_request(worker_id), cb=worker.on_stop),
        await client.subscribe(subjects.run_request(worker_id), cb=worker.on_run),
        await client.subscribe(subjects.drain_request(worker_id), cb=worker.on_drain),
    ]
    await worker.beat()
    beating = asyncio.create_task(_beat(worker, beat_seconds))
    try:
        yield worker
    finally:
        await cancelling.end([beating])
        if not worker.silent:
            await worker.leave()
        await close(client)


async def _beat(worker: FakeWorker, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        with suppress(nats.errors.Error):  # NATS is away: the next one may come through
            if not worker.silent:
                await worker.beat()


async def all_shown(recorder: Running, worker: FakeWorker) -> None:
    """Until the tables have all there is."""
    last = {
        each: (await worker._js.stream_info(each)).state.last_seq for each in ("RUNS", "CONTROL")
    }
    await recorder.shown(**last)
