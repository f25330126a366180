"""`runreel up`: the processes of one machine, started in order, ended in the other."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from types import TracebackType
from typing import Self

import httpx

from deploy import first_run, logs, nats_server
from deploy.closing import closing
from deploy.data_dir import DataDir, open_data_dir, sole_owner, write_private
from deploy.processes import Program, first_of
from deploy.readiness import (
    Probe,
    http_objection,
    missing_walls,
    until_ready,
    worker_objection,
)
from deploy.screen import Screen
from deploy.stack import Stack, UpOptions, browsers_dir, prepare
from deploy.supervisor import Keeper
from deploy.version import version
from schemas.problems import CannotStart

ENDING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


async def up(options: UpOptions, screen: Screen) -> None:
    """Run until Ctrl-C or SIGTERM. Raises CannotStart when it cannot be."""
    data = open_data_dir(options.data)
    with sole_owner(data), _temporary_files(data):
        _log_to(data)
        stack = prepare(options, data, os.environ)
        screen.line(f"Runreel {version()} keeps everything in {data.root}")
        screen.gap()
        with _signals(screen) as (stop, force):
            async with Household(stack, screen, force) as household:
                await household.live(options, stop)
        screen.line("Stopped. The same command starts it again with all that was recorded.")


def _log_to(data: DataDir) -> None:
    """Our own log beside those of the children; it stays empty while nothing goes wrong in here."""
    stream = data.log("up").open("a", encoding="utf-8")
    logs.configure(process="up", level="info", log_format="json", stream=stream)


@contextmanager
def _temporary_files(data: DataDir) -> Iterator[None]:
    """An empty DIR/tmp for as long as `up` runs; what a killed one left behind goes first."""
    _remove_temporary(data)
    data.temporary.mkdir(mode=0o700)
    try:
        yield
    finally:
        _remove_temporary(data)


def _remove_temporary(data: DataDir) -> None:
    for directory in (data.temporary, browsers_dir(data)):
        shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def _signals(screen: Screen) -> Iterator[tuple[asyncio.Event, asyncio.Event]]:
    """Two events: the first SIGINT, SIGTERM or SIGHUP sets `stop`, the second `force`."""
    stop, force = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def heard(number: signal.Signals) -> None:
        if number is signal.SIGHUP:
            screen.mute()  # the terminal is gone
        (force if stop.is_set() else stop).set()

    for number in ENDING_SIGNALS:
        loop.add_signal_handler(number, heard, number)
    try:
        yield stop, force
    finally:
        for number in ENDING_SIGNALS:
            loop.remove_signal_handler(number)


class Household:
    """The processes of one `up`. Leaving its `async with` block ends them all, worker first."""

    def __init__(self, stack: Stack, screen: Screen, force: asyncio.Event) -> None:
        self._stack = stack
        self._screen = screen
        self._force = force
        self._keepers: list[Keeper] = []
        self._api = httpx.AsyncClient(base_url=stack.api_url, trust_env=False, timeout=5)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        forcing = asyncio.create_task(self._when_forced())
        await self._api.aclose()
        with self._screen.busy("Stopping …"):
            for keeper in reversed(self._keepers):
                self._screen.now(f"Stopping {keeper.program.name} …")
                await keeper.end()
        forcing.cancel()
        await asyncio.gather(forcing, return_exceptions=True)

    async def live(self, options: UpOptions, stop: asyncio.Event) -> None:
        """Start everything, show it, and stay until `stop`. Raises CannotStart when a process
        gives up.
        """
        showing = asyncio.create_task(self._start_and_show(options))
        try:
            await first_of(_outcome(showing), stop.wait())
            if not stop.is_set():
                showing.result()
                await self._stay(stop)
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)

    async def _stay(self, stop: asyncio.Event) -> None:
        watching = [asyncio.create_task(keeper.give_up()) for keeper in self._keepers]
        await first_of(stop.wait(), *map(_outcome, watching))
        for task in watching:
            if task.done():
                task.result()
            task.cancel()
        await asyncio.gather(*watching, return_exceptions=True)

    async def _start_and_show(self, options: UpOptions) -> None:
        with self._screen.busy("Starting …"):
            await self._start()
        run_id = None
        if first_run.wanted(self._stack.data, options.first_run):
            run_id = await self._first_run()
        closing(self._screen, self._stack, run_id)

    async def _start(self) -> None:
        nats = self._stack.nats
        await self._begin(nats.program, partial(_nats_objection, nats.port))
        self._screen.done("NATS server", f"{nats.version} on {nats_server.HOST}:{nats.port}")
        await self._begin(self._stack.recorder, partial(http_objection, self._api, "/healthz"))
        write_private(self._stack.data.api_url, self._stack.api_url + "\n")
        self._screen.done("recorder", self._stack.api_url)
        await self._begin(self._stack.worker, partial(worker_objection, self._api))
        self._screen.done("worker", "ready to start browsers")
        if why := await http_objection(self._api, "/readyz"):
            self._screen.caution(f"{why} `runreel status` says more.")
        if why := await missing_walls(self._api):
            self._screen.caution(f"{why} `runreel doctor` says what helps.")

    async def _begin(self, program: Program, probe: Probe) -> None:
        self._screen.now(f"Starting {program.name} …")
        keeper = Keeper(program, self._screen.death)
        self._keepers.append(keeper)
        keeper.start()
        await until_ready(keeper, probe)

    async def _first_run(self) -> str | None:
        """The run's id; None when it could not be recorded, which is no reason to end."""
        try:
            return await first_run.show(self._stack, self._screen)
        except CannotStart as problem:
            self._screen.problem(problem)
            return None

    async def _when_forced(self) -> None:
        await self._force.wait()
        for keeper in self._keepers:
            keeper.force()


async def _outcome(task: asyncio.Task[None]) -> None:
    """Wait for a task without taking its result, and without ending it."""
    await asyncio.wait({task})


async def _nats_objection(port: int) -> str:
    return "" if await nats_server.is_up(port) else "it does not answer"
