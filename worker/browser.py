"""One Chromium from its directory to its removal: process, pipe and switchboard, and nobody's run yet."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct
from uuid_utils import uuid7

from schemas.egress import Allowed
from schemas.runtime_config import RuntimeConfig
from worker.budget import RunLimits
from worker.cdp.pipe import Pipe
from worker.cdp.switchboard import Switchboard
from worker.chromium import directory as directories
from worker.chromium import flags, network, process, proxy, wall
from worker.chromium.sandbox import Sandbox
from worker.egress import Egress, loopback_listener

log = structlog.get_logger(__name__)

LAUNCH_SECONDS = 30
CLOSE_SECONDS = 5.0
TOO_LARGE = "It was killed: it sent a message of more than 1 GiB."
SESSIONS = 2  # for the tap, and for whoever attaches first


class Launch(Struct, frozen=True):
    """A command line and an environment."""

    command: list[str]
    environment: dict[str, str]


class BrowserSetup(Struct, frozen=True):
    """What all browsers of a host have in common.

    `idle_timeout_seconds` and `max_duration_seconds` are for runtimes that say none; None: without end. `proxy_key`
    opens the passwords of their proxies. `egress_allow` is what all of them may reach beside the internet.
    """

    binary: Path
    root: Path
    sandbox: Sandbox
    limits: RunLimits = RunLimits()
    idle_timeout_seconds: int | None = None
    max_duration_seconds: int | None = None
    proxy_key: bytes = b""
    egress_allow: tuple[Allowed, ...] = ()

    def launch(
        self,
        directory: Path,
        config: RuntimeConfig,
        *,
        keeps_profile: bool = False,
        egress_port: int = 0,
    ) -> Launch:
        """How a browser with its files there, that configuration and its egress at that port is started. Pure."""
        command = flags.command_line(
            self.binary,
            directory,
            config,
            sandbox=self.sandbox.on,
            dev_shm=self.sandbox.dev_shm,
            keeps_profile=keeps_profile,
            egress_port=egress_port,
        )
        return Launch(command, flags.environment(directory, config, path=os.defpath))


class Browser:
    """A Chromium of its own: its uid is that of its place, which no other browser has at the same time.

    Its id, of which its directory has the end, is that of the run where it was launched for one.

    Whoever takes it over sets `on_end`, called once with the exit code of its process, which then has to hang up the
    switchboard, and `on_full`, told when the browser takes no more (True) and when it does again.
    """

    def __init__(
        self,
        setup: BrowserSetup,
        config: RuntimeConfig,
        *,
        place: int,
        browser_id: str,
        keeps_profile: bool = False,
    ) -> None:
        self.setup = setup
        self.place = place
        self.directory = directories.path_of(setup.root, browser_id)
        # What is laid down for it to read: beside its own directory, in which it may change names.
        self.laid = directories.path_of(setup.root, str(uuid7()))
        self.switchboard = Switchboard()
        self.egress = Egress()
        self.process: process.Process | None = None
        self.product = ""
        self.fault = ""  # why we killed it, where it was its own
        self.on_end: Callable[[int], None] = lambda _exit_code: self.switchboard.hang_up()
        self.on_full: Callable[[bool], None] = lambda _full: None
        self._config = config
        self._keeps_profile = keeps_profile
        self._killed = False

    @property
    def downloads(self) -> Path:
        """Where it puts what pages download."""
        return self.directory / "downloads"

    @property
    def user_data(self) -> Path:
        """Where it keeps cookies, storage and logins."""
        return self.directory / "profile"

    @property
    def is_up(self) -> bool:
        """Whether it was launched and has answered."""
        return bool(self.product)

    @property
    def is_dead(self) -> bool:
        """Whether its process is gone, also where nobody was told of it yet."""
        return self.process is None or self.process.is_dead

    @property
    def has_ended(self) -> bool:
        """Whether its process was there and is no more."""
        return self.process is not None and self.process.ended.done()

    @property
    def last_words(self) -> str:
        """What it last wrote to its standard error, without secrets."""
        return "" if self.process is None else self.process.last_words

    async def launch(
        self, prepare: Callable[[Path, int | None], Awaitable[None]] | None = None
    ) -> None:
        """Start it, and wait for its first answer. Raises OSError, ValueError, BrowserGone, CdpError.

        `prepare` is called before, with the directory of its user data and the uid it will have. Whatever was raised,
        `kill` and `remove` it.
        """
        uid = self.setup.sandbox.uid(self.place)
        directories.make(self.directory, uid)
        self.laid.mkdir(mode=0o711)
        if prepare is not None:
            await prepare(self.user_data, uid)
        directories.prefer(self.directory, proxy.LOCAL_STATE, uid)
        started = await self._start()
        pipe = await Pipe.open(
            started.channel, self.switchboard.dispatch, self._on_pipe_full, self._on_too_large
        )
        self.switchboard.connect(pipe)
        version, _ = await asyncio.gather(
            self.switchboard.call("Browser.getVersion"), self.switchboard.prepare(SESSIONS)
        )
        self.product = msgspec.json.decode(version)["product"]

    async def _start(self) -> process.Process:
        """Its process, behind the wall that there is, and its egress, which is the way out of it."""
        around = self.setup.sandbox.wall(self.place)
        if not around.network:
            await self.egress.listen(loopback_listener())
        launch = self.setup.launch(
            self.directory,
            self._config,
            keeps_profile=self._keeps_profile,
            egress_port=network.PORT if around.network else self.egress.port,
        )
        place = wall.Place(self.setup.binary, self.directory, self.laid)
        with wall.doors() as (channel, given):
            command = wall.command(around, launch.command, place)
            self.process = process.spawn(command, launch.environment, self.directory, given)
        self.process.ended.add_done_callback(self._on_process_end)
        if self._killed:
            self.process.kill()
        with channel, contextlib.ExitStack() as unless_started:
            unless_started.callback(self.process.channel.close)
            if around.network:
                inside = await network.handed_out(channel, jailed=around.bubblewrap is not None)
                self.process.is_inside(inside.first)
                await self.egress.listen(inside.listener)
            unless_started.pop_all()
        return self.process

    def _on_process_end(self, ended: asyncio.Future[int]) -> None:
        self.egress.close()
        self.on_end(ended.result())

    def _on_pipe_full(self, full: bool) -> None:
        self.on_full(full)  # whoever has it by then

    def _on_too_large(self) -> None:
        self.fault = TOO_LARGE
        log.error("browser.message_too_large", path=str(self.directory))
        self.kill()

    async def close(self) -> None:
        """Ask it to put its files in order and end; return when it has ended, or after CLOSE_SECONDS."""
        if self.process is not None:
            self.switchboard.post("Browser.close")
            await asyncio.wait({self.process.ended}, timeout=CLOSE_SECONDS)

    def kill(self) -> None:
        """Kill its processes; those that are not there yet, once they are. Nothing goes out any more."""
        self._killed = True
        if self.process is not None:
            self.process.kill()
        self.egress.close()

    async def remove(self) -> bool:
        """Remove its directories, once its process has ended. What cannot be removed is told, and swept later."""
        self.egress.close()  # of one that was never started
        try:
            await asyncio.to_thread(directories.remove, self.laid)
            await asyncio.to_thread(directories.remove, self.directory)
        except OSError as error:
            log.error("browser.directory_left", path=str(self.directory), error=str(error))
            return False
        return True
