"""The recorder as a process: puts the parts together, serves, and takes them apart again."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from recorder import bus as buses
from recorder import cancelling
from recorder.admin import open_admin
from recorder.api import application, server
from recorder.api.tls import tls_context
from recorder.artifacts import Artifacts
from recorder.bus import Bus, StreamUnreachable
from recorder.consumer import Consumer
from recorder.facts import Facts
from recorder.filing import Filing
from recorder.finaliser import Finaliser
from recorder.fleet import Fleet
from recorder.idempotency import Idempotency
from recorder.keys.admission import Admission
from recorder.keys.keyring import Keyring
from recorder.keys.upkeep import Upkeep, is_behind
from recorder.leftovers import Leftovers
from recorder.news import News
from recorder.ops.scratch import clear_away_leftovers
from recorder.parts import Recorder
from recorder.projections import PROJECTIONS
from recorder.projector import Projector
from recorder.queries.totals import Totals
from recorder.reaper import Reaper
from recorder.retention import Retention
from recorder.search.indexing import Search
from recorder.store import Store, open_store
from recorder.tails import Tails
from schemas import streams, subjects
from schemas.problems import CannotStart, StorageUnavailable
from schemas.settings import RecorderSettings
from schemas.usage import RateCard, read_card

log = structlog.get_logger()

PAUSES_SECONDS = (0.5, 1.0)  # between tries to make the streams

Ready = Callable[[str], None]
Died = Callable[[BaseException], None]


async def run(settings: RecorderSettings, ready: Ready | None = None) -> None:
    """Record and serve until SIGTERM or SIGINT. Raises CannotStart."""
    stop = asyncio.Event()
    with _signals_set(stop):
        await serve(settings, stop, ready)


async def serve(
    settings: RecorderSettings, stop: asyncio.Event, ready: Ready | None = None
) -> None:
    """Record and serve until `stop` is set; `ready` is told the URL once requests are answered.

    Without one of its jobs a recorder would only look alive: when one dies, it drains, and raises that error.
    """
    deaths: list[BaseException] = []

    def died(error: BaseException) -> None:
        deaths.append(error)
        stop.set()

    with server.bind(settings) as listener:
        async with open_recorder(settings, died) as recorder:
            await _serve(recorder, listener, stop, ready)
    if deaths:
        raise deaths[0]


@asynccontextmanager
async def open_recorder(
    settings: RecorderSettings, died: Died = lambda _: None
) -> AsyncIterator[Recorder]:
    """A recorder that consumes and can answer; everything but HTTP. Raises CannotStart.

    `died` is told why, when one of its jobs ended by itself.
    """
    card = read_card(settings.rate_card)
    database = Path(settings.database)
    async with (
        open_store(database, PROJECTIONS) as store,
        buses.connect(settings.nats, f"runreel-recorder-{settings.recorder_id}") as bus,
    ):
        clear_away_leftovers(database)
        await _prepare(bus, settings)
        recorder = _assemble(settings, card, bus, store)
        await recorder.upkeep.tend()  # before anyone asks: what was revoked opens nothing
        async with _in_background(_jobs(recorder), died):
            await _make_default_space(recorder)
            async with open_admin(recorder):
                yield recorder


def _jobs(recorder: Recorder) -> dict[str, Coroutine[Any, Any, None]]:
    return {
        **{f"consumer-{each.stream}": each.run() for each in recorder.consumers},
        "keys": recorder.upkeep.run(),
        "key-uses": recorder.upkeep.run_notes(),
        "fleet-watch": recorder.fleet.watch(),
        "probe": recorder.reaper.probe(),
        "reaper": recorder.reaper.run(),
        "retention": recorder.retention.run(),
        "filing": recorder.filing.run(),
        "search": recorder.search.run(),
        "leftovers": Leftovers(recorder.store, recorder.fleet).run(),
        "finaliser": _finaliser(recorder).run(),
    }


def _finaliser(recorder: Recorder) -> Finaliser:
    return Finaliser(recorder.store, recorder.facts, recorder.consumers[0], recorder.rate_card)


async def _serve(
    recorder: Recorder, listener: socket.socket, stop: asyncio.Event, ready: Ready | None
) -> None:
    url = server.url_of(listener, encrypted=bool(recorder.settings.tls_certificate))
    http = asyncio.create_task(_http(recorder, listener, stop), name="api")
    log.info("recorder.listening", url=url, database=recorder.settings.database)
    if ready is not None:
        ready(url)
    await http
    log.info("recorder.stopped")


async def _http(recorder: Recorder, listener: socket.socket, stop: asyncio.Event) -> None:
    """Streams end first, for HTTP waits until its answers are done."""
    draining = asyncio.Event()

    async def drain() -> None:
        await stop.wait()
        log.info("recorder.draining")
        recorder.news.close()
        recorder.fleet.close()
        draining.set()

    async with _in_background({"drain": drain()}, lambda _: None):
        tls = tls_context(recorder.settings)
        await server.serve(application.build(recorder), listener, draining, tls)


def _assemble(
    settings: RecorderSettings, card: RateCard | None, bus: Bus, store: Store
) -> Recorder:
    news = News()
    projector = Projector(store, news, PROJECTIONS)
    name = settings.recorder_id
    control, runs = (
        Consumer(bus, store, projector, news, stream=stream, durable=name)
        for stream in (subjects.CONTROL, subjects.RUNS)
    )
    facts = Facts(bus, news, name)
    keyring = Keyring(store, news, settings.api_key)
    fleet = Fleet(bus, store, news, settings.space_max_active or None)
    return Recorder(
        settings=settings,
        rate_card=card,
        totals=Totals(store, card),
        bus=bus,
        store=store,
        artifacts=Artifacts(settings.artifacts_url),
        news=news,
        tails=Tails(store, news),
        facts=facts,
        fleet=fleet,
        idempotency=Idempotency(bus.idempotency, settings.secret),
        keyring=keyring,
        admission=Admission(keyring, settings.key_requests_per_second, lambda: is_behind(control)),
        upkeep=Upkeep(bus, keyring),
        reaper=Reaper(bus, store, facts, fleet.liveness, runs, name),
        retention=Retention(bus, store, runs),
        filing=Filing(bus, store, facts, control),
        search=Search(store, news),
        consumers=(control, runs),
    )


async def _prepare(bus: Bus, settings: RecorderSettings) -> None:
    """Streams and buckets; whoever comes first makes them. Of one that another recorder of the fleet is just making, a
    cluster says nothing until it has a leader: so it is tried again.
    """
    for pause in PAUSES_SECONDS:
        with suppress(StreamUnreachable):
            return await _prepare_once(bus, settings)
        await asyncio.sleep(pause)
    try:
        await _prepare_once(bus, settings)
    except StreamUnreachable as error:
        raise CannotStart(
            f"The streams cannot be made or checked ({error}).",
            "Is JetStream on, and is there room for RUNREEL_RUNS_MAX_BYTES on its disk?",
        ) from error


async def _prepare_once(bus: Bus, settings: RecorderSettings) -> None:
    replicas = settings.stream_replicas
    for stream in _streams(settings):
        await bus.ensure_stream(stream, replicas)
    for bucket in streams.BUCKETS:
        await bus.ensure_bucket(bucket, replicas)


def _streams(settings: RecorderSettings) -> tuple[streams.Stream, ...]:
    return (
        streams.runs_stream(
            max_age_days=settings.runs_max_age_days, max_bytes=settings.runs_max_bytes
        ),
        streams.control_stream(max_bytes=settings.control_max_bytes),
    )


async def _make_default_space(recorder: Recorder) -> None:
    try:
        await recorder.facts.ensure_default_space()
    except StorageUnavailable as problem:  # history can be served all the same
        log.warning("recorder.default_space_delayed", reason=problem.message)


@asynccontextmanager
async def _in_background(
    jobs: Mapping[str, Coroutine[Any, Any, None]], died: Died
) -> AsyncIterator[None]:
    """Run jobs for as long as the block lasts; `died` is told of one that raises before."""
    tasks = [asyncio.create_task(job, name=name) for name, job in jobs.items()]
    for task in tasks:
        task.add_done_callback(partial(_tell_if_dead, died=died))
    try:
        yield
    finally:
        await cancelling.end(tasks)


def _tell_if_dead(task: asyncio.Task[None], died: Died) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.error("recorder.background_job_died", job=task.get_name(), exc_info=error)
        died(error)


@contextmanager
def _signals_set(stop: asyncio.Event) -> Iterator[None]:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            with suppress(ValueError):
                loop.remove_signal_handler(number)
