"""The worker process: puts the parts together, and takes them apart in order when it is told to end."""

from __future__ import annotations

import asyncio
import fcntl
import signal
from asyncio import Task
from collections.abc import Coroutine
from importlib.metadata import version
from pathlib import Path
from typing import IO

import structlog

from schemas.doors import check_door
from schemas.egress import Allowed, parse_setting
from schemas.problems import CannotStart
from schemas.sealing import PROXY_PASSWORD, sealing_key
from schemas.settings import WorkerSettings
from worker.artifacts import Artifacts
from worker.browser import BrowserSetup
from worker.budget import RunLimits
from worker.bus import Bus, PublishLink
from worker.chromium import directory
from worker.chromium.find import find_chromium
from worker.chromium.sandbox import choose_sandbox
from worker.files.pending import PendingFiles
from worker.files.uploads import Uploads
from worker.gateway.entrance import Entrance
from worker.gateway.revoked import RevokedKeys
from worker.gateway.server import Gateway
from worker.gateway.tls import tls_context
from worker.heartbeat import HostFacts
from worker.host import Host
from worker.outbox import Outbox
from worker.profiles.profile import Profiles
from worker.publisher import Publisher
from worker.stored import acknowledge_stored
from worker.tools.tools import Tools
from worker.warm import Browsers

log = structlog.get_logger(__name__)

# Together less than the 15 s after which `runreel up`, and most that supervise, kill.
DRAIN_SECONDS = 10
# Of these, until a profile is saved or given up, so that its run's end is written.
SAVED_SECONDS = 9
LAST_EVENTS_SECONDS = 3


async def run(settings: WorkerSettings) -> None:
    """Be a worker until SIGTERM or SIGINT. Raises CannotStart for whatever can be explained."""
    check_door(settings, settings.host)
    lock = _only_worker_of(Path(settings.state_dir))
    outbox = _open_outbox(settings)
    setup = _browser_setup(settings)
    artifacts = Artifacts.open(settings.artifacts_url)
    bus = await Bus.connect(settings.nats, f"worker {settings.worker_id}")
    await acknowledge_stored(bus, outbox, settings.worker_id)
    async with asyncio.TaskGroup() as group:
        link = PublishLink(settings.nats, f"worker {settings.worker_id}, publishing")
        publishing = group.create_task(_part("publisher", Publisher(link, outbox).run()))
        await _serve(settings, bus, outbox, setup, artifacts)
        await _last_events(outbox)
        publishing.cancel()
    directory.remove_root(setup.root)
    await bus.close()
    outbox.close()
    lock.close()
    log.info("worker.stopped", waiting=len(outbox))


async def _serve(
    settings: WorkerSettings, bus: Bus, outbox: Outbox, setup: BrowserSetup, artifacts: Artifacts
) -> None:
    """Take runtimes until we are told to end, then drain."""
    gateway = Gateway(
        secret=settings.secret, entrance=Entrance.of(settings), keys=RevokedKeys(bus.is_revoked)
    )
    tls = tls_context(settings)
    port = await gateway.listen(settings.host, settings.gateway_port, tls)
    profiles = Profiles(
        bus,
        artifacts,
        secret=settings.secret,
        worker_id=settings.worker_id,
        scratch=setup.root,
    )
    browsers = Browsers(setup, wanted=settings.warm_browsers)
    facts = _facts(settings, setup, port)
    uploads = Uploads(
        artifacts, _pending_files(settings), run_limit_bytes=settings.run_artifacts_bytes
    )
    tools = Tools(gateway.local_url, artifacts)
    host = Host(bus, outbox, browsers, facts, profiles=profiles, uploads=uploads, tools=tools)
    gateway.lead_to(host)
    serving = asyncio.create_task(_part("host", _work(host, gateway)))
    log.info("worker.started", worker_id=settings.worker_id, port=port, sandbox=setup.sandbox.on)
    told = Told.listening()
    _listen_for_drain(host, settings.drain_seconds)
    asked = await _is_asked(host, told, serving)
    log.info("worker.draining", asked=asked)
    await _leave(host, told, serving, asked=asked)
    serving.cancel()
    await host.leave()
    gateway.close()


async def _work(host: Host, gateway: Gateway) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(host.serve())
        group.create_task(gateway.look_after())


def _listen_for_drain(host: Host, seconds: int) -> None:
    """SIGUSR2 asks for what a request over NATS asks for: a host leaves without being let in there."""
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, host.ask_to_leave, seconds)


async def _is_asked(host: Host, told: Told, serving: Task[None]) -> bool:
    """Wait until it is time to end; whether a drain was asked for, not an end now. Raises what `serving` did."""
    asking = asyncio.create_task(host.asked_to_leave())
    await _first_of(asking, told.once, serving)
    if serving.done():
        serving.result()
    asked = asking.done()
    asking.cancel()
    return asked


async def _leave(host: Host, told: Told, serving: Task[None], *, asked: bool) -> None:
    """End every run. Who sent a signal waits for this process; who asked may give this host away, so that all that it
    has must be published before, however long that takes. Raises what `serving` did meanwhile.
    """
    draining = asyncio.create_task(host.drain())
    if asked:
        published = asyncio.create_task(_until_published(draining, host))
        await _first_of(published, told.once, serving)
        published.cancel()
    if told.once.is_set():
        host.hurry(SAVED_SECONDS)
    if not serving.done():
        await _first_of(draining, told.again, serving, seconds=DRAIN_SECONDS)
    if serving.done():
        serving.result()
    if not draining.done():
        log.error("worker.drain_cut_short", by_signal=told.again.is_set())
        draining.cancel()
    elif (error := draining.exception()) is not None:
        raise error


