"""A real browser under a real worker `Runtime`, its events in an outbox on disk: no NATS, no recorder."""

from __future__ import annotations

import contextlib
import itertools
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
from uuid_utils import uuid7

from schemas.artifacts import object_path
from schemas.codec import decode_event
from schemas.egress import Allowed
from schemas.ends import REQUESTED
from schemas.envelope import Event
from schemas.runtime_config import RuntimeConfig
from schemas.sealing import PROXY_PASSWORD, sealing_key
from schemas.settings import RUN_ARTIFACTS_BYTES
from schemas.tokens import connect_url, connection_url
from tests.support.egress import LOOPBACK
from tests.support.eventually import eventually
from worker.artifacts import Artifacts
from worker.browser import BrowserSetup
from worker.budget import RunLimits
from worker.chromium import directory
from worker.chromium.find import find_chromium
from worker.chromium.sandbox import Sandbox, choose_sandbox
from worker.files.pending import PendingFiles
from worker.files.uploads import Uploads
from worker.gateway.server import Gateway
from worker.outbox import Outbox
from worker.run_log import RunLog
from worker.runtime import Runtime
from worker.warm import Browsers

SECRET = "a secret of sixteen or more"


class RealRuntime:
    """A started runtime, the URL to attach to, and what it has recorded so far."""

    def __init__(self, runtime: Runtime, outbox: Outbox, url: str, store: Path) -> None:
        self.runtime = runtime
        self.outbox = outbox
        self.connect_url = url
        self.store = store
        self._events: list[Event] = []
        self.local_url = ""  # where the worker itself reaches the gateway

    def stored(self, artifact_id: str) -> bytes:
        """What the artifact store has of an artifact."""
        path = object_path(self.runtime.log.space_id, artifact_id)
        return (self.store / path).read_bytes()

    def find_run(self, run_id: str) -> Runtime | None:
        """For the gateway: this run only, while it is active."""
        active = run_id == self.runtime.log.run_id and not self.runtime.log.ended
        return self.runtime if active else None

    def connection_url(self, connection_id: str) -> str:
        """Where clients attach by a connection."""
        gateway_url = self.connect_url.partition("/cdp/")[0]
        return connection_url(gateway_url, SECRET, self.runtime.log.run_id, connection_id)

    @property
    def events(self) -> list[Event]:
        """All events recorded so far, in order. Nobody acknowledges them here: what is decoded stays."""
        new = itertools.islice(self.outbox.entries, len(self._events), None)
        self._events.extend(decode_event(self.outbox.read(entry)[1]) for entry in new)
        return list(self._events)

    def of(self, event_type: str) -> list[dict[str, Any]]:
        """The bodies of all events of a type, with the envelope's status and page under `_status` and `_page`."""
        return [_body(event) for event in self.events if event.type == event_type]

    def body(self, event: Event) -> dict[str, Any]:
        """The body of an event, as in `of`."""
        return _body(event)

    async def until(self, event_type: str, **wanted: object) -> dict[str, Any]:
        """The first event of that type with those values."""
        return await eventually(
            lambda: self.find(event_type, **wanted),
            explain=lambda: f"no {event_type} with {wanted} in {self.of(event_type)}",
        )

    def find(self, event_type: str, **wanted: object) -> dict[str, Any] | None:
        """The first event of that type with those values, so far."""
        return next((b for b in self.of(event_type) if wanted.items() <= b.items()), None)

    @property
    def directory(self) -> Path:
        """The run's own."""
        return self.runtime.browser.directory

    @property
    def pid(self) -> int:
        """The browser's main process."""
        assert self.runtime.browser.process is not None
        return self.runtime.browser.process.pid

    def processes(self) -> list[psutil.Process]:
        """The browser's processes that live."""
        found = []
        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if any(str(self.directory) in part for part in process.cmdline()):
                    found.append(process)
        return found


@asynccontextmanager
async def real_runtime(
    tmp_path: Path,
    config: RuntimeConfig | None = None,
    limits: RunLimits | None = None,
    *,
    runtime_id: str = "",
    files_limit_bytes: int = RUN_ARTIFACTS_BYTES,
    egress_allow: tuple[Allowed, ...] = LOOPBACK,
    gateway: Gateway | None = None,
    tls: ssl.SSLContext | None = None,
    sandbox: Sandbox | None = None,
) -> AsyncIterator[RealRuntime]:
    """Start a browser and a gateway to it; stop it in the end. Without `sandbox` it has the best wall there is."""
    root = directory.default_root(tmp_path)
    directory.make_root(root)
    binary = find_chromium()
    setup = BrowserSetup(
        binary=binary,
        root=root,
        sandbox=sandbox or choose_sandbox("auto", binary, root),
        limits=limits or RunLimits(),
        proxy_key=sealing_key(SECRET, PROXY_PASSWORD),
        egress_allow=egress_allow,
    )
    outbox = Outbox.open(tmp_path / "outbox")
    run_log = RunLog(
        outbox,
        worker_id="w1",
        run_id=str(uuid7()),
        runtime_id=runtime_id or str(uuid7()),
        space_id=str(uuid7()),
    )
    config = config or RuntimeConfig()
    browsers = Browsers(setup)
    runtime = Runtime(
        run_log,
        browsers.take(config, run_log.run_id),
        config=config,
        clear_away=browsers.clear_away,
        on_ended=lambda *_: None,
        uploads=uploads_in(tmp_path, files_limit_bytes),
    )
    gateway = gateway or Gateway(secret=SECRET)
    port = await gateway.listen("127.0.0.1", 0, tls)
    gateway_url = f"{'wss' if tls else 'ws'}://127.0.0.1:{port}"
    url = connect_url(gateway_url, SECRET, run_log.run_id)
    real = RealRuntime(runtime, outbox, url, tmp_path / "artifacts")
    real.local_url = gateway.local_url
    gateway.lead_to(real)
    try:
        await runtime.start(gateway_url)
        yield real
    finally:
        if not runtime.log.ended:
            await runtime.stop(REQUESTED)
        await runtime.ended
        gateway.close()
        outbox.close()
        root.rmdir()


def uploads_in(directory: Path, limit_bytes: int) -> Uploads:
    """To a store in a directory of its own."""
    store = Artifacts.open(str(directory / "artifacts"))
    pending = PendingFiles.open(directory / "pending")
    return Uploads(store, pending, run_limit_bytes=limit_bytes)


def _body(event: Event) -> dict[str, Any]:
    body: dict[str, Any] = msgspec.json.decode(event.data)
    return body | {"_status": event.status or None, "_page": event.pageid or None}
