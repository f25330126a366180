"""One Chromium from its directory to its removal: process, pipe and switchboard, and nobody's run yet."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from schemas.runtime_config import RuntimeConfig
from worker.budget import RunLimits
from worker.cdp.pipe import Pipe
from worker.cdp.switchboard import Switchboard
from worker.chromium import directory as directories
from worker.chromium import flags, process, sandbox
from worker.chromium.sandbox import Sandbox

log = structlog.get_logger(__name__)

LAUNCH_SECONDS = 30
CLOSE_SECONDS = 5.0
SESSIONS = 2  # for the tap, and for whoever attaches first


class Launch(Struct, frozen=True):
    """A command line and an environment."""

    command: list[str]
    environment: dict[str, str]


class BrowserSetup(Struct, frozen=True):
    """What all browsers of a host have in common.

    `idle_timeout_seconds` and `max_duration_seconds` are for runtimes that say none; None: without end. `proxy_key`
    opens the passwords of their proxies.
    """

    binary: Path
    root: Path
    sandbox: Sandbox
    limits: RunLimits = RunLimits()
    idle_timeout_seconds: int | None = None
    max_duration_seconds: int | None = None
    proxy_key: bytes = b""

    def launch(
        self, directory: Path, config: RuntimeConfig, *, keeps_profile: bool = False
    ) -> Launch:
        """How a browser with its files there and that configuration is started. Pure."""
        command = flags.command_line(
            self.binary,
            directory,
            config,
            sandbox=self.sandbox.on,
            dev_shm=self.sandbox.dev_shm,
            keeps_profile=keeps_profile,
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
        self.switchboard = Switchboard()
        self.process: process.Process | None = None
        self.product = ""
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
        return directories.last_words(self.directory)

    async def launch(
        self, prepare: Callable[[Path, int | None], Awaitable[None]] | None = None
    ) -> None:
        """Start it, and wait for its first answer. Raises OSError, ValueError, BrowserGone, CdpError.

        `prepare` is called before, with the directory of its user data and the uid it will have. Whatever was raised,
        `kill` and `remove` it.
        """
        uid = self.setup.sandbox.uid(self.place)
        directories.make(self.directory, uid)
        if prepare is not None:
            await prepare(self.user_data, uid)
        launch = self.setup.launch(self.directory, self._config, keeps_profile=self._keeps_profile)
        command = [*sandbox.prefix(uid), *launch.command]
        self.process = process.spawn(command, launch.environment, self.directory)
        self.process.ended.add_done_callback(self._on_process_end)
        if self._killed:
            self.process.kill()
        pipe = await Pipe.open(self.process.channel, self.switchboard.dispatch, self._on_pipe_full)
        self.switchboard.connect(pipe)
        version, _ = await asyncio.gather(
            self.switchboard.call("Browser.getVersion"), self.switchboard.prepare(SESSIONS)
        )
        self.product = msgspec.json.decode(version)["product"]

    def _on_process_end(self, ended: asyncio.Future[int]) -> None:
        self.on_end(ended.result())

    def _on_pipe_full(self, full: bool) -> None:
        self.on_full(full)  # whoever has it by then

    async def close(self) -> None:
        """Ask it to put its files in order and end; return when it has ended, or after CLOSE_SECONDS."""
        if self.process is not None:
            self.switchboard.post("Browser.close")
            await asyncio.wait({self.process.ended}, timeout=CLOSE_SECONDS)

    def kill(self) -> None:
        """Kill its processes; those that are not there yet, once they are."""
        self._killed = True
        if self.process is not None:
            self.process.kill()

    async def remove(self) -> bool:
        """Remove its directory, once its process has ended. What cannot be removed is told, and swept later."""
        try:
            await asyncio.to_thread(directories.remove, self.directory)
        except OSError as error:
            log.error("browser.directory_left", path=str(self.directory), error=str(error))
            return False
        return True
