"""A whole worker host in this process, on a real NATS server: requests go in as a recorder sends them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import nats
from nats.aio.client import Client
from nats.js.client import JetStreamContext
from nats.js.errors import KeyNotFoundError
from nats.js.kv import KeyValue

from recorder.bus.configs import bucket_config, stream_config
from schemas import streams, subjects
from schemas.codec import decode_data, decode_event, encode
from schemas.envelope import Event
from schemas.events.runtime import RuntimeLifecycle
from schemas.requests import Answer, Claim, Drain, Heartbeat, StartRun, StopRun
from schemas.runtime_config import RuntimeConfig
from schemas.settings import SPOOL_MAX_BYTES
from tests.support import nats_client
from tests.support.egress import LOOPBACK
from tests.support.eventually import eventually
from worker.artifacts import Artifacts
from worker.browser import BrowserSetup
from worker.bus import Bus, PublishLink
from worker.chromium import directory
from worker.chromium.find import find_chromium
from worker.chromium.sandbox import choose_sandbox
from worker.files.pending import PendingFiles
from worker.files.uploads import Uploads
from worker.heartbeat import HostFacts
from worker.host import Host
from worker.outbox import Outbox
from worker.profiles.profile import Profiles
from worker.publisher import Publisher
from worker.runtime import Runtime
from worker.tools.tools import Tools
from worker.warm import Browsers

WORKER = "w1"
SPACE = "space-1"
GATEWAY = "ws://worker.test:1"
SECRET = "a secret of sixteen or more"


class Fleet:
    """The NATS side of it: what a recorder asks, and what it finds on the stream."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.jetstream: JetStreamContext = client.jetstream(timeout=60)

    @classmethod
    async def make(cls, url: str) -> Fleet:
        """The streams and buckets that a recorder makes."""
        fleet = cls(await nats.connect(url, reconnect_time_wait=0.1, max_reconnect_attempts=-1))
        runs = streams.runs_stream(max_age_days=1, max_bytes=64 * 1024 * 1024)
        await fleet.jetstream.add_stream(stream_config(runs, replicas=1))
        for bucket in (streams.WORKERS, streams.CLAIMS, streams.PROFILES):
            await fleet.jetstream.create_key_value(bucket_config(bucket, replicas=1))
        return fleet

    async def close(self) -> None:
        """Leave."""
        await nats_client.close(self.client)

    async def ask(self, subject: str, body: bytes) -> Answer:
        """A request, and the worker's answer."""
        answer = await self.client.request(subject, body, timeout=60)
        return msgspec.json.decode(answer.data, type=Answer)  # type: ignore[no-any-return]

    async def start(
        self,
        runtime_id: str,
        config: RuntimeConfig | None = None,
        *,
        worker_id: str = WORKER,
        **more: Any,
    ) -> Answer:
        """Ask a worker for a start."""
        request = StartRun(
            runtime_id=runtime_id, space_id=SPACE, config=config or RuntimeConfig(), **more
        )
        return await self.ask(subjects.start_request(worker_id), encode(request))

    async def stop(self, runtime_id: str, run_id: str, *, worker_id: str = WORKER) -> Answer:
        """Ask a worker for a stop."""
        request = StopRun(runtime_id=runtime_id, run_id=run_id)
        return await self.ask(subjects.stop_request(worker_id), encode(request))

    async def drain(self, seconds: int) -> Answer:
        """Ask it to drain."""
        request = Drain(deadline_seconds=seconds)
        return await self.ask(subjects.drain_request(WORKER), encode(request))

    async def events(self) -> list[Event]:
        """All that the stream has, in its order."""
        count = (await self.jetstream.stream_info(subjects.RUNS)).state.messages
        found = [await self.jetstream.get_msg(subjects.RUNS, at + 1) for at in range(count)]
        return [decode_event(message.data or b"") for message in found]

    async def ends(self) -> list[tuple[str, int, str, str]]:
        """Of every run that has ended: its runtime, the number of its last event, its status, its code."""
        return [
            (str(event.runtimeid), event.number, str(event.status), str(data.code))
            for event in await self.events()
            if isinstance(data := decode_data(event), RuntimeLifecycle) and data.phase == "ended"
        ]

    async def bucket(self, name: str) -> KeyValue:
        return await self.jetstream.key_value(name)

    async def put_claim(self, runtime_id: str, claim: Claim) -> None:
        """Somebody holds a runtime."""
        await (await self.bucket(subjects.CLAIMS_BUCKET)).put(runtime_id, encode(claim))

    async def drop_claim(self, runtime_id: str) -> None:
        """As a recorder does, when it has ended a lost run."""
        await (await self.bucket(subjects.CLAIMS_BUCKET)).delete(runtime_id)

    async def claim_of(self, runtime_id: str) -> Claim | None:
        """Who holds a runtime."""
        try:
            entry = await (await self.bucket(subjects.CLAIMS_BUCKET)).get(runtime_id)
        except KeyNotFoundError:
            return None
        return msgspec.json.decode(entry.value or b"", type=Claim)

    async def heartbeat(self, worker_id: str = WORKER) -> Heartbeat | None:
        """A worker's last beat."""
        try:
            entry = await (await self.bucket(subjects.WORKERS_BUCKET)).get(worker_id)
        except KeyNotFoundError:
            return None
        return msgspec.json.decode(entry.value or b"", type=Heartbeat)

    async def is_served(self, worker_id: str = WORKER) -> bool:
        """Whether a worker takes requests."""
        return await self.heartbeat(worker_id) is not None