async def _until_published(draining: Task[None], host: Host) -> None:
    await asyncio.wait({draining})
    await host.emptied()


async def _first_of(
    task: Task[None], event: asyncio.Event, *others: Task[None], seconds: float | None = None
) -> None:
    waiting = asyncio.create_task(event.wait())
    ways = {task, waiting, *others}
    await asyncio.wait(ways, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()


async def _part(name: str, work: Coroutine[None, None, None]) -> None:
    """Work without which this process is of no use: when it fails, that is told, and the process ends.

    Its browsers go with it; what their runs had numbered is published and ended at the next start.
    """
    try:
        await work
    except Exception:  # whatever it was: told here, and raised again
        log.critical("worker.part_died", part=name, exc_info=True)
        raise


def _only_worker_of(state_dir: Path) -> IO[bytes]:
    """Two workers on one outbox would each throw away what the other still needs. The kernel lets go when we end."""
    try:
        state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = (state_dir / "lock").open("wb")
    except OSError as error:
        raise _cannot_write(state_dir, error) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise CannotStart(
            f"Another worker is using {state_dir}.",
            "Stop it first, or give this one a directory of its own with RUNREEL_STATE_DIR.",
        ) from error
    return lock


def _cannot_write(state_dir: Path, error: OSError) -> CannotStart:
    return CannotStart(
        f"The worker cannot write to {state_dir}: {error.strerror or error}.",
        "Set RUNREEL_STATE_DIR to a directory it may write to.",
    )


def _open_outbox(settings: WorkerSettings) -> Outbox:
    try:
        return Outbox.open(
            Path(settings.state_dir) / "outbox",
            limit_bytes=settings.spool_max_bytes,
            places=settings.capacity,
        )
    except OSError as error:
        raise _cannot_write(Path(settings.state_dir), error) from error


def _pending_files(settings: WorkerSettings) -> PendingFiles:
    try:
        return PendingFiles.open(Path(settings.state_dir) / "uploads")
    except OSError as error:
        raise _cannot_write(Path(settings.state_dir), error) from error


def _browser_setup(settings: WorkerSettings) -> BrowserSetup:
    binary = find_chromium(settings.chromium)
    state_dir = Path(settings.state_dir)
    root = Path(settings.run_dir) if settings.run_dir else directory.default_root(state_dir)
    try:
        directory.make_root(root)
        swept = directory.sweep(root)
    except OSError as error:
        raise CannotStart(
            f"The worker cannot write to {root}: {error.strerror or error}.",
            "Set RUNREEL_RUN_DIR to a directory it may write to.",
        ) from error
    if swept:
        log.warning("worker.swept", directories=len(swept), root=str(root))
    sandbox = choose_sandbox(
        settings.chromium_sandbox, binary, root, settings.wall, private=(state_dir.resolve(),)
    )
    if not sandbox.on:
        log.warning("worker.no_sandbox", reason=sandbox.note)
    if sandbox.level_note:
        log.warning("worker.wall", level=sandbox.level, reason=sandbox.level_note)
    limits = RunLimits(settings.run_events_per_second, settings.run_events, settings.run_bytes)
    return BrowserSetup(
        binary=binary,
        root=root,
        sandbox=sandbox,
        limits=limits,
        idle_timeout_seconds=settings.idle_timeout_seconds or None,
        max_duration_seconds=settings.max_duration_seconds or None,
        proxy_key=sealing_key(settings.secret, PROXY_PASSWORD),
        egress_allow=_egress_allow(settings),
    )


def _egress_allow(settings: WorkerSettings) -> tuple[Allowed, ...]:
    try:
        return parse_setting(settings.egress_allow)
    except ValueError as error:
        raise CannotStart(
            f"RUNREEL_EGRESS_ALLOW: {error}.",
            "Write networks and addresses with commas between them, such as 10.1.0.0/16,127.0.0.1:3000.",
        ) from error


def _facts(settings: WorkerSettings, setup: BrowserSetup, port: int) -> HostFacts:
    scheme = "wss" if settings.tls_certificate else "ws"
    return HostFacts(
        worker_id=settings.worker_id,
        capacity=settings.capacity,
        gateway_url=settings.public_url.rstrip("/")
        or f"{scheme}://{_in_url(settings.host)}:{port}",
        version=version("runreel"),
        chromium=str(setup.binary),
        labels=dict(pair.split("=") for pair in settings.labels.split(",") if pair),
    )


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


class Told:
    """What signals say: to end, and to wait for nothing."""

    def __init__(self) -> None:
        self.once = asyncio.Event()
        self.again = asyncio.Event()

    @classmethod
    def listening(cls) -> Told:
        """From now on."""
        told = cls()
        for each in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(each, told._hear)
        return told

    def _hear(self) -> None:
        (self.again if self.once.is_set() else self.once).set()


async def _last_events(outbox: Outbox) -> None:
    """Give the publisher a moment for what is left; the rest stays on disk for the next start."""
    try:
        async with asyncio.timeout(LAST_EVENTS_SECONDS):
            await outbox.emptied()
    except TimeoutError:
        log.warning("worker.events_left_in_outbox", waiting=len(outbox))