async def is_free(fleet: Fleet, runtime_id: str) -> bool:
    """Whether nobody holds a runtime."""
    return await fleet.claim_of(runtime_id) is None


class Worker:
    """A host and its publisher. `die` ends them as SIGKILL would: nothing is said, browsers go with the pipe."""

    def __init__(
        self,
        url: str,
        bus: Bus,
        outbox: Outbox,
        setup: BrowserSetup,
        *,
        capacity: int,
        warm: int,
        now_ns: Callable[[], int],
        artifacts: Path,
        pending: PendingFiles,
        worker_id: str,
    ) -> None:
        facts = HostFacts(
            worker_id=worker_id,
            capacity=capacity,
            gateway_url=GATEWAY,
            version="0",
            chromium=str(setup.binary),
        )
        self.bus = bus
        self.outbox = outbox
        self.setup = setup
        store = Artifacts.open(str(artifacts))
        self.uploads = Uploads(store, pending)
        self.profiles = Profiles(
            bus,
            store,
            secret=SECRET,
            worker_id=worker_id,
            scratch=setup.root,
        )
        browsers = Browsers(setup, wanted=warm)
        self.host = Host(
            bus,
            outbox,
            browsers,
            facts,
            profiles=self.profiles,
            uploads=self.uploads,
            tools=Tools("ws://127.0.0.1:9", store),
            now_ns=now_ns,
        )
        self.publishing = asyncio.create_task(
            Publisher(PublishLink(url, "worker under test"), outbox).run()
        )
        self.serving = asyncio.create_task(self.host.serve())

    async def die(self) -> None:
        """Stop at once, without a word."""
        for task in (self.publishing, self.serving):
            task.cancel()
        await asyncio.wait([self.publishing, self.serving])
        await self.bus.close()


def silence(runtime: Runtime) -> None:
    """Of a worker that has died, in this process: its browser is gone, and nothing is written of that."""
    runtime.log.ended = True
    runtime.parts.clear()
    runtime.browser.kill()  # the kernel would have closed its pipe


def browser_setup(state_dir: Path, binary: Path | None = None) -> BrowserSetup:
    """As `worker.app` makes it."""
    root = directory.default_root(state_dir)
    directory.make_root(root)
    directory.sweep(root)
    found = binary or find_chromium()
    sandbox = choose_sandbox("auto", found, root)
    return BrowserSetup(binary=found, root=root, sandbox=sandbox, egress_allow=LOOPBACK)


@asynccontextmanager
async def serving(
    fleet: Fleet,
    url: str,
    state_dir: Path,
    *,
    capacity: int = 2,
    warm: int = 0,
    binary: Path | None = None,
    now_ns: Callable[[], int] = time.time_ns,
    spool_bytes: int = SPOOL_MAX_BYTES,
    artifacts: Path | None = None,
    worker_id: str = WORKER,
) -> AsyncIterator[Worker]:
    """A worker that takes requests, drained in the end unless it has died."""
    outbox = Outbox.open(state_dir / "outbox", limit_bytes=spool_bytes, places=capacity)
    bus = await Bus.connect(url, "worker under test")
    worker = Worker(
        url,
        bus,
        outbox,
        browser_setup(state_dir, binary),
        capacity=capacity,
        warm=warm,
        now_ns=now_ns,
        artifacts=artifacts or state_dir / "artifacts",
        pending=PendingFiles.open(state_dir / "pending"),
        worker_id=worker_id,
    )
    try:
        await eventually(lambda: fleet.is_served(worker_id))
        yield worker
    finally:
        if not worker.publishing.done():
            worker.serving.cancel()
            await worker.host.drain()
            await worker.host.leave()
            await worker.die()
            outbox.close()
        directory.sweep(worker.setup.root)
        directory.remove_root(worker.setup.root)
